import { randomBytes } from 'node:crypto';
import { MongoClient } from 'mongodb';
import t from 'tap';
import { createSharedReads } from '../src/mongo/shared-reads.ts';

interface Thing {
  _id: string;
  value: number;
}

const client = new MongoClient(process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017', {
  monitorCommands: true,
});
const db = client.db(`reads_${randomBytes(6).toString('hex')}`);
const things = db.collection<Thing>('things');
const others = db.collection<Thing>('others');
await things.insertMany([
  { _id: 'a', value: 1 },
  { _id: 'b', value: 2 },
  { _id: 'c', value: 3 },
]);
await others.insertOne({ _id: 'a', value: 9 });
t.teardown(async () => {
  await db.dropDatabase();
  await client.close();
});

let commands: string[] = [];
client.on('commandStarted', ({ commandName }) => commands.push(commandName));
t.beforeEach(() => {
  commands = [];
});

const project = { value: 1 };
const ids = (found: readonly Thing[]) =>
  found
    .map(({ _id }) => _id)
    .sort()
    .reverse()
    .join('');

t.test(
  'what is asked in one moment is one command, whichever the collection; each gets its own',
  async (t) => {
    const reads = createSharedReads(db);
    let shaped = 0;
    const backwards = reads.share(
      () => ({ from: 'things', match: { value: { $gt: 1 } }, project }),
      (found: Thing[]) => {
        shaped += 1;
        return ids(found);
      },
    );
    const other = reads.share(
      () => ({ from: 'others', match: {}, project: { _id: 0 } }),
      (found: Thing[]) => found,
    );
    const none = reads.share(
      () => ({ from: 'nowhere', match: {}, project }),
      (found: Thing[]) => found,
    );
    const thing = reads.byKey<Thing>(
      (keys) => ({ from: 'things', match: { _id: { $in: keys } }, project }),
      ({ _id }) => _id,
    );
    const asked = [backwards(), other(), none(), thing('a'), thing('c'), thing('d'), backwards(), thing('a')];
    const [c, a] = [
      { _id: 'c', value: 3 },
      { _id: 'a', value: 1 },
    ];
    t.same(await Promise.all(asked), ['cb', [{ value: 9 }], [], a, c, null, 'cb', a]);
    t.same(commands, ['aggregate']);
    t.equal(shaped, 1, 'once for both who asked');

    t.equal(await backwards(), 'cb');
    t.same(commands, ['aggregate', 'find'], 'one question alone, and nothing of the former');
    t.same(await thing('b'), { _id: 'b', value: 2 });
  },
);

t.test('nobody gets what was read before they asked', async (t) => {
  const reads = createSharedReads(db);
  const value = reads.share(
    () => ({ from: 'others', match: { _id: 'a' }, project }),
    ([found]: Thing[]) => found!.value,
  );
  const own = reads.byKey<Thing>(
    (keys) => ({ from: 'others', match: { _id: { $in: keys } }, project }),
    ({ _id }) => _id,
  );
  const late: number[] = [];
  const ask = async () => {
    for (let nth = 0; nth < 20; nth += 1) {
      const written = (await others.findOneAndUpdate(
        { _id: 'a' },
        { $inc: { value: 1 } },
        { returnDocument: 'after' },
      ))!.value;
      const [one, two] = await Promise.all([value(), own('a')]);
      if (one < written || two!.value < written) late.push(written);
    }
  };
  await Promise.all(Array.from({ length: 30 }, ask));
  t.same(late, []);
  t.ok(commands.filter((name) => name !== 'findAndModify').length < 500, 'of 600 twos');
});

t.test('a read that fails fails for who shares its command; the next one is made anew', async (t) => {
  const reads = createSharedReads(db);
  let match: object = { $nonsense: 1 };
  const broken = reads.share(
    () => ({ from: 'things', match, project }),
    (found: Thing[]) => ids(found),
  );
  const good = reads.share(
    () => ({ from: 'others', match: {}, project }),
    (found: Thing[]) => ids(found),
  );
  const both = await Promise.allSettled([broken(), good()]);
  t.same(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.equal(await good(), 'a');
  match = { _id: 'b' };
  t.same(await Promise.all([broken(), good()]), ['b', 'a']);
});

t.test('more than fit into a first answer', async (t) => {
  const many = db.collection<Thing>('many');
  await many.insertMany(Array.from({ length: 300 }, (_, value) => ({ _id: `n${value}`, value })));
  const reads = createSharedReads(db);
  const all = reads.share(
    () => ({ from: 'many', match: {}, project }),
    (found: Thing[]) => found.map(({ value }) => value).sort((a, b) => a - b),
  );
  const other = reads.share(
    () => ({ from: 'others', match: {}, project }),
    (found: Thing[]) => ids(found),
  );
  const [numbers, id] = await Promise.all([all(), other()]);
  t.same(
    numbers,
    Array.from({ length: 300 }, (_, value) => value),
  );
  t.equal(id, 'a');
});
