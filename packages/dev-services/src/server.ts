import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isFull } from './disk.ts';
import { DevServicesError, diskFull } from './errors.ts';
import { freePort } from './ports.ts';
import { markProcess, type ProcessMark, stopProcess } from './processes.ts';

export interface ServerPlan {
  name: string;
  binary: string;
  args: (port: number) => string[];
  /** A piece of the command line that only this server has: its data directory. */
  mark: string;
  logFile: string;
  answers: (port: number) => Promise<boolean>;
  /** Called as soon as the process exists, so that a killed starter's servers can be found again. */
  onSpawn: (started: ProcessMark) => void;
  /** Called when a server that has answered ends without having been asked to. */
  onEnd: (fault: DevServicesError) => void;
  signal?: AbortSignal | undefined;
}

export interface RunningServer {
  port: number;
  stop(): Promise<void>;
}

// A journal or an append-only file left by a hard kill is read again first; that may take its time.
const readyMs = 60_000;
const stopMs = 15_000;

/** Starts a server on a free port of the loopback interface and waits until it answers. */
export async function startServer(plan: ServerPlan): Promise<RunningServer> {
  for (let attempt = 1; ; attempt++) {
    plan.signal?.throwIfAborted();
    const port = await freePort();
    const outcome = await tryStart(plan, port);
    if (typeof outcome !== 'string') return outcome;
    // Between the look and the start another program can take the port.
    if (/address already in use/i.test(outcome) && attempt < 4) continue;
    throw explain(plan, outcome);
  }
}

/** Gives the server, or the tail of its log when it ended by itself. */
async function tryStart(plan: ServerPlan, port: number): Promise<RunningServer | string> {
  // Truncated: the end that explains a failure must not be an earlier run's.
  const log = openSync(plan.logFile, 'w');
  // A group of its own: Ctrl-C in the terminal must reach the starter only, which stops the servers last.
  const child = spawn(plan.binary, plan.args(port), { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  let ended: string | undefined;
  let running = false;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended ??= `exit ${code ?? signal}`;
    if (!running) return;
    const why = isFull(dirname(plan.logFile)) ? 'its disk is full' : ended;
    plan.onEnd(new DevServicesError(`${plan.name} has ended (${why}); see ${plan.logFile}.`));
  });
  // The servers must not keep a starter alive that has finished otherwise.
  child.unref();
  const server = child.pid ? markProcess(child.pid, plan.mark) : undefined;
  const stop = async () => {
    running = false;
    if (server) await stopProcess(server, stopMs);
  };
  try {
    if (server) plan.onSpawn(server);
    const end = Date.now() + readyMs;
    while (!(await plan.answers(port))) {
      if (ended) return `${await tail(plan.logFile)}\n${ended}`;
      plan.signal?.throwIfAborted();
      if (Date.now() > end) {
        throw new DevServicesError(`${plan.name} did not answer within 60 s; see ${plan.logFile}.`);
      }
      await delay(40);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  // Another program may have been given the port in the very moment, and answered in its place.
  if (ended) return `${await tail(plan.logFile)}\n${ended}`;
  running = true;
  return { port, stop };
}

function explain(plan: ServerPlan, output: string): DevServicesError {
  if (/No space left on device|ENOSPC/i.test(output) || isFull(dirname(plan.logFile))) {
    return diskFull(plan.mark);
  }
  const library = /error while loading shared libraries: ([^:\s]+)/.exec(output)?.[1];
  if (library)
    return new DevServicesError(`${plan.name} cannot run here: the library ${library} is missing.`);
  if (/permission denied|read-only file system/i.test(output)) {
    return new DevServicesError(`${plan.name} may not write in ${plan.mark}.`);
  }
  if (/DBPathInUse|already locked|Unable to lock/i.test(output)) {
    return new DevServicesError(`Another ${plan.name} is already running on ${plan.mark}.`);
  }
  const how = output.trim().split('\n').at(-1);
  return new DevServicesError(`${plan.name} ended before it answered (${how}); see ${plan.logFile}.`);
}

async function tail(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).slice(-64_000);
}
