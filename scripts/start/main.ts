import type { ChildProcess } from 'node:child_process';
import { existsSync, rmSync, watch } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  assertPortFree,
  DevServicesError,
  isRunning,
  type ProcessMark,
  readRecord,
  type Services,
  startServices,
  stopLeftovers,
  thisProcess,
  writeRecord,
} from '@backoffice/dev-services';
import { hasEnded, runChild, startChild, stopChild } from './children.ts';
import { phase, say } from './progress.ts';
import { keptSecret } from './secrets.ts';

const api = 'apps/api/src/main.ts';
const worker = 'apps/worker/src/main.ts';
const migrate = 'apps/worker/src/migrate.ts';
const seeder = 'apps/worker/src/seed/main.ts';
const readyMs = 60_000;
const logins = [
  ['admin@example.com', 'Admin'],
  ['country.manager@example.com', 'Country Manager'],
  ['manager.mumbai@example.com', 'Manager, Mumbai'],
  ['engineer.mumbai@example.com', 'Engineer, Mumbai'],
  ['manager.delhi@example.com', 'Manager, Delhi'],
  ['engineer.delhi@example.com', 'Engineer, Delhi'],
] as const;

/** Thrown through the phases when the user breaks off: the end is then already under way. */
class Interrupted extends Error {}

/** Starts the whole system, keeps it running, and ends it in reverse order on a signal. */
export async function start({ watch: restartOnChange }: { watch: boolean }): Promise<void> {
  const port = Number(process.env.RECEIVABLES_PORT || 5000);
  const host = process.env.HOST || '127.0.0.1';
  const dataDir = resolve(process.env.DATA_DIR || '.local');
  const record = join(dataDir, 'run.json');
  const processes: ProcessMark[] = [];
  const parts = new Map<string, ChildProcess>();
  const helpers = new Set<ChildProcess>();
  const { promise: signalled, resolve: interrupt } = withResolvers();
  let interrupted = false;
  let services: Services | undefined;

  const remember = (pid: number, mark: string) => {
    const live = processes.filter(isRunning);
    processes.splice(0, processes.length, ...live, { pid, mark });
    writeRecord(record, { owner: thisProcess(), processes });
  };

  async function end(): Promise<void> {
    for (const helper of helpers) await stopChild(helper);
    for (const script of [worker, api]) {
      const part = parts.get(script);
      if (part) await stopChild(part);
    }
    await services?.stop();
    rmSync(record, { force: true });
  }

  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!interrupted) say('stopping …');
      interrupted = true;
      interrupt();
    });
  }
  const checkpoint = () => {
    if (interrupted) throw new Interrupted();
  };

  const earlier = readRecord(record);
  if (earlier && earlier.owner.pid !== process.pid && isRunning(earlier.owner)) {
    throw new DevServicesError(`Already running on ${dataDir} (process ${earlier.owner.pid}).`);
  }
  const left = await stopLeftovers(record);
  if (left > 0) say(`stopped ${left} processes that an earlier start left behind`);
  await assertPortFree(port, 'RECEIVABLES_PORT', host);

  // From here on there may be something to stop, whatever happens.
  try {
    const seed = process.env.SEED || 'demo';
    const seedPassword = process.env.SEED_PASSWORD || keptSecret(dataDir, 'seed-password', 9);
    const jwtSecret = process.env.JWT_SECRET || keptSecret(dataDir, 'jwt-secret', 48);
    writeRecord(record, { owner: thisProcess(), processes });

    phase('services');
    services = await startServices({ dataDir, log: say });
    checkpoint();
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      MONGODB_URI: services.mongoUri,
      REDIS_URL: services.redisUrl,
      DATA_DIR: dataDir,
      JWT_SECRET: jwtSecret,
      SEED: seed,
      SEED_PASSWORD: seedPassword,
      RECEIVABLES_PORT: String(port),
      HOST: host,
      NODE_ENV: process.env.NODE_ENV || 'development',
    };
    const helper = async (name: string, script: string, args: string[] = []) => {
      const onSpawn = (pid: number) => remember(pid, script);
      await runChild({ name, script, args, env, onSpawn }, helpers).catch((error) => {
        checkpoint();
        throw error;
      });
      checkpoint();
    };

    phase('migrations');
    await helper('The migration', migrate, ['latest']);

    phase('API and worker');
    const startPart = (script: string) =>
      parts.set(script, startChild({ name: script, script, env, onSpawn: (pid) => remember(pid, script) }));
    startPart(api);
    startPart(worker);
    await Promise.race([signalled, waitUntilReady(`http://${host}:${port}/ready`, parts)]);
    checkpoint();

    phase('data', `SEED=${seed}`);
    if (seed !== 'none') await helper('The seed', seeder);

    greet(`http://${host}:${port}`, seed, seedPassword);
    if (restartOnChange) restartOnEdits(parts, startPart, () => interrupted);
    await Promise.race([signalled, restartOnChange ? signalled : untilOneEnds(parts)]);
    if (!interrupted) throw new DevServicesError('A part of the system has ended; what it said is above.');
  } catch (error) {
    if (!(error instanceof Interrupted)) {
      await end();
      throw error;
    }
  }
  await end();
  process.exit(0);
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function waitUntilReady(url: string, parts: Map<string, ChildProcess>): Promise<void> {
  const end = Date.now() + readyMs;
  let last = 'no answer';
  for (;;) {
    for (const [script, part] of parts) {
      if (hasEnded(part)) throw new DevServicesError(`${script} ended before it was ready; see above.`);
    }
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      if (answer.status === 200) return;
      last = `${answer.status} ${await answer.text()}`;
    } catch {
      // It does not listen yet.
    }
    if (Date.now() > end) throw new DevServicesError(`${url} is not ready after 60 s: ${last}`);
    await delay(100);
  }
}

function untilOneEnds(parts: Map<string, ChildProcess>): Promise<void> {
  return new Promise((done) => {
    for (const part of parts.values()) {
      if (hasEnded(part)) done();
      part.once('exit', () => done());
    }
  });
}

function greet(base: string, seed: string, password: string): void {
  say('ready');
  console.log(`\n  Receivables   ${base}/api`);
  console.log(`  API reference ${base}/docs`);
  console.log(`  Queues        ${base}/admin/queues`);
  if (seed !== 'none') {
    console.log(`\n  Password of every login: ${password}`);
    for (const [email, role] of seed === 'demo' ? logins : logins.slice(0, 1)) {
      console.log(`    ${email.padEnd(30)} ${role}`);
    }
  }
  console.log('\n  Ctrl-C stops everything; the data stays.\n');
}

/** Starts API and worker anew when a source file changes; several changes at once count as one. */
function restartOnEdits(
  parts: Map<string, ChildProcess>,
  startPart: (script: string) => void,
  isOver: () => boolean,
): void {
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const restart = async () => {
    if (isOver()) return;
    say('a file changed: restarting API and worker');
    await Promise.all([...parts.values()].map(stopChild));
    if (isOver()) return;
    for (const script of [...parts.keys()]) startPart(script);
  };
  for (const dir of ['apps', 'packages'].filter((name) => existsSync(name))) {
    watch(dir, { recursive: true }, (_event, file) => {
      if (!file?.endsWith('.ts') || file.includes('node_modules') || file.includes('test')) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        running = running.then(restart);
      }, 200);
    });
  }
}
