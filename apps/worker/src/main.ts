import { getPriority, setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runProcess, startWorker, startWorkerServer } from '@backoffice/platform';
import { migrations } from './migration-sets.ts';
import { systems, workers } from './worker.ts';

// What an import holds at any moment is small, however large its file. V8 would still let garbage grow to
// several times that before it looks; like this it looks at half as much again, which costs no CPU time.
setFlagsFromString('--heap-growing-percent=50');

await runProcess('worker', systems, async (platform) => {
  // The parsers that it starts inherit it. Whom the operator has put further back stays there.
  if (getPriority() < platform.config.WORKER_NICE) setPriority(platform.config.WORKER_NICE);
  // First of all: a port that is another's must be said before a job has begun.
  const server = await startWorkerServer(platform, migrations);
  const worker = await startWorker(platform, workers);
  platform.log.info({ systems: platform.systems, url: server.url }, 'working');
  return {
    async close() {
      // Seen to the end: draining is when an operator looks.
      await worker.close();
      await server.close();
    },
  };
});
