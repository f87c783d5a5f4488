import { CodedError } from '@backoffice/core';
import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.ts';
import type { SystemName } from '../http/module.ts';
import { currentTraceparent, inSpan } from '../observe/span.ts';
import { within } from '../within.ts';

/** Every kind of job and what it carries: ids, never rows. */
export type JobMap = Readonly<Record<string, TSchema>>;

export interface JobQueue<M extends JobMap> {
  /**
   * Enqueues work under an id of the caller's making. While a job of that id waits or runs nothing
   * happens; one that has ended is replaced. NOT_READY, within two seconds, when Redis does not answer.
   * The job carries on the trace that it is given, else the one around the call.
   */
  add: <N extends keyof M & string>(
    name: N,
    payload: Static<M[N]>,
    id: string,
    traceparent?: string,
  ) => Promise<void>;
}

export interface Jobs {
  /** The queue of a system, for jobs of these kinds. */
  of: <M extends JobMap>(system: SystemName, payloads: M) => JobQueue<M>;
  /** The bare queue, for a dashboard of queues and for schedules. */
  bullQueue: (system: SystemName) => Queue;
  close: () => Promise<void>;
}

/** Retries come after about 1, 2, 4 and 8 seconds; not all at the same moment after an outage. */
export const jobOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
  removeOnComplete: { age: 3_600, count: 1_000 },
  // They stay to be looked at; for how long is a setting.
  removeOnFail: { age: 30 * 24 * 3_600, count: 5_000 },
};

/**
 * Imports are done in the order in which they came, after whatever else waits: a burst of uploads must not
 * hold up an undo or the work of the night. (A job without a priority goes before all that have one.)
 */
const priorityOf: Readonly<Record<string, { priority: number }>> = { 'upload.import': { priority: 1 } };

const addMs = 1_800;
const endedStates = new Set(['completed', 'failed', 'unknown']);

/** The payload if it has the form that the map demands; a fault of ours otherwise. */
export function checkedPayload<M extends JobMap, N extends keyof M & string>(
  payloads: M,
  name: N,
  payload: unknown,
): Static<M[N]> {
  const schema = payloads[name];
  if (schema === undefined) throw new Error(`There is no job called ${name}.`);
  if (!Value.Check(schema, payload)) {
    const problem = Value.Errors(schema, payload).First();
    throw new Error(`The payload of the job ${name} is wrong at "${problem?.path}": ${problem?.message}.`);
  }
  return payload;
}

export function createJobs(config: Config, redis: Redis, log: Logger): Jobs {
  const queues = new Map<SystemName, Queue>();

  function bullQueue(system: SystemName): Queue {
    const known = queues.get(system);
    if (known !== undefined) return known;
    const queue = new Queue(system, {
      connection: redis,
      prefix: config.QUEUE_PREFIX,
      defaultJobOptions: {
        ...jobOptions,
        removeOnFail: { ...jobOptions.removeOnFail, age: config.JOB_RETENTION_DAYS * 24 * 3_600 },
      },
    });
    // Every failure reaches who asked; without a listener it would also end the process.
    queue.on('error', (error) => log.debug({ err: error }, 'queue'));
    queues.set(system, queue);
    return queue;
  }

  /** A queue whose first contact with Redis failed stays broken for ever; the next call makes a new one. */
  function forget(system: SystemName): void {
    const queue = queues.get(system);
    queues.delete(system);
    queue?.close().catch(() => undefined);
  }

  async function put(queue: Queue, name: string, payload: unknown, id: string): Promise<void> {
    const earlier = await queue.getJob(id);
    if (earlier !== undefined) {
      if (!endedStates.has(await earlier.getState())) return;
      await earlier.remove();
    }
    await queue.add(name, payload, { jobId: id, ...priorityOf[name] });
  }

  return {
    bullQueue,
    of: (system, payloads) => ({
      async add(name, payload, id, given) {
        const checked = checkedPayload(payloads, name, payload);
        try {
          await inSpan(`enqueue ${name}`, { system, job: name, 'job.id': id }, async () => {
            const traceparent = given ?? currentTraceparent();
            const data = traceparent === undefined ? checked : { ...(checked as object), traceparent };
            await within(put(bullQueue(system), name, data, id), addMs);
          });
        } catch (error) {
          log.warn({ err: error, job: name, jobId: id }, 'could not enqueue');
          forget(system);
          throw new CodedError('NOT_READY');
        }
      },
    }),
    async close() {
      await Promise.allSettled([...queues.values()].map((queue) => within(queue.close(), addMs)));
    },
  };
}
