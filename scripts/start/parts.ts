import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { DevServicesError } from '@backoffice/dev-services';
import { hasEnded, startChild, stopChild } from './children.ts';
import { followLog, type LogFile, lastWords, openLog } from './logs.ts';

export interface PartPlan {
  /** What it is called in messages: "The API". */
  title: string;
  /** The name of its log. */
  name: string;
  script: string;
}

export interface Parts {
  start(): void;
  /** Resolves with a sentence as soon as one of them has ended unasked. */
  fault(): Promise<DevServicesError>;
  stop(): Promise<void>;
}

interface PartsOptions {
  plans: readonly PartPlan[];
  env: NodeJS.ProcessEnv;
  dataDir: string;
  onSpawn: (pid: number, script: string) => void;
  /** Shows the logs in the terminal as well. */
  follow: boolean;
}

/** API and worker: processes that run until they are stopped, each with a log of its own. */
export function createParts({ plans, env, dataDir, onSpawn, follow }: PartsOptions): Parts {
  let running: { plan: PartPlan; child: ChildProcess; log: LogFile; follower: NodeJS.Timeout | undefined }[] =
    [];

  return {
    start() {
      for (const plan of plans) {
        const log = openLog(dataDir, plan.name);
        try {
          const { title, script } = plan;
          const spawned = (pid: number) => onSpawn(pid, script);
          const child = startChild({ name: title, script, env, fd: log.fd, onSpawn: spawned });
          running.push({ plan, child, log, follower: follow ? followLog(log, plan.name) : undefined });
        } finally {
          closeSync(log.fd);
        }
      }
    },
    async fault() {
      for (;;) {
        const ended = running.find(({ child }) => hasEnded(child));
        if (ended) {
          const words = lastWords(ended.log);
          const { title } = ended.plan;
          const log = `the log is ${ended.log.path}`;
          return new DevServicesError(words ? `${words} (${log})` : `${title} has ended; ${log}.`);
        }
        await delay(100);
      }
    },
    async stop() {
      const stopping = running;
      running = [];
      await Promise.all(stopping.map(({ child }) => stopChild(child)));
      // What they said at the end is still to be shown.
      if (follow) await delay(250);
      for (const { follower } of stopping) clearInterval(follower);
    },
  };
}
