/** A lease that is kept alive while somebody works under it. */
export interface HeldLease {
  /** Aborted when the lease is lost, or with the signal that was given. */
  signal: AbortSignal;
  /** Whether it was another worker that took it. */
  isLost: () => boolean;
  end: () => void;
}

/**
 * Extends a lease three times per period until ended. It counts as lost when the record says so, and when
 * it could not be extended for a whole period, because then another worker may have taken it.
 */
export function holdLease(renew: () => Promise<boolean>, leaseMs: number, outer: AbortSignal): HeldLease {
  const lost = new AbortController();
  let lastRenewed = performance.now();

  const beat = async () => {
    const asked = performance.now();
    try {
      if (await renew()) lastRenewed = asked;
      else lost.abort(new Error('Another worker has taken over.'));
    } catch {
      // MongoDB does not answer; it may be back before the lease ends.
      if (performance.now() - lastRenewed > leaseMs) lost.abort(new Error('The lease could not be kept.'));
    }
  };
  const timer = setInterval(() => void beat(), leaseMs / 3);

  return {
    signal: AbortSignal.any([outer, lost.signal]),
    isLost: () => lost.signal.aborted,
    end: () => clearInterval(timer),
  };
}

const graceMs = 2_000;

/** The work's result; but when the signal is aborted and the work does not heed it, no more waiting. */
export async function orAbandoned<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: abandoned, reject } = rejectable();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => reject(signal.reason), graceMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  // Whichever of the two comes late is not to end the process.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, abandoned]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function rejectable() {
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<never>((_resolve, rejectPromise) => {
    reject = rejectPromise;
  });
  return { promise, reject };
}
