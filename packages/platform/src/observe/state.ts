import type { Queue } from 'bullmq';
import type { Migration, Platform } from '../data.ts';
import { pendingMigrations } from '../mongo/migrations.ts';
import { within } from '../within.ts';

/** Two that read at the same time, or one that reads without end, must not become load on the servers. */
const freshMs = 1_000;
/** A server that takes longer counts as away. */
const patienceMs = 1_000;
const queueStates = ['waiting', 'active', 'delayed', 'failed'] as const;

export interface StateOptions {
  migrations: readonly Migration[];
  /** What `/ready` says: the sentences that keep the process from serving. */
  faults: () => Promise<string[]>;
}

/**
 * Everything that this process measures, in Prometheus' text form. The queues, how fast the servers answer and
 * whether the process is ready are asked for on the way. A server that is away leaves its figures out, so that
 * an old one is never taken for a new one, and is 0 in `mongodb_up` or `redis_up`.
 */
export async function metricsText(platform: Platform, options: StateOptions): Promise<string> {
  const { metrics } = platform;
  const now = performance.now();
  if (metrics.reading === undefined || now - metrics.reading.began > freshMs) {
    metrics.reading = { began: now, done: readState(platform, options) };
  }
  await metrics.reading.done;
  return metrics.registry.metrics();
}

async function readState(platform: Platform, { migrations, faults }: StateOptions): Promise<void> {
  const { state } = platform.metrics;
  const { mongoPing, migrationsPending, auditWaiting, redisPing, redisMemory, redisLimit } = state;
  for (const gauge of [mongoPing, migrationsPending, auditWaiting]) gauge.remove();
  for (const gauge of [redisPing, redisMemory, redisLimit]) gauge.remove();
  for (const gauge of [state.queueJobs, state.queueOldest]) gauge.reset();
  const [mongo, redis, sentences] = await Promise.allSettled([
    readMongo(platform, migrations),
    readRedis(platform),
    faults(),
  ]);
  state.mongoUp.set(mongo.status === 'fulfilled' ? 1 : 0);
  state.redisUp.set(redis.status === 'fulfilled' ? 1 : 0);
  state.ready.set(sentences.status === 'fulfilled' && sentences.value.length === 0 ? 1 : 0);
}

async function readMongo(platform: Platform, migrations: readonly Migration[]): Promise<void> {
  const { db, audit, metrics } = platform;
  const { mongoPing, migrationsPending, auditWaiting } = metrics.state;
  mongoPing.set(await secondsOf(() => db.command({ ping: 1 })));
  migrationsPending.set((await within(pendingMigrations(db, migrations), patienceMs)).length);
  auditWaiting.set(await within(audit.waiting(), patienceMs));
}

async function readRedis(platform: Platform): Promise<void> {
  const { redis, jobs, metrics } = platform;
  const { redisPing, redisMemory, redisLimit } = metrics.state;
  redisPing.set(await secondsOf(() => redis.ping()));
  const memory = await within(redis.info('memory'), patienceMs);
  redisMemory.set(Number(/^used_memory:(\d+)/m.exec(memory)?.[1] ?? 0));
  redisLimit.set(Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0));
  await Promise.all(platform.systems.map((system) => readQueue(platform, system, jobs.bullQueue(system))));
}

async function readQueue({ metrics, clock }: Platform, system: string, queue: Queue): Promise<void> {
  const {
    prioritized = 0,
    waiting = 0,
    ...others
  } = await within(queue.getJobCounts(...queueStates, 'prioritized'), patienceMs);
  // Imports have a priority, which Redis keeps apart; to whoever waits it is the same.
  const counts: Record<string, number> = { ...others, waiting: waiting + prioritized };
  for (const state of queueStates) metrics.state.queueJobs.set({ system, state }, counts[state] ?? 0);
  const first = await within(queue.getJobs(['waiting', 'prioritized'], 0, 0, true), patienceMs);
  // One that was taken in between is not there any more.
  const there = first.filter((job) => job !== undefined);
  const waitedMs = Math.max(0, ...there.map(({ timestamp }) => clock().getTime() - timestamp));
  metrics.state.queueOldest.set({ system }, waitedMs / 1_000);
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await within(work(), patienceMs);
  return (performance.now() - began) / 1_000;
}
