import { readFileSync } from 'node:fs';

/** Megabytes of the largest resident set so far; undefined when the process is gone or the system does not tell. */
export function peakMegabytes(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return pids === '' ? [] : pids.split(' ').map(Number);
  } catch {
    return [];
  }
}

const everyMs = 20;

/**
 * Looks after the child processes of a process: a peak only ever rises, so the last look before a child
 * ends misses at most what it took in its last moments.
 */
export function watchChildren(pid: number): { stop: () => number } {
  let peak = 0;
  const timer = setInterval(() => {
    for (const child of childrenOf(pid)) peak = Math.max(peak, peakMegabytes(child) ?? 0);
  }, everyMs);
  return {
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}
