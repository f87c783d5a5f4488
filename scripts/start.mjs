// Everything that a fresh clone needs to run. Plain JavaScript without dependencies: it is what gets them.
import { assertNode, Complaint, install, root, runMain } from './install.mjs';

const usage = `npm start [-- --watch] [-- --help]

Gets the dependencies, MongoDB and Redis, migrates, starts API and worker, fills in the data, and runs until
Ctrl-C. The data stays in .local between runs.

  --watch   start API and worker anew when a source file changes, and show their logs
  --help    this text

Settings (environment):
  HOST, SYSTEMS             where the API listens (127.0.0.1), and the systems that it serves (all)
  <NAME>_PORT               the port of a system; .env.example has them all
  DATA_DIR                  data of the servers, uploads, logs, generated secrets (.local)
  SEED                      demo (default): users and sample data; admins: only administrators; none
  SEED_PASSWORD             the password of every seeded user (made once and kept in DATA_DIR)
  MONGODB_URI, REDIS_URL    servers to use instead of own ones
  MONGOMS_SYSTEM_BINARY     the mongod to run
  LOG_LEVEL                 how much goes into DATA_DIR/logs (info)
Every other setting of .env.example is passed on to API and worker.
`;

await runMain(async () => {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usage);
    return;
  }
  const unknown = args.find((arg) => arg !== '--watch');
  if (unknown) throw new Complaint(`${unknown} is no option; npm start -- --help tells which there are.`);
  assertNode();
  process.chdir(root);
  await install();
  // In this very process: a starter that was killed must not leave a second one behind.
  const { register } = await import('tsx/esm/api');
  register();
  const { start } = await import('./start/main.ts');
  await start({ watch: args.includes('--watch') });
});
