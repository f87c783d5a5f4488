import { CodedError } from '@backoffice/core';
import { DelayedError, type Job } from 'bullmq';
import type { Maintenance } from './maintenance.ts';

const againMs = 1_000;

/**
 * Runs a job unless a hold is in force; then it goes back into its queue for a second, which counts as no
 * attempt.
 */
export async function runWhenFree(
  maintenance: Maintenance,
  job: Job,
  token: string | undefined,
  work: () => Promise<unknown>,
): Promise<unknown> {
  let begun = false;
  try {
    return await maintenance.run('job', () => {
      begun = true;
      return work();
    });
  } catch (error) {
    if (begun || !(error instanceof CodedError)) throw error;
    await job.moveToDelayed(Date.now() + againMs, token);
    throw new DelayedError();
  }
}
