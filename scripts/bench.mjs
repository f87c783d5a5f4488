// Measures the system on a throw-away MongoDB and Redis. Plain JavaScript without dependencies: it is what gets them.
import { assertNode, install, root, runMain } from './install.mjs';

await runMain(async () => {
  assertNode();
  process.chdir(root);
  await install();
  const { register } = await import('tsx/esm/api');
  register();
  const { main } = await import('../bench/main.ts');
  process.exitCode = await main(process.argv.slice(2));
});
