import { runFirstAdministratorCommand } from '@backoffice/platform';
import { runCommand } from './command.ts';
import { readNewPassword } from './password-input.ts';
import { systems } from './worker.ts';

await runCommand((platform, args, signal) =>
  runFirstAdministratorCommand(platform, args, {
    modules: systems,
    readPassword: (file) => readNewPassword(file, signal),
    say: console.log,
  }),
);
