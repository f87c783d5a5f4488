import { runDoctorCommand, useLocalSystem } from '@backoffice/platform';
import { receivables } from '@backoffice/receivables';
import { sets } from './migration-sets.ts';

/** The systems whose administrators and queues are looked at. A new one is a line here. */
const systems = [receivables];

try {
  useLocalSystem();
  const migrations = sets.flatMap((set) => set.migrations);
  process.exitCode = await runDoctorCommand(systems, migrations, process.argv.slice(2));
} catch (error) {
  console.error(`The doctor failed: ${(error as Error).message}`);
  process.exitCode = 1;
}
