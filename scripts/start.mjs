// Everything that a fresh clone needs to run. Plain JavaScript without dependencies: it is what gets them.
import { assertNode, install, root, runMain } from './install.mjs';

await runMain(async () => {
  assertNode();
  process.chdir(root);
  await install();
  // In this very process: a starter that was killed must not leave a second one behind.
  const { register } = await import('tsx/esm/api');
  register();
  const { start } = await import('./start/main.ts');
  await start({ watch: process.argv.includes('--watch') });
});
