import type { WorkerModule } from '@backoffice/platform';
import { receivablesJobs, tidyHandler } from './jobs.ts';
import { statementImport } from './kinds.ts';
import { receivablesMigrations } from './migrations.ts';
import { auditedCollections, createReceivablesRepository } from './repository.ts';
import { rebuildRollups, verifyRollups } from './rollups/verify.ts';

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
  rollups: (platform) => {
    const repository = createReceivablesRepository(platform);
    return {
      verify: () => verifyRollups(repository),
      async rebuild() {
        const { regions, changed } = await rebuildRollups(repository);
        return `${regions} regions made anew; ${changed} of them differed from what was in force.`;
      },
    };
  },
};
