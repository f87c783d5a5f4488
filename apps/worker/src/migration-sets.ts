import { type MigrationSet, platformMigrations } from '@backoffice/platform';
import { systems } from './worker.ts';

/** Whose migrations there are, and where new ones are written. */
export const sets: readonly MigrationSet[] = [
  { owner: 'platform', folder: 'packages/platform/src/mongo/migrations', migrations: platformMigrations },
  ...systems.map(({ name, migrations }) => {
    return { owner: name, folder: `packages/modules/${name}/src/migrations`, migrations };
  }),
];

export const migrations = sets.flatMap((set) => set.migrations);
