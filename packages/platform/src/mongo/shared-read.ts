import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/** Under load a read begins this long after the one before it, so that more share it. */
const usualGapMs = 3;
/** So many in one read are load. Whoever asks alone, again and again, never waits. */
const crowd = 4;

/**
 * One read for all who ask before it begins, which is at the end of this turn of the event loop, or a moment
 * later where one has just begun. Nobody gets anything older than what a read of their own would have given:
 * none is given what was begun before they asked.
 *
 * `gapMs`: 0 where those who ask come in crowds by themselves, since all of them have waited for another shared read
 * before, such as the one that says who is calling.
 */
export function sharedRead<T>(read: () => Promise<T>, { gapMs = usualGapMs } = {}): () => Promise<T> {
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
    return read();
  }

  return () => {
    sharing += 1;
    next ??= begin();
    return next;
  };
}

/** The same for reads by key: `read` is given every key that was asked for, once; what it leaves out is null. */
export function sharedReadByKey<T>(
  read: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>,
): (key: string) => Promise<T | null> {
  let keys = new Set<string>();
  const readAll = sharedRead(() => {
    const asked = [...keys];
    keys = new Set();
    return read(asked);
  });
  return async (key) => {
    keys.add(key);
    return (await readAll()).get(key) ?? null;
  };
}
