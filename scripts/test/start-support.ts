import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Test } from 'tap';
import { cleanEnv, processesWith, type Running, run, scratch, until } from './support.ts';

export interface StartOptions {
  dataDir?: string;
  /** Of the first of the two systems, the only one unless `env` names others. */
  port?: number;
  env?: NodeJS.ProcessEnv;
  args?: string[];
  uid?: number;
  /** Under a shell that waits for it and passes no signal on, as under npm. */
  throughShell?: boolean;
}

export interface StartedSystem extends Running {
  dataDir: string;
  port: number;
  ready(): Promise<void>;
}

/** Starts the system with stand-ins for its programs, on a port and in a directory of its own. */
export async function startSystem(t: Test, options: StartOptions = {}): Promise<StartedSystem> {
  const dataDir = options.dataDir ?? `${scratch(t)}/data`;
  const port = options.port ?? (await freePort());
  const env = cleanEnv({ DATA_DIR: dataDir, SYSTEMS: 'one', ONE_PORT: String(port), ...options.env });
  const command = [process.execPath, 'scripts/test/fixtures/stand-ins/start.mjs', ...(options.args ?? [])];
  const [program = '', ...args] = options.throughShell ? ['sh', '-c', `${command.join(' ')}; true`] : command;
  const running = run(t, program, args, {
    env,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
  });
  // A starter that is killed leaves its children; the next one would stop them.
  t.teardown(() => {
    for (const pid of [...processesWith(dataDir), ...partsOf(dataDir)]) process.kill(pid, 'SIGKILL');
  });
  let over = false;
  void running.ended.finally(() => {
    over = true;
  });
  const ready = async () => {
    await until('ready', () => over || running.output().includes('Ctrl-C stops everything'), 60_000);
    if (over) throw new Error(`ended before it was ready: ${running.output()}`);
  };
  return { ...running, dataDir, port, ready };
}

/** API, worker and helpers of a start: their command lines are alike, so they are known by their environment. */
export function partsOf(dataDir: string): number[] {
  return processesWith('scripts/test/fixtures/stand-ins/').filter((pid) =>
    environmentOf(pid).includes(dataDir),
  );
}

/** What a start leaves in its directory when it has ended: data, logs, secrets, nothing temporary. */
export function leftIn(dataDir: string): string[] {
  return existsSync(dataDir) ? readdirSync(dataDir).sort() : [];
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}
