import type { ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  assertPortFree,
  DevServicesError,
  explainFileFault,
  isRunning,
  markProcess,
  type ProcessMark,
  type Services,
  startServices,
  stopLeftovers,
  takeLock,
  thisProcess,
  writeRecord,
} from '@backoffice/dev-services';
import { runChild, stopChild } from './children.ts';
import { greeting } from './greeting.ts';
import { removeLocalEnv, writeLocalEnv } from './local-env.ts';
import { createParts, type PartPlan, type Parts } from './parts.ts';
import { phase, say } from './progress.ts';
import { keptSecret } from './secrets.ts';
import { readSettings } from './settings.ts';
import { listSystems, startedSystems } from './systems.ts';
import { onEdits } from './watch.ts';

/** The programs that the system consists of. */
export interface Programs {
  parts: readonly PartPlan[];
  /** Says which systems there are. */
  list: string;
  migrate: string;
  seed: string;
}

const programs: Programs = {
  parts: [
    { title: 'The API', name: 'api', script: 'apps/api/src/main.ts' },
    { title: 'The worker', name: 'worker', script: 'apps/worker/src/main.ts' },
  ],
  list: 'apps/worker/src/list-systems.ts',
  migrate: 'apps/worker/src/migrate.ts',
  seed: 'apps/worker/src/seed/main.ts',
};

const readyMs = 60_000;

/** Starts the whole system, keeps it running, and ends it in reverse order on a signal. */
export async function start({ watch }: { watch: boolean }, { parts: plans, ...scripts } = programs) {
  const settings = readSettings(process.env);
  const { dataDir, host } = settings;
  const broken = new AbortController();
  const interrupt = () => {
    if (!broken.signal.aborted) say('stopping …');
    broken.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  // Nobody reads any more: the pager was left, or npm is gone.
  process.stdout.on('error', interrupt);

  const record = join(dataDir, 'run.json');
  const unlock = takeDataDir(dataDir);
  const helpers = new Set<ChildProcess>();
  let processes: ProcessMark[] = [];
  let services: Services | undefined;
  let parts: Parts | undefined;

  const remember = (pid: number, script: string) => {
    processes = [...processes.filter(isRunning), markProcess(pid, script)];
    writeRecord(record, { owner: thisProcess(), processes });
  };

  async function end(): Promise<void> {
    await Promise.all([...helpers].map(stopChild));
    await parts?.stop();
    await services?.stop();
    rmSync(record, { force: true });
    removeLocalEnv(dataDir);
    unlock();
  }

  /** The work, unless the user or a part that has ended breaks it off. */
  async function unlessBroken<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {});
    const faults = [services?.fault, parts?.fault()].filter((fault) => fault !== undefined);
    const result = await Promise.race([work, aborted(broken.signal), ...faults]);
    if (result instanceof DevServicesError) throw result;
    return result;
  }

  // From here on there may be something to stop, whatever happens.
  try {
    const left = await stopLeftovers(record);
    if (left > 0) say(`stopped ${left} processes that an earlier start left behind`);
    const listed = await listSystems(scripts.list, broken.signal);
    const systems = startedSystems(listed, process.env, host);
    for (const { port, portSetting } of systems) await assertPortFree(port, portSetting, host);
    const password = process.env.SEED_PASSWORD || keptSecret(dataDir, 'seed-password', 9);

    phase('services');
    services = await startServices({ dataDir, log: say, signal: broken.signal });
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      MONGODB_URI: services.mongoUri,
      REDIS_URL: services.redisUrl,
      DATA_DIR: dataDir,
      JWT_SECRET: process.env.JWT_SECRET || keptSecret(dataDir, 'jwt-secret', 48),
      AUDIT_KEY: process.env.AUDIT_KEY || keptSecret(dataDir, 'audit-key', 48),
      // Here every front-end, script and test comes from one address: a limit by address would hit them together.
      RATE_LIMIT_PER_MINUTE: process.env.RATE_LIMIT_PER_MINUTE || '0',
      RATE_LIMIT_SIGN_IN_PER_MINUTE: process.env.RATE_LIMIT_SIGN_IN_PER_MINUTE || '0',
      SEED: settings.seed,
      SEED_PASSWORD: password,
      ...Object.fromEntries(systems.map(({ portSetting, port }) => [portSetting, String(port)])),
      // Only for who looks: a port that is taken must not keep the system from starting.
      WORKER_PORT: process.env.WORKER_PORT || '0',
      HOST: host,
      NODE_ENV: settings.nodeEnv,
    };
    writeLocalEnv(dataDir, env);
    const helper = (name: string, script: string, args: string[] = []) => {
      // The terminal shows what they do for the user; their logs would drown that.
      const quiet = { ...env, LOG_LEVEL: process.env.LOG_LEVEL || 'warn' };
      const onSpawn = (pid: number) => remember(pid, script);
      return unlessBroken(runChild({ name, script, args, env: quiet, onSpawn }, helpers));
    };

    phase('migrations');
    await helper('The migration', scripts.migrate, ['latest']);

    phase('API and worker');
    parts = createParts({ plans, env, dataDir, onSpawn: remember, follow: watch });
    parts.start();
    for (const { url } of systems) await unlessBroken(untilReady(`${url}/ready`, broken.signal));

    phase('data', `SEED=${settings.seed}`);
    if (settings.seed !== 'none') await helper('The seed', scripts.seed);

    say('ready');
    console.log(greeting(settings, systems, password));
    if (watch) await restartOnEdits(parts, services, broken.signal);
    else await unlessBroken(new Promise(() => {}));
  } catch (error) {
    await end();
    if (!broken.signal.aborted) throw error;
  }
  process.exit(0);
}

/** Makes the directory and locks it, so that a second start does not get into the way of the first. */
function takeDataDir(dataDir: string): () => void {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw explainFileFault(error, dataDir);
  }
  return takeLock(join(dataDir, 'start.lock'), `A start on ${dataDir}`);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  const end = Date.now() + readyMs;
  let last = 'no answer';
  while (!signal.aborted) {
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

/** A part that ends, say for a slip in the source, waits for the next edit. */
async function restartOnEdits(parts: Parts, services: Services, signal: AbortSignal): Promise<void> {
  onEdits(async () => {
    if (signal.aborted) return;
    say('a file changed: restarting API and worker');
    await parts.stop();
    if (!signal.aborted) parts.start();
  });
  throw await Promise.race([services.fault, aborted(signal)]);
}
