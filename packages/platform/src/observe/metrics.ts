import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** Seconds. Light reads answer within 5 ms; an upload that waits for its result takes up to ten seconds. */
const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const jobBuckets = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const commandBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

/**
 * What one process counts, in a registry of its own: a test opens several platforms in one process, and each
 * counts for itself. Every label has a value from the source (a route's pattern, a job's name), never one that
 * a caller chose: else anybody could make the series grow without end.
 *
 * `processFacts`: event loop, garbage collection and memory too. They observe the whole process, so a command
 * that is over in a second leaves them out.
 */
export function createMetrics({ processFacts }: { processFacts: boolean }) {
  const registry = new Registry();
  const registers = [registry];
  const gauge = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  if (processFacts) collectDefaultMetrics({ register: registry });

  const inFlight = new Map<string, number>();
  new Gauge({
    name: 'http_requests_in_flight',
    help: 'Requests that are being answered',
    labelNames: ['system'],
    registers,
    collect() {
      for (const [system, count] of inFlight) this.set({ system }, count);
    },
  });

  return {
    registry,
    /** Requests that are being answered, by system. */
    inFlight,
    requests: new Counter({
      name: 'http_requests_total',
      help: 'Requests answered, by pattern of the route',
      labelNames: ['system', 'method', 'route', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'From the head of a request to the end of its answer',
      labelNames: ['system', 'method', 'route'],
      buckets: requestBuckets,
      registers,
    }),
    // `name`, for Prometheus has a `job` of its own.
    jobs: new Counter({
      name: 'jobs_total',
      help: 'Runs of jobs that ended: done, failed (for good) or retried',
      labelNames: ['system', 'name', 'outcome'],
      registers,
    }),
    jobSeconds: new Histogram({
      name: 'job_duration_seconds',
      help: 'How long runs of jobs took, whatever their outcome',
      labelNames: ['system', 'name'],
      buckets: jobBuckets,
      registers,
    }),
    jobsRunning: gauge('jobs_running', 'Jobs that run in this process', ['system']),
    uploads: new Counter({
      name: 'uploads_total',
      help: 'Uploads that ended, by kind and end; mode tells trial runs from real ones',
      labelNames: ['system', 'kind', 'mode', 'end'],
      registers,
    }),
    importRows: new Counter({
      name: 'import_rows_total',
      help: 'Rows of imports that ended, by what became of them; trial runs do not count',
      labelNames: ['system', 'kind', 'result'],
      registers,
    }),
    mongoSeconds: new Histogram({
      name: 'mongodb_command_duration_seconds',
      help: 'Commands to MongoDB, from sending to the answer',
      labelNames: ['command'],
      buckets: commandBuckets,
      registers,
    }),
    mongoFailures: new Counter({
      name: 'mongodb_command_failures_total',
      help: 'Commands that MongoDB refused or that broke off',
      labelNames: ['command'],
      registers,
    }),

    /** Not counted as it happens, but asked for when somebody reads: see `state.ts`. */
    state: {
      ready: gauge('ready', 'Whether /ready says yes'),
      mongoUp: gauge('mongodb_up', 'Whether MongoDB answered'),
      mongoPing: gauge('mongodb_ping_seconds', 'How long MongoDB took to answer'),
      migrationsPending: gauge('migrations_pending', 'Migrations that the database lacks'),
      auditWaiting: gauge('audit_waiting_entries', 'Audit entries that are not in the chain yet'),
      redisUp: gauge('redis_up', 'Whether Redis answered'),
      redisPing: gauge('redis_ping_seconds', 'How long Redis took to answer'),
      redisMemory: gauge('redis_memory_used_bytes', 'What Redis holds'),
      redisLimit: gauge('redis_memory_limit_bytes', 'What Redis may hold; 0 where there is no limit'),
      queueJobs: gauge('queue_jobs', 'Jobs in the queue of a system, by state', ['system', 'state']),
      queueOldest: gauge(
        'queue_oldest_waiting_seconds',
        'How long the longest waiting job has waited; 0 where none waits',
        ['system'],
      ),
    },
    /** The reading under way or just over, for all who read from this process. */
    reading: undefined as { began: number; done: Promise<void> } | undefined,
  };
}
