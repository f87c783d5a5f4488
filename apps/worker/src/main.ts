import { setFlagsFromString } from 'node:v8';
import { runProcess, startWorker } from '@backoffice/platform';
import { modules } from './worker.ts';

// What an import holds at any moment is small, however large its file. V8 would still let garbage grow to
// several times that before it looks; like this it looks at half as much again, which costs no CPU time.
setFlagsFromString('--heap-growing-percent=50');

await runProcess('worker', async (platform) => {
  const worker = await startWorker(platform, modules);
  platform.log.info({ systems: modules.map((module) => module.name) }, 'working');
  return worker;
});
