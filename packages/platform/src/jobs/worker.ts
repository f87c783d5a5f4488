import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@backoffice/core';
import type { Static } from '@sinclair/typebox';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { keepAudit } from '../audit/housekeeping.ts';
import type { Config } from '../config/schema.ts';
import type { Migration, Platform } from '../data.ts';
import type { SystemName } from '../http/module.ts';
import { withoutSecrets } from '../log.ts';
import { beginJob, declareJobs } from '../observe/job.ts';
import { runWhenFree } from '../operations/held-job.ts';
import { uploadHandlers, uploadSchedules } from '../uploads/jobs.ts';
import type { ImportKind } from '../uploads/model.ts';
import { uploadPayloads } from '../uploads/payloads.ts';
import { sweepTempDirs } from '../uploads/temp-dirs.ts';
import { checkedPayload, type JobMap } from './queues.ts';

/** What a running job is given besides its payload. */
export interface JobRun {
  id: string;
  /** Carries the job, its id and the id of the request that asked for it. */
  log: Logger;
  /** Aborted when the process is about to end: the job stops soon and is taken up elsewhere. */
  signal: AbortSignal;
}

export type JobHandlers<M extends JobMap = JobMap> = {
  readonly [N in keyof M]: (payload: Static<M[N]>, run: JobRun) => Promise<unknown>;
};

/** When a job of a system is enqueued by itself: every so many milliseconds, or by a cron pattern in TIME_ZONE. */
export interface Schedule {
  job: string;
  when: { every: number } | { pattern: string };
}

/** What a module hands to the worker. */
export interface WorkerModule {
  name: SystemName;
  importKinds: (platform: Platform) => readonly ImportKind[];
  /** Jobs of its own, beside the imports. */
  jobs?: { payloads: JobMap; handlers: (platform: Platform) => JobHandlers };
  schedules?: readonly Schedule[] | ((config: Config) => readonly Schedule[]);
  /** Collections of the module whose documents carry an outbox (see audit/outbox.ts). */
  audited?: readonly string[];
  /** Those without which `/ready` of the worker says no, beside the platform's. */
  migrations?: readonly Migration[];
  /** What the command `rollups` does with the system's materialized figures. */
  rollups?: (platform: Platform) => Rollups;
}

/** The materialized figures of a system, to be held against what they were made from. */
export interface Rollups {
  /** Makes them anew and puts them in force; gives a sentence that says what was done. */
  rebuild: () => Promise<string>;
  /** Makes them anew, compares, changes nothing; gives a sentence for each difference. */
  verify: () => Promise<string[]>;
}

export interface RunningWorker {
  /** Takes no new job, waits for those that run, and after 6 s hands them back. Over within 9 s. */
  close: () => Promise<void>;
}

const drainMs = 6_000;
const closeMs = 9_000;

/**
 * Runs the jobs of the given systems until closed. Redis or MongoDB may be away at the start and at any
 * time later.
 * @throws Error when a kind of job has no handler, or two
 */
export async function startWorker(
  platform: Platform,
  modules: readonly WorkerModule[],
): Promise<RunningWorker> {
  for (const { audited = [] } of modules) platform.audit.register(audited);
  const shutdown = new AbortController();
  const systems = modules.map((module) => createSystemWorker(platform, module, shutdown.signal));
  for (const system of systems) system.start();

  let housekeeping = Promise.resolve();
  const tick = () => {
    housekeeping = housekeeping.then(() => keepHouse(platform, systems, shutdown.signal));
  };
  tick();
  const timer = setInterval(tick, platform.config.SWEEP_EVERY_MS);

  async function close(): Promise<void> {
    clearInterval(timer);
    const drain = setTimeout(() => shutdown.abort(new Error('The process ends.')), drainMs);
    const closed = Promise.all([...systems.map((system) => system.close()), housekeeping]);
    await Promise.race([closed, delay(closeMs, undefined, { ref: false })]);
    clearTimeout(drain);
    for (const system of systems) system.disconnect();
  }

  return { close };
}

type SystemWorker = ReturnType<typeof createSystemWorker>;

