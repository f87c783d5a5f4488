import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/** Under load a read begins this long after the one before it: the busier it gets, the more share one. */
const gapMs = 2;

/**
 * One read for all who ask before it begins, which is at the end of this turn of the event loop, or a moment
 * later where one has just begun. Nobody gets anything older than what a read of their own would have given:
 * none is given what was begun before they asked.
 */
export function sharedRead<T>(read: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined;
  let lastBegan = Number.NEGATIVE_INFINITY;

  async function begin(): Promise<T> {
    const early = lastBegan + gapMs - performance.now();
    if (early > 0) await delay(early);
    else await turn();
    next = undefined;
    lastBegan = performance.now();
    return read();
  }

  return () => {
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
