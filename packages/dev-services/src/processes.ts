import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process and a piece of its command line that only it has: a pid alone may have been given to another. */
export interface ProcessMark {
  pid: number;
  mark: string;
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
  return { pid: process.pid, mark: commandOf(process.pid).trim() };
}

/** Whether the process lives and is the one that was meant. */
export function isRunning({ pid, mark }: ProcessMark): boolean {
  return mark !== '' && commandOf(pid).includes(mark);
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
