import { createPlatform, loadConfig, startWorker } from '../src/index.ts';
import { testWorkerModule } from './test-kind.ts';

// A worker as a process of its own, so that a test can kill it.
const platform = await createPlatform(loadConfig(), { role: 'worker', systems: [testWorkerModule] });
const worker = await startWorker(platform, [testWorkerModule]);
process.once('SIGTERM', async () => {
  await worker.close();
  await platform.close();
  process.exit(0);
});
console.log('working');
