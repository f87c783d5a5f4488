import { createPlatform, loadConfig, runMigrateCommand, useLocalSystem } from '@backoffice/platform';
import { sets } from './migration-sets.ts';
import { systems } from './worker.ts';

try {
  useLocalSystem();
  const platform = await createPlatform(loadConfig(process.env, systems), { role: 'cli', systems });
  try {
    process.exitCode = await runMigrateCommand(platform.db, sets, process.argv.slice(2));
  } finally {
    await platform.close();
  }
} catch (error) {
  console.error(`The migration failed: ${(error as Error).message}`);
  process.exitCode = 1;
}
