/** A source of numbers that gives the same ones for the same seed, on every machine. */
export interface Random {
  /** 0 ≤ x < 1. */
  next: () => number;
  /** A whole number, both ends inclusive. */
  whole: (from: number, to: number) => number;
  chance: (probability: number) => boolean;
  pick: <T>(list: readonly T[]) => T;
  /** An index, by the weights given. */
  weighted: (weights: readonly number[]) => number;
  /** How many things happen where `mean` are to be expected (Poisson). */
  count: (mean: number) => number;
  /** Normally distributed, mean 0, deviation 1. */
  normal: () => number;
}

/**
 * Random numbers by the name of what they are for: whoever draws more of one kind does not shift another
 * kind, so that a month that was told once is told the same way however far the story goes on.
 */
export function createRandom(name: string): Random {
  let state = hash(name);

  // mulberry32: 32 bits of state are plenty for a story, and it is six lines that anyone can check.
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  return {
    next,
    whole: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)]!,
    weighted(weights) {
      let left = next() * weights.reduce((sum, weight) => sum + weight, 0);
      for (const [index, weight] of weights.entries()) {
        left -= weight;
        if (left < 0) return index;
      }
      return weights.length - 1;
    },
    count(mean) {
      const limit = Math.exp(-mean);
      let product = next();
      let count = 0;
      while (product > limit) {
        product *= next();
        count += 1;
      }
      return count;
    },
    normal() {
      // 1 − x keeps the logarithm away from 0.
      return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    },
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value;
}
