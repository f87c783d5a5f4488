import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DevServicesError } from '@backoffice/dev-services';

export interface ChildOptions {
  /** What it is called in messages: "The API". */
  name: string;
  script: string;
  args?: string[];
  env: NodeJS.ProcessEnv;
  /** Where both of its streams go; without it to the terminal. */
  fd?: number;
  onSpawn: (pid: number) => void;
}

const graceMs = 12_000;

/**
 * Starts a part of the system as a Node process of its own. Its process group is its own too:
 * Ctrl-C in the terminal must reach the starter only, which ends the parts in order.
 */
export function startChild({ name, script, args = [], env, fd, onSpawn }: ChildOptions): ChildProcess {
  const output = fd ?? 'inherit';
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    env,
    detached: true,
    stdio: ['ignore', output, output],
  });
  child.once('error', (error) => console.error(`${name} could not be started: ${error.message}`));
  try {
    if (child.pid) onSpawn(child.pid);
  } catch (error) {
    // Nobody would know of it.
    child.kill('SIGKILL');
    throw error;
  }
  return child;
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

/** Runs a part to its end; anything but a clean end is a fault. */
export async function runChild(options: ChildOptions, running: Set<ChildProcess>): Promise<void> {
  const child = startChild(options);
  running.add(child);
  const [code] = hasEnded(child) ? [child.exitCode] : await once(child, 'exit');
  running.delete(child);
  if (code !== 0) throw new DevServicesError(`${options.name} failed; what it said is above.`);
}

/** Asks a part to end and, when it has not after 12 s, ends it: the parts themselves give up after 10 s. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}
