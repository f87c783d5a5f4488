import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { programOf, type TestPlatform } from '../harness/processes.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Command {
  child: ChildProcess;
  /** What it has said so far. */
  said: () => string;
  /** Its exit code, null after a signal. */
  ended: Promise<number | null>;
}

/** Runs one of the commands of package.json as an operator does, in a process of its own. */
export function startCommand(
  t: Test,
  script: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[] = [],
  /** Done by the shell before it, in its place. */
  first = ':',
): Command {
  const { PATH, HOME } = process.env;
  const shell = ['-c', `${first}; exec "$0" "$@"`, process.execPath, ...programOf(script), ...args];
  const child = spawn('sh', shell, {
    cwd: root,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (said += piece));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, said: () => said, ended };
}

export async function runCommand(
  t: Test,
  script: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[] = [],
) {
  const command = startCommand(t, script, env, args);
  return { code: await command.ended, said: command.said() };
}

export const backupScript = 'apps/worker/src/backup.ts';
export const restoreScript = 'apps/worker/src/restore.ts';

export async function temporaryFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'operations-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What MongoDB itself says of the content of every collection of the business. */
export async function hashesOf({ db }: TestPlatform): Promise<Record<string, string>> {
  const { collections } = (await db.command({ dbHash: 1 })) as unknown as {
    collections: Record<string, string>;
  };
  const passing = ['maintenance', 'processes', 'leases', 'backups'];
  return Object.fromEntries(Object.entries(collections).filter(([name]) => !passing.includes(name)));
}
