import type { WorkerModule } from '@backoffice/platform';
import { receivablesJobs, tidyHandler } from './jobs.ts';
import { statementImport } from './kinds.ts';
import { receivablesMigrations } from './migrations.ts';
import { auditedCollections } from './repository.ts';

/** What the worker runs for receivables. */
export const receivablesWorker: WorkerModule = {
  name: 'receivables',
  importKinds: (platform) => [statementImport(platform)],
  jobs: {
    payloads: receivablesJobs,
    handlers: (platform) => ({ 'receivables.tidy': tidyHandler(platform) }),
  },
  audited: auditedCollections,
  schedules: [{ job: 'receivables.tidy', when: { every: 3_600_000 } }],
  migrations: receivablesMigrations,
};
