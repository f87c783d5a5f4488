import { runFirstAdministratorCommand } from '@backoffice/platform';
import { receivables } from '@backoffice/receivables';
import { runCommand } from './command.ts';
import { readNewPassword } from './password-input.ts';

/** Every system that has administrators. A new one is a line here. */
const modules = [receivables];

await runCommand((platform, args, signal) =>
  runFirstAdministratorCommand(platform, args, {
    modules,
    readPassword: (file) => readNewPassword(file, signal),
    say: console.log,
  }),
);