function createSystemWorker(platform: Platform, module: WorkerModule, signal: AbortSignal) {
  const { config } = platform;
  const log = platform.log.child({ system: module.name });
  const own = module.jobs?.payloads ?? {};
  const payloads: JobMap = { ...uploadPayloads, ...own };
  const handlers = handlersOf(platform, module);
  declareJobs(platform.metrics, module.name, [...handlers.keys()]);
  const ownSchedules = typeof module.schedules === 'function' ? module.schedules(config) : module.schedules;
  const schedules = [...uploadSchedules(config), ...(ownSchedules ?? [])];
  for (const { job } of schedules) {
    if (!Object.hasOwn(payloads, job)) throw new Error(`${module.name} schedules the unknown job ${job}.`);
  }
  let redis: Redis | undefined;
  let worker: Worker | undefined;

  async function run(job: Job): Promise<unknown> {
    const { traceparent, ...data } = job.data as Record<string, unknown>;
    const { requestId } = data;
    const id = job.id ?? '';
    const handler = handlers.get(job.name);
    const observed = beginJob(platform, module.name, job, {
      name: handler === undefined ? 'unknown' : job.name,
      traceparent,
    });
    const facts = { job: job.name, jobId: id, ...(typeof requestId === 'string' ? { requestId } : {}) };
    const jobLog = log.child({ ...facts, ...observed.logFacts });
    const began = performance.now();
    try {
      if (handler === undefined) throw new UnrecoverableError(`There is no job called ${job.name}.`);
      const payload = checkedPayload(payloads, job.name, data);
      const result = await observed.within(() => handler(payload, { id, log: jobLog, signal }));
      jobLog.debug({ ms: Math.round(performance.now() - began) }, 'job done');
      observed.end('done');
      return result;
    } catch (error) {
      jobLog.warn({ err: error, attempt: job.attemptsMade + 1 }, 'job failed');
      const visible = visibleError(error);
      observed.end(visible instanceof UnrecoverableError ? 'failed' : 'broken off');
      throw visible;
    }
  }

  return {
    name: module.name,
    start() {
      // Jobs wait for Redis as long as it takes; this connection must never give up.
      redis = new Redis(config.REDIS_URL, { maxRetriesPerRequest: null });
      redis.on('error', (error) => log.debug({ err: error }, 'Redis'));
      const whenFree = (job: Job, token?: string) =>
        runWhenFree(platform.maintenance, job, token, () => run(job));
      worker = new Worker(module.name, whenFree, {
        connection: redis,
        prefix: config.QUEUE_PREFIX,
        concurrency: config.WORKER_CONCURRENCY,
        lockDuration: config.JOB_LEASE_MS,
        stalledInterval: config.JOB_LEASE_MS,
        // What gives a job up is the count in its own record, which outlives Redis.
        maxStalledCount: 1_000,
      });
      worker.on('error', (error) => log.debug({ err: error }, 'worker'));
    },
    /** Schedules live in Redis, so they are made again when it has lost its data. */
    async keepSchedules() {
      const queue = platform.jobs.bullQueue(module.name);
      for (const { job, when } of schedules) {
        const { every, pattern } = (await queue.getJobScheduler(job)) ?? {};
        const same = 'every' in when ? every === when.every : pattern === when.pattern;
        if (same) continue;
        const repeat = 'every' in when ? when : { ...when, tz: config.TIME_ZONE };
        await queue.upsertJobScheduler(job, repeat, { name: job, data: {}, opts: { attempts: 1 } });
      }
    },
    async close() {
      await worker?.close();
    },
    disconnect() {
      redis?.disconnect();
    },
  };
}

/** Every handler of a system by name; each kind of job must have exactly one. */
function handlersOf(platform: Platform, module: WorkerModule) {
  const own = module.jobs?.handlers(platform) ?? {};
  const handlers = new Map(
    Object.entries(uploadHandlers(platform, module.name, module.importKinds(platform))),
  );
  for (const [name, handler] of Object.entries(own)) {
    if (handlers.has(name)) throw new Error(`${module.name} has two handlers for the job ${name}.`);
    handlers.set(name, handler);
  }
  for (const name of Object.keys(module.jobs?.payloads ?? {})) {
    if (!handlers.has(name)) throw new Error(`${module.name} has no handler for the job ${name}.`);
  }
  return handlers as Map<string, (payload: unknown, run: JobRun) => Promise<unknown>>;
}

/** What Redis keeps of an error. What the caller did wrong will be wrong again: no further attempt. */
function visibleError(error: unknown): Error {
  const { message, name } = error as Error;
  const text = withoutSecrets(message ?? String(error));
  if (error instanceof CodedError) return new UnrecoverableError(`${error.code}: ${text}`);
  if (error instanceof UnrecoverableError) return new UnrecoverableError(text);
  return new Error(`${name}: ${text}`);
}

/** What every worker does by itself, because it concerns its own disk or must survive an empty Redis. */
async function keepHouse(
  platform: Platform,
  systems: readonly SystemWorker[],
  signal: AbortSignal,
): Promise<void> {
  const work = [
    ...systems.map((system) => () => system.keepSchedules()),
    () => platform.files.sweep(),
    () => sweepTempDirs(platform),
    () => keepAudit(platform, signal),
  ];
  for (const each of work) {
    // Redis or MongoDB may be away; the next tick comes soon.
    await each().catch((error) => platform.log.debug({ err: error }, 'housekeeping'));
  }
}
