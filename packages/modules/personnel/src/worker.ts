import type { WorkerModule } from '@backoffice/platform';
import { personnelMigrations } from './index.ts';
import { personnelHandlers, personnelJobs } from './jobs.ts';
import { recordsImport } from './kinds.ts';
import { auditedCollections, createPersonnelRepository } from './repository.ts';
import { rebuildFigures, verifyFigures } from './rollups/verify.ts';

/** What the worker runs for personnel. */
export const personnelWorker: WorkerModule = {
  name: 'personnel',
  importKinds: (platform) => [recordsImport(platform)],
  jobs: { payloads: personnelJobs, handlers: personnelHandlers },
  audited: auditedCollections,
  schedules: (config) => [
    { job: 'personnel.fold', when: { every: config.SWEEP_EVERY_MS } },
    { job: 'personnel.tidy', when: { every: 3_600_000 } },
  ],
  migrations: personnelMigrations,
  rollups: (platform) => {
    const repository = createPersonnelRepository(platform);
    return {
      verify: () => verifyFigures(repository),
      rebuild: async () => `the figures of ${await rebuildFigures(repository)} dbs were made anew.`,
    };
  },
};
