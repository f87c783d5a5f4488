import {
  createPlatform,
  loadConfig,
  type MigrationSet,
  platformMigrations,
  runMigrateCommand,
  useLocalSystem,
} from '@backoffice/platform';
import { receivablesMigrations } from '@backoffice/receivables';

/** Whose migrations there are, and where new ones are written. A new system is a line here. */
const sets: readonly MigrationSet[] = [
  { owner: 'platform', folder: 'packages/platform/src/mongo/migrations', migrations: platformMigrations },
  {
    owner: 'receivables',
    folder: 'packages/modules/receivables/src/migrations',
    migrations: receivablesMigrations,
  },
];

try {
  useLocalSystem();
  const platform = await createPlatform(loadConfig(), { role: 'cli' });
  try {
    process.exitCode = await runMigrateCommand(platform.db, sets, process.argv.slice(2));
  } finally {
    await platform.close();
  }
} catch (error) {
  console.error(`The migration failed: ${(error as Error).message}`);
  process.exitCode = 1;
}
