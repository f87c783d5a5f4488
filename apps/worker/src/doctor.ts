import { runDoctorCommand, useLocalSystem } from '@backoffice/platform';
import { migrations } from './migration-sets.ts';
import { systems } from './worker.ts';

try {
  useLocalSystem();
  process.exitCode = await runDoctorCommand(systems, migrations, process.argv.slice(2));
} catch (error) {
  console.error(`The doctor failed: ${(error as Error).message}`);
  process.exitCode = 1;
}
