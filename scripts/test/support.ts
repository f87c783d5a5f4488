import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Running {
  child: ChildProcess;
  /** Both streams so far. */
  output(): string;
  /** Resolves when the process has ended and all that it said is there. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }>;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
}

/** Starts a program from the root; it is killed when the test ends, if it has not ended by then. */
export function run(t: Test, command: string, args: string[], options: RunOptions = {}): Running {
  const { env = process.env, cwd = root, uid } = options;
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }>(
    (resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal, output }));
    },
  );
  t.teardown(() => child.kill('SIGKILL'));
  return { child, output: () => output, ended };
}

/** Waits for a condition that another process brings about; the limit is far beyond what it takes. */
export async function until(what: string, holds: () => boolean, limitMs = 30_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await delay(20);
  }
}

/** An empty directory that goes with the test. */
export function scratch(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'backoffice-test-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The environment without what would point at other servers or change what is started. */
export function cleanEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^(TEST_|TAP_|MONGO|REDIS|SEED|SYSTEMS$|JWT_|DATA_DIR$|LOG_LEVEL$|NODE_ENV$)/.test(name))
      delete env[name];
  }
  return { ...env, ...more };
}

/** The processes whose command line contains the text; undefined where the system does not tell. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandLine(pid).includes(text));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
