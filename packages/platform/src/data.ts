import { Redis } from 'ioredis';
import type { Db, MongoClient } from 'mongodb';
import type { Logger } from 'pino';
import { type Audit, createAudit } from './audit/audit.ts';
import type { Config } from './config/schema.ts';
import { createDiskStore, type FileStore } from './files/store.ts';
import type { SystemName } from './http/module.ts';
import { createJobs, type Jobs } from './jobs/queues.ts';
import { createLog } from './log.ts';
import { createMongoClient, databaseOf } from './mongo/client.ts';
import { createSharedReads, type SharedReads } from './mongo/shared-reads.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { observeMongo } from './observe/mongo-latency.ts';
import { createTracing, type Tracing } from './observe/tracing.ts';
import { createMaintenance, type Maintenance } from './operations/maintenance.ts';
import { createUploads, type Uploads } from './uploads/uploads.ts';

export type { Migration } from './mongo/migrations.ts';

/** What every part of the back office stands on. Made once for each process, closed by who made it. */
export interface Platform {
  config: Config;
  log: Logger;
  clock: () => Date;
  client: MongoClient;
  db: Db;
  /** Small reads that go to the database together. */
  reads: SharedReads;
  /** For short commands: fails within two seconds where Redis does not answer. */
  redis: Redis;
  jobs: Jobs;
  files: FileStore;
  uploads: Uploads;
  /** `ending`: the process was asked to end, and is to get no new requests. */
  state: { ending: boolean };
  /** The names of all systems of this build, whether this process serves them or not. */
  systems: readonly SystemName[];
  /** Whether somebody has asked everybody to stand still, and what runs meanwhile. */
  maintenance: Maintenance;
  audit: Audit;
  metrics: Metrics;
  /** Null where traces are sent nowhere. */
  tracing: Tracing | null;
  /** Closes the connections, last opened first. */
  close: () => Promise<void>;
}

export interface PlatformOptions {
  /** The worker waits longer for a server that is away: nobody waits for its answer. */
  role: 'api' | 'worker' | 'cli';
  /** All systems of this build: the platform knows none by itself. */
  systems: readonly { name: SystemName }[];
  /** Replaces the real clock and the real log in tests. */
  clock?: () => Date;
  log?: Logger;
}

const commandMs = 1_500;

/**
 * The platform. It does not wait for MongoDB or Redis: where one is away the process starts all the same,
 * says so at `/ready`, and serves when it is back.
 */
export async function createPlatform(config: Config, options: PlatformOptions): Promise<Platform> {
  const log = options.log ?? createLog(config);
  const clock = options.clock ?? (() => new Date());
  const systems = options.systems.map(({ name }) => name);
  const client = createMongoClient(config.MONGODB_URI, options.role === 'worker' ? 10_000 : 2_000);
  const db = databaseOf(client, config.MONGODB_URI);
  const metrics = createMetrics({ processFacts: options.role !== 'cli' });
  observeMongo(client, metrics);
  const tracing = options.role === 'cli' ? null : await createTracing(config, options.role);
  const redis = connectRedis(config.REDIS_URL, log, options.role === 'cli');

  const jobs = createJobs(config, redis, log);
  const base = {
    config,
    log,
    clock,
    client,
    db,
    reads: createSharedReads(db),
    redis,
    jobs,
    files: createDiskStore(config.DATA_DIR),
    state: { ending: false },
    systems,
    maintenance: createMaintenance(db),
    audit: createAudit(db, config.AUDIT_KEY, clock, systems),
    metrics,
    tracing,
    async close() {
      await jobs.close();
      redis.disconnect();
      await client.close();
      await tracing?.close();
    },
  };
  return { ...base, uploads: createUploads(base) };
}

/** A connection for short commands; it connects again for ever, but no command waits for that. */
function connectRedis(url: string, log: Logger, lazyConnect: boolean): Redis {
  const redis = new Redis(url, {
    // A command may never need it; then nobody should hear that it is away.
    lazyConnect,
    maxRetriesPerRequest: 1,
    commandTimeout: commandMs,
    connectTimeout: commandMs,
    retryStrategy: (times) => Math.min(times * 100, 1_000),
  });
  let away = false;
  redis.on('error', (error) => {
    if (!away) log.warn({ err: error }, 'Redis is away');
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.info('Redis is back');
    away = false;
  });
  return redis;
}
