import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import { median } from './measure.ts';
import type { BenchSystem } from './system.ts';

const connections = 100;

export interface Served {
  /** Requests a second of the dashboard to those of the bare route. */
  requests: number;
  /** CPU time of the API for a dashboard to that of the bare server for its answer. */
  cpu: number;
  perSecond: number;
  barePerSecond: number;
}

/**
 * The dashboard as a signed-in user gets it against a bare Fastify route that sends the same bytes, each from a
 * process of its own, in turns.
 */
export async function dashboardAgainstBare(
  system: BenchSystem,
  path: string,
  { rounds, seconds, signal }: { rounds: number; seconds: number; signal: AbortSignal },
): Promise<Served> {
  const body = JSON.stringify(await system.call(path));
  const flags = ['--import', 'tsx', 'bench/bare.ts'];
  const bare = spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'inherit'], signal });
  bare.on('error', () => undefined);
  try {
    bare.stdin.end(body);
    const [address] = (await once(bare.stdout, 'data')) as [Buffer];
    const ours = { url: `${system.base}${path}`, headers: system.headers, pid: system.apiPid };
    const theirs = { url: String(address).trim(), headers: {}, pid: bare.pid! };
    // Code that has run for a while is compiled; an API has more of it than a bare route, and takes longer.
    for (let turn = 0; turn < 3; turn += 1) for (const target of [ours, theirs]) await fire(target, seconds);
    const found: Served[] = [];
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      const [a, b] = [await fire(ours, seconds), await fire(theirs, seconds)];
      found.push({
        requests: a.perSecond / b.perSecond,
        cpu: a.cpu / b.cpu,
        perSecond: a.perSecond,
        barePerSecond: b.perSecond,
      });
    }
    const of = (key: keyof Served) => median(found.map((each) => each[key]));
    return {
      requests: of('requests'),
      cpu: of('cpu'),
      perSecond: of('perSecond'),
      barePerSecond: of('barePerSecond'),
    };
  } finally {
    await end(bare);
  }
}

async function fire(
  { url, headers, pid }: { url: string; headers: Record<string, string>; pid: number },
  duration: number,
) {
  const before = cpuTicks(pid);
  const { requests, non2xx, errors } = await autocannon({ url, headers, connections, duration });
  if (non2xx + errors > 0) throw new Error(`${non2xx + errors} of ${requests.total} requests failed.`);
  return { perSecond: requests.total / duration, cpu: (cpuTicks(pid) - before) / requests.total };
}

/** CPU time of a process so far, in the system's ticks; 0 where the system does not tell. */
function cpuTicks(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Milliseconds that light reads take, one at a time, until `over`; as often as a user's browser might ask. */
export async function lightReads(
  system: BenchSystem,
  paths: readonly string[],
  over: Promise<unknown>,
): Promise<number[]> {
  let goesOn = true;
  const stop = () => {
    goesOn = false;
  };
  over.then(stop, stop);
  const times: number[] = [];
  while (goesOn) {
    for (const path of paths) {
      const began = performance.now();
      await system.call(path);
      times.push(performance.now() - began);
    }
    await delay(5);
  }
  return times;
}

/** The time that 99 of 100 stay under. */
export function p99(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))]!;
}
