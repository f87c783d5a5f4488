import { runProcess, startWorker } from '@backoffice/platform';
import { modules } from './worker.ts';

await runProcess('worker', async (platform) => {
  const worker = await startWorker(platform, modules);
  platform.log.info({ systems: modules.map((module) => module.name) }, 'working');
  return worker;
});
