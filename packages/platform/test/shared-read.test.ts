import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { sharedRead, sharedReadByKey } from '../src/mongo/shared-read.ts';

t.test('who asks in one turn shares a read; nobody gets one that began before they asked', async (t) => {
  let value = 0;
  let reads = 0;
  const read = sharedRead(async () => {
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

t.test('a failed read fails for those who share it, and for nobody else', async (t) => {
  let fails = true;
  const read = sharedRead(async () => {
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

t.test('by key: each key once, each asker its own, null for what is not there', async (t) => {
  const asked: (readonly string[])[] = [];
  const read = sharedReadByKey(async (keys) => {
    asked.push(keys);
    return new Map(keys.filter((key) => key !== 'c').map((key) => [key, key.toUpperCase()]));
  });
  t.same(await Promise.all(['a', 'b', 'a', 'c'].map(read)), ['A', 'B', 'A', null]);
  t.same(asked, [['a', 'b', 'c']]);
  t.equal(await read('b'), 'B');
  t.same(asked[1], ['b'], 'nothing of the former');
});
