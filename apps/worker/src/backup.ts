import { runBackupCommand } from '@backoffice/platform';
import { runCommand } from './command.ts';

await runCommand((platform, args, signal) => runBackupCommand(platform, args, console.log, signal));
