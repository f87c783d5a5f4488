import { type MigrationSet, platformMigrations } from '@backoffice/platform';
import { receivablesMigrations } from '@backoffice/receivables';

/** Whose migrations there are, and where new ones are written. A new system is a line here. */
export const sets: readonly MigrationSet[] = [
  { owner: 'platform', folder: 'packages/platform/src/mongo/migrations', migrations: platformMigrations },
  {
    owner: 'receivables',
    folder: 'packages/modules/receivables/src/migrations',
    migrations: receivablesMigrations,
  },
];
