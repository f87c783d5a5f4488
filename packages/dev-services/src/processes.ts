import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process, and how to know it again: a pid alone may have been given to another since. */
export interface ProcessMark {
  pid: number;
  /** A piece of its command line. */
  mark: string;
  /** When it began, in ticks since the boot; where the system tells. */
  since?: string;
}

/** @param mark a piece of the command line of the process, which has just been started */
export function markProcess(pid: number, mark: string): ProcessMark {
  const since = beginOf(pid);
  return { pid, mark, ...(since === undefined ? {} : { since }) };
}

function beginOf(pid: number): string | undefined {
  try {
    // The name in the second field may contain anything; the fields after its last bracket are counted.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1)?.split(' ')[20];
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    if (existsSync('/proc/self/cmdline')) {
      // A zombie has an empty command line: it is gone already, only not yet collected.
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    }
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** How to know this process again: by its whole command line, as paths in it may be relative. */
export function thisProcess(): ProcessMark {
  return markProcess(process.pid, commandOf(process.pid).trim());
}

/** Whether the process lives and is the one that was meant. */
export function isRunning({ pid, mark, since }: ProcessMark): boolean {
  if (mark === '' || !commandOf(pid).includes(mark)) return false;
  return since === undefined || since === beginOf(pid);
}

/** Asks the process to end and, when it has not within `graceMs`, ends it. Gives whether it obeyed. */
export async function stopProcess(target: ProcessMark, graceMs: number): Promise<boolean> {
  if (!isRunning(target)) return true;
  signal(target.pid, 'SIGTERM');
  if (await goneWithin(target, graceMs)) return true;
  signal(target.pid, 'SIGKILL');
  await goneWithin(target, 5_000);
  return false;
}

async function goneWithin(target: ProcessMark, ms: number): Promise<boolean> {
  const end = Date.now() + ms;
  while (isRunning(target)) {
    if (Date.now() > end) return false;
    await delay(25);
  }
  return true;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended between the look and the signal.
  }
}
