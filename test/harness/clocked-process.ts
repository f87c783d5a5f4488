import { startApi, systems } from '@backoffice/api';
import { createPlatform, loadConfig, startWorker } from '@backoffice/platform';
import { workers } from '../../apps/worker/src/worker.ts';

// The API or the worker as it is, but for its clock: it stands where the parent puts it, by a message.
const [role] = process.argv.slice(2) as ['api' | 'worker'];
let now = new Date(process.env.CONTRACT_CLOCK ?? '2025-01-01T00:00:00Z');
process.on('message', ({ at }: { at: string }) => {
  now = new Date(at);
  process.send?.({ at });
});
process.on('disconnect', () => process.exit(0));

const platform = await createPlatform(loadConfig(process.env, systems), { role, systems, clock: () => now });
if (role === 'api') await startApi(platform);
else {
  await startWorker(platform, workers);
  platform.log.info('working');
}
