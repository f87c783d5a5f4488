import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { together } from '../src/together.ts';

t.test('who asks in one turn shares a run; nobody gets one that began before they asked', async (t) => {
  let value = 0;
  let reads = 0;
  const read = together(async () => {
    reads += 1;
    const seen = value;
    await delay(5);
    return seen;
  });
  value = 1;
  t.same(await Promise.all([read(), read(), read()]), [1, 1, 1]);
  t.equal(reads, 1);

  const stale: number[] = [];
  const askers = Array.from({ length: 200 }, async (_, nth) => {
    await delay(nth % 17);
    for (let turn = 0; turn < 20; turn += 1) {
      const before = value;
      value += 1;
      const asked = value;
      const got = await read();
      if (got < asked) stale.push(before);
    }
  });
  await Promise.all(askers);
  t.same(stale, [], 'each sees what was written before it asked');
  t.ok(reads < 4_000, `${reads} reads for 4,000`);
});

t.test('a failed run fails for those who share it, and for nobody else', async (t) => {
  let fails = true;
  const read = together(async () => {
    if (fails) throw new Error('away');
    return 'here';
  });
  const first = await Promise.allSettled([read(), read()]);
  t.same(
    first.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  fails = false;
  t.equal(await read(), 'here');
});
