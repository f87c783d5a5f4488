// The one gate: what a change has to pass. `--static` leaves the tests out, `--all` does not stop at a failure.
import { assertNode, Complaint, install, root, run, runMain } from './install.mjs';

const sources = ['apps', 'packages', 'scripts'];
const checks = [
  ['format', 'biome', ['format', '.']],
  ['lint', 'biome', ['check', '--formatter-enabled=false', '--error-on-warnings', '.']],
  ['types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']],
  ['boundaries', 'depcruise', ['--config', '.dependency-cruiser.cjs', ...sources]],
];
const tests = ['tests', process.execPath, ['scripts/test.mjs']];

await runMain(async () => {
  const args = process.argv.slice(2);
  const unknown = args.find((arg) => !['--static', '--all'].includes(arg));
  if (unknown) throw new Complaint(`${unknown} is no option: node scripts/check.mjs [--static] [--all]`);
  assertNode();
  process.chdir(root);
  await install();

  const wanted = args.includes('--static') ? checks : [...checks, tests];
  const failed = [];
  let passed = 0;
  for (const [name, command, rest] of wanted) {
    const began = performance.now();
    const good = await passes(command, rest);
    console.log(`${good ? '✓' : '✗'} ${name}  ${((performance.now() - began) / 1000).toFixed(1)} s`);
    if (good) passed += 1;
    else failed.push(name);
    if (!good && !args.includes('--all')) break;
  }
  if (failed.length > 0) console.log(`\nFailed: ${failed.join(', ')}`);
  console.log(`\n${passed} passed, ${failed.length} failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
});

async function passes(command, args) {
  // Of this checkout, whatever is installed on the machine.
  const env = { PATH: `${root}node_modules/.bin:${process.env.PATH}` };
  const { code } = await run(command, args, { inherit: true, env });
  return code === 0;
}
