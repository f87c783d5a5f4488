import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findMongod, findRedisServer, freePort, mongoAnswers, redisAnswers } from '@backoffice/dev-services';
import type { Test } from 'tap';

/** A server of a test's own, on one port for as long as the test lives, with its data on disk. */
export interface OwnServer {
  url: string;
  start: () => Promise<void>;
  /** Ends it: in order, or as a crash would. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

interface Plan {
  binary: string;
  args: (port: number, folder: string) => string[];
  url: (port: number) => string;
  answers: (port: number) => Promise<boolean>;
}

async function ownServer(t: Test, { binary, args, url: urlOf, answers }: Plan): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), 'own-server-'));
  await mkdir(join(folder, 'data'));
  const port = await freePort();
  const url = urlOf(port);
  let child: ChildProcess | undefined;

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async function start(): Promise<void> {
    child = spawn(binary, args(port, join(folder, 'data')), { stdio: 'ignore' });
    const kill = () => child?.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    for (const end = Date.now() + 60_000; ; await delay(50)) {
      if (await answers(port)) return;
      if (Date.now() > end || child.exitCode !== null)
        throw new Error(`${binary} does not answer on ${port}.`);
    }
  }

  t.teardown(async () => {
    await stop('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  await start();
  return { url, start, stop };
}

export async function ownMongo(t: Test, more: string[] = []): Promise<OwnServer> {
  return ownServer(t, {
    binary: await findMongod({ env: process.env, log: () => undefined }),
    args: (port, folder) => [
      ...['--bind_ip', '127.0.0.1', '--port', `${port}`, '--dbpath', folder, '--nounixsocket', '--quiet'],
      ...['--wiredTigerCacheSizeGB', '0.25', ...more],
    ],
    url: (port) => `mongodb://127.0.0.1:${port}`,
    answers: mongoAnswers,
  });
}

export async function ownRedis(t: Test, more: string[] = []): Promise<OwnServer> {
  return ownServer(t, {
    binary: await findRedisServer({ env: process.env, log: () => undefined }),
    args: (port, folder) => [
      ...['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', ''],
      ...['--appendonly', 'yes', '--maxmemory-policy', 'noeviction', ...more],
    ],
    url: (port) => `redis://127.0.0.1:${port}`,
    answers: redisAnswers,
  });
}
