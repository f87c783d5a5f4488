import type { Job } from 'bullmq';
import type { Platform } from '../data.ts';
import type { Metrics } from './metrics.ts';
import { runIn } from './span.ts';

export interface JobFacts {
  /** From the list of jobs; what stands in Redis may be anything. */
  name: string;
  traceparent: unknown;
}

export interface ObservedJob {
  within: <T>(work: () => T) => T;
  logFacts: { traceId?: string };
  /** `broken off` is tried again, while attempts are left. */
  end: (outcome: 'done' | 'failed' | 'broken off') => void;
}

/**
 * All that may be counted, at nought: of a series that begins with its first failure Prometheus sees no increase.
 */
export function declareJobs(metrics: Metrics, system: string, names: readonly string[]): void {
  for (const name of names) {
    for (const outcome of ['done', 'failed', 'retried']) metrics.jobs.inc({ system, name, outcome }, 0);
  }
}

/**
 * Counts one run of a job, and makes it a span of the trace that it carries. What runs by schedule carries none
 * and gets none: every ten seconds a trace of nothing would hide the others.
 */
export function beginJob(
  { metrics, tracing }: Platform,
  system: string,
  job: Job,
  { name, traceparent }: JobFacts,
): ObservedJob {
  const began = performance.now();
  metrics.jobsRunning.inc({ system });
  const carried = typeof traceparent === 'string' ? traceparent : undefined;
  const span =
    tracing === null || carried === undefined
      ? undefined
      : tracing.start(`job ${name}`, {
          kind: 'consumer',
          parent: carried,
          facts: { system, job: name, 'job.id': job.id ?? '', 'job.attempt': job.attemptsMade + 1 },
        });

  return {
    within: (work) => (span === undefined ? work() : runIn(span, work)),
    logFacts: span === undefined ? {} : { traceId: span.traceId },
    end(outcome) {
      const left = job.attemptsMade + 1 < (job.opts.attempts ?? 1);
      const counted = outcome === 'broken off' ? (left ? 'retried' : 'failed') : outcome;
      metrics.jobsRunning.dec({ system });
      metrics.jobs.inc({ system, name, outcome: counted });
      metrics.jobSeconds.observe({ system, name }, (performance.now() - began) / 1_000);
      span?.set({ 'job.outcome': counted });
      span?.end(outcome !== 'done');
    },
  };
}
