import { runRestoreCommand } from '@backoffice/platform';
import { runCommand } from './command.ts';
import { migrations } from './migration-sets.ts';

await runCommand((platform, args, signal) =>
  runRestoreCommand(platform, migrations, args, console.log, signal),
);
