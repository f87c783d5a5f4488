export type Say = (sentence: string) => void;

const everyMs = 2_000;

/** Says how far something is, every two seconds, beginning after the first two. */
export function createTeller(say: Say): (sentence: () => string) => void {
  let last = performance.now();
  return (sentence) => {
    if (performance.now() - last < everyMs) return;
    last = performance.now();
    say(sentence());
  };
}
