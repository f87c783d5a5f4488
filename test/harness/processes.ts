import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systems } from '@backoffice/api';
import {
  createMigrator,
  createPlatform,
  loadConfig,
  platformMigrations,
  portSettingOf,
} from '@backoffice/platform';
import type { Test } from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));
const redisUrl = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';

/** Settings for a database, queues and a folder of this test's own. */
export function ownEnvironment(t: Test, overrides: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const name = `contract_${randomBytes(6).toString('hex')}`;
  const dataDir = mkdtempSync(join(tmpdir(), `${name}-`));
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
  const uri = new URL(process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017');
  uri.pathname = `/${name}`;
  return {
    NODE_ENV: 'test',
    MONGODB_URI: uri.href,
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: name,
    JWT_SECRET: randomBytes(32).toString('hex'),
    AUDIT_KEY: randomBytes(32).toString('hex'),
    DATA_DIR: dataDir,
    ...Object.fromEntries(systems.map((system) => [portSettingOf(system), '0'])),
    WORKER_PORT: '0',
    // A test has nothing else to do than to wait for the worker.
    WORKER_NICE: '0',
    JOB_LEASE_MS: '1500',
    SWEEP_EVERY_MS: '500',
    UPLOAD_WAIT_MS: '30000',
    LOG_LEVEL: 'info',
    // All clients of a test have one address.
    RATE_LIMIT_PER_MINUTE: '0',
    RATE_LIMIT_SIGN_IN_PER_MINUTE: '0',
    ...overrides,
  };
}

/** The platform of the test itself: it migrates, makes users, and looks into the database where HTTP can't. */
export async function openPlatform(t: Test, env: NodeJS.ProcessEnv) {
  const platform = await createPlatform(loadConfig({ ...env, LOG_LEVEL: 'silent' }, systems), {
    role: 'cli',
    systems,
  });
  t.teardown(async () => {
    await removeKeys(platform.redis, env.QUEUE_PREFIX!);
    await platform.db.dropDatabase();
    await platform.close();
  });
  const migrations = [...platformMigrations, ...systems.flatMap((system) => system.migrations)];
  await createMigrator(platform.db, migrations).latest();
  return platform;
}

export type TestPlatform = Awaited<ReturnType<typeof openPlatform>>;

/** What the queues of a prefix hold, gone, as if Redis had lost it. */
export async function removeKeys(redis: TestPlatform['redis'], prefix: string): Promise<void> {
  const keys = await redis.keys(`${prefix}:*`);
  if (keys.length > 0) await redis.del(...keys);
}

/**
 * The first value that is not null, undefined or false; fails after a minute. What comes soon is seen soon; what takes
 * long is not kept from coming by being asked for all the time.
 */
export async function until<T>(what: string, read: () => Promise<T> | T): Promise<NonNullable<T>> {
  const end = Date.now() + 60_000;
  for (let pause = 5; ; pause = Math.min(60, pause * 1.2)) {
    const value = await read();
    if (value !== null && value !== undefined && value !== false) return value as NonNullable<T>;
    if (Date.now() > end) throw new Error(`Waited too long for ${what}.`);
    await delay(pause);
  }
}

export interface RunningProcess {
  child: ChildProcess;
  /** Every line that it wrote, on either channel. */
  lines: string[];
  /** The message of the log line that says it is up. */
  up: Record<string, unknown>;
  end: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** How Node starts a program: from what the runner has made of it before all tests, else with the loader. */
export function programOf(script: string): string[] {
  const made = join(process.env.TEST_PROGRAMS ?? '', `${script}.mjs`);
  return process.env.TEST_PROGRAMS && existsSync(made) ? [made] : ['--import', 'tsx', join(root, script)];
}

/** Starts one of the real programs and waits for the log line that says it is up. */
export async function startProcess(
  t: Test,
  script: string,
  env: NodeJS.ProcessEnv,
  message: string,
  args: string[] = [],
): Promise<RunningProcess> {
  const stdio = ['ignore', 'pipe', 'pipe', 'ipc'] as ['ignore', 'pipe', 'pipe', 'ipc'];
  // Nothing of the caller's own settings may get in: what counts is `env`.
  const { PATH, HOME, TZ } = process.env;
  const child = spawn(process.execPath, [...programOf(script), ...args], {
    cwd: root,
    env: { PATH, HOME, ...(TZ === undefined ? {} : { TZ }), ...env },
    stdio,
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  // A test that ends without its teardown must not leave the programs running.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  t.teardown(async () => {
    process.off('exit', kill);
    kill();
    await exited;
  });
  const lines: string[] = [];
  let up: Record<string, unknown> | undefined;
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (up === undefined && line.includes(`"msg":"${message}"`)) up = JSON.parse(line);
    });
  }
  await until(`${script} to be up`, () => {
    if (child.exitCode !== null) throw new Error(`${script} has ended: ${lines.join('\n')}`);
    return up !== undefined;
  });
  return {
    child,
    lines,
    up: up!,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

export const startApiProcess = (t: Test, env: NodeJS.ProcessEnv) =>
  startProcess(t, 'apps/api/src/main.ts', env, 'listening');
export const startWorkerProcess = (t: Test, env: NodeJS.ProcessEnv) =>
  startProcess(t, 'apps/worker/src/main.ts', env, 'working');
