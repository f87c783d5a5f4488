import type { World } from './events.ts';

const answers = new WeakMap<World, Map<string, unknown>>();

/** Runs what writes into the world. Until its end nothing is remembered, and nothing of what was known before. */
export function writing<T>(world: World, write: () => T): T {
  answers.delete(world);
  try {
    return write();
  } finally {
    answers.set(world, new Map());
  }
}

/**
 * What is asked again before anything has happened has the same answer: it is worked out once, from the beginning
 * as ever. `key` must name everything but what has happened that the answer depends on, the moment included. Who
 * gets an answer must not change it.
 */
export function whileSettled<T>(world: World, key: string, workOut: () => T): T {
  const known = answers.get(world);
  if (known === undefined) return workOut();
  if (!known.has(key)) known.set(key, workOut());
  return known.get(key) as T;
}
