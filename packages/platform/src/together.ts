import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/** Under load a run begins this long after the one before it, so that more share it. */
const gapMs = 4;
/** So many in one run are load. Who asks alone, again and again, never waits. */
const crowd = 10;

/**
 * One run of `work` for all who ask before it begins, which is at the end of this turn of the event loop, or a moment
 * later where one has just begun. Nobody gets anything older than what a run of their own would have given: none is
 * given what was begun before they asked.
 */
export function together<T>(work: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined;
  let sharing = 0;
  let notBefore = Number.NEGATIVE_INFINITY;

  async function begin(): Promise<T> {
    const early = notBefore - performance.now();
    if (early > 0) await delay(early);
    else await turn();
    next = undefined;
    notBefore = sharing < crowd ? Number.NEGATIVE_INFINITY : performance.now() + gapMs;
    sharing = 0;
    return work();
  }

  return () => {
    sharing += 1;
    next ??= begin();
    return next;
  };
}
