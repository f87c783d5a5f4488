import { runRestoreCommand } from '@backoffice/platform';
import { runCommand } from './command.ts';
import { sets } from './migration-sets.ts';

const migrations = sets.flatMap((set) => set.migrations);

await runCommand((platform, args, signal) =>
  runRestoreCommand(platform, migrations, args, console.log, signal),
);
