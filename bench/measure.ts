/** Milliseconds that a piece of work takes. */
export async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median of several runs, in milliseconds, after one that does not count. */
export async function medianOf(runs: number, work: () => Promise<unknown>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push(await elapsed(work));
  return median(times);
}

/** The medians of two kinds of work that are done in turn, so that whatever else the machine does hits both alike. */
export async function mediansInTurn(
  runs: number,
  works: readonly [() => Promise<unknown>, () => Promise<unknown>],
): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  // One of them has been idle for a while.
  for (let run = 0; run < runs / 4; run += 1) for (const work of works) await work();
  for (let run = 0; run < runs; run += 1) {
    times[0].push(await elapsed(works[0]));
    times[1].push(await elapsed(works[1]));
  }
  return [median(times[0]), median(times[1])];
}
