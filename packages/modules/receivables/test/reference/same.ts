/** The same value with the names of every object in order, and without what is undefined. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

/** Throws, naming the place, where what was got (`side` says from whom) differs from the reference. */
export function same(side: string, place: string, got: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(sorted(got)), JSON.stringify(sorted(wanted))];
  if (a === b) return;
  let at = 0;
  while (a[at] === b[at]) at += 1;
  const near = (text: string) => text.slice(Math.max(0, at - 160), at + 160);
  throw new Error(`${place} differs\n  ${side}: …${near(a)}…\n  reference: …${near(b)}…`);
}
