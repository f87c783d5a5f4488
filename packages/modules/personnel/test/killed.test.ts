import { readdir } from 'node:fs/promises';
import { ObjectId } from 'mongodb';
import t, { type Test } from 'tap';
import { startWorkerProcess, until } from '../../../../test/harness/processes.ts';
import { createPersonnelRepository } from '../src/repository.ts';
import { type Json, person } from './http.ts';
import { startServed } from './served.ts';
import { line, sheetOf } from './workbooks.ts';

t.setTimeout(600_000);

const standing = 1_000;
const fresh = 8_000;
const system = await startServed(t, { env: { UPLOAD_WAIT_MS: '0' } });
const { call, upload, dbs, env, platform } = system;
const repository = createPersonnelRepository(platform);
const records = platform.db.collection('personnel_records');
const uploads = platform.db.collection('uploads');
let { worker } = system;
let kills: string[] = [];

/** SIGKILL at that moment, if it comes before the end, and another worker in its place. */
async function killAt(moment: string, isThere: () => Promise<boolean>, isOver: () => Promise<boolean>) {
  const found = await until(moment, async () => {
    if (await isThere()) return 'there';
    return (await isOver()) ? 'over' : null;
  });
  await worker.end('SIGKILL');
  // It may have come to its end while it was looked at.
  if (found === 'there' && !(await isOver())) kills.push(moment);
  worker = await startWorkerProcess(t, env);
}

const uploadOf = (id: string) => uploads.findOne({ _id: new ObjectId(id) }) as Promise<Json>;
const hasEnded = async (id: string) => (await uploadOf(id)).finishedAt !== null;
const isUndone = async (id: string) => (await uploadOf(id)).undo?.state === 'done';
const spools = async () => {
  const entries = await readdir(env.DATA_DIR!, { recursive: true });
  return entries.filter((path) => path.includes('import-'));
};

/** Everything that anybody sees of a db, without what is different in every one. */
async function seen(db: string) {
  const ask = async (path: string): Promise<Json> => (await call('admin', 'GET', path)).body.data;
  const list = await ask(`/personnels/?db_id=${db}`);
  const today = repository.today();
  const headcount = await ask(`/analytics/headcount?db_id=${db}&as_of=${today}&ids=none`);
  const movements = await ask(`/analytics/movements?db_id=${db}&from=${today}&to=${today}&ids=none`);
  const inside = await records
    .aggregate([
      { $match: { db_id: new ObjectId(db), erased: { $exists: false } } },
      {
        $group: {
          _id: {
            ...{
              version: '$version',
              status: '$status',
              live: '$live',
              pristine: { $type: '$pristine_import' },
            },
            history: '$history.kind',
            imported: { $size: { $ifNull: ['$imported', []] } },
          },
          count: { $sum: 1 },
        },
      },
      { $sort: { _id: 1 } },
    ])
    .toArray();
  const reachable = (await repository.dbs.findAny(new ObjectId(db)))!;
  return {
    list: list.map(({ id: _id, db_id: _db, created_at: _at, ...rest }: Json) => JSON.stringify(rest)),
    figures: await ask(`/analytics/personnels/db/${db}`),
    headcount: headcount.all,
    movements: movements.all,
    inside,
    hidden: reachable.hidden_imports,
    exact: await repository.series.read(reachable),
    counted: await repository.series.compute(reachable),
  };
}

async function assertSame(t: Test, db: string, other: string): Promise<void> {
  const [got, wanted] = [await seen(db), await seen(other)];
  t.equal(got.list.length, wanted.list.length);
  t.ok(
    got.list.every((each: string, i: number) => each === wanted.list[i]),
    'every record, in the same order',
  );
  t.same(got.figures, wanted.figures);
  t.same(got.headcount, wanted.headcount);
  t.same(got.movements, wanted.movements);
  t.same(got.inside, wanted.inside);
  t.same([...got.hidden, ...wanted.hidden], []);
  t.same(got.exact, got.counted, 'the figures are those of the records');
}

/** Looks all the time, until it is told to stop; gives every number of records that anybody saw, in order. */
function watch(db: string) {
  const totals: number[] = [];
  let stopped = false;
  const looking = (async () => {
    while (!stopped) {
      const list = await call('limited', 'GET', `/personnels/db/${db}?limit=1`);
      const figures = await call('limited', 'GET', `/analytics/personnels/db/${db}`);
      totals.push(list.body.data.meta.total, figures.body.data.total_personnel.total);
    }
  })();
  return async () => {
    stopped = true;
    await looking;
    return [...new Set(totals)];
  };
}

const numbers = (prefix: string, count: number) =>
  Array.from({ length: count }, (_each, i) => `${prefix}/${i}`);
const kept = ['S/3', `S/${standing - 1}`, 'F/7'];
const workbook = sheetOf([
  ...numbers('F', fresh).map((each, i) => line(each, 'Sgt', i % 7 === 0 ? 'awol' : null)),
  ...numbers('S', standing).map((each, i) => line(each, 'Capt', i % 2 === 0 ? 'posted' : null)),
  line('X/1', '', 'nonsense'),
]);
const done = {
  read: fresh + standing + 1,
  inserted: fresh,
  updated: standing,
  unchanged: 0,
  duplicates: 0,
  rejected: 1,
};

async function submit(db: string): Promise<string> {
  const answer = await upload('everywhere', await workbook, { db_id: db, onExisting: 'update' });
  if (answer.status !== 202) throw new Error(`the upload answered ${JSON.stringify(answer.body)}`);
  return answer.body.data.uploadId;
}

const ids = {} as Record<'a' | 'b', string>;

t.before(async () => {
  for (const db_id of [dbs.a, dbs.b]) {
    const list = numbers('S', standing).map((army_number) => person({ army_number, db_id }));
    const { body } = await call('everywhere', 'POST', '/personnels/upload', list);
    if (body.data.inserted !== standing) throw new Error(JSON.stringify(body).slice(0, 500));
  }
});

t.test('17. a worker killed again and again in mid-import → as if nothing had been', async (t) => {
  ids.b = await submit(dbs.b);
  // In the order of the work, whatever there is to be killed in it.
  await killAt(
    'parsing',
    async () => (await uploadOf(ids.b)).progress > 0.1,
    () => hasEnded(ids.b),
  );
  await killAt(
    'half of the records inserted',
    async () => (await records.countDocuments({ import_id: new ObjectId(ids.b) })) > fresh / 2,
    () => hasEnded(ids.b),
  );
  await until('its end', () => hasEnded(ids.b));
  const interrupted = await uploadOf(ids.b);
  t.ok(kills.includes('half of the records inserted'), kills.join());
  t.ok(interrupted.attempts > kills.length, `${interrupted.attempts} runs, killed when: ${kills.join(', ')}`);

  const stop = watch(dbs.a);
  ids.a = await submit(dbs.a);
  await until('the end of the other', () => hasEnded(ids.a));
  t.same(await stop(), [standing, standing + fresh], 'nobody saw a part of it');
  const plain = await uploadOf(ids.a);
  for (const each of [plain, interrupted]) {
    t.match(each, { status: 'completed_with_errors', counts: done, errorCount: 1, lease: null });
  }
  t.same(interrupted.errors, plain.errors);
  t.equal(interrupted.message, plain.message);
  await assertSame(t, dbs.b, dbs.a);
  await until('no temporary file', async () => (await spools()).length === 0);
});

t.test('17. a worker killed in mid-undo → as if nothing had been', async (t) => {
  kills = [];
  for (const db of [dbs.a, dbs.b]) {
    for (const number of kept) {
      const { body } = await call('admin', 'GET', `/personnels/db/${db}?search=${number}&limit=500`);
      const { id } = body.data.data.find((each: Json) => each.army_number === number);
      const answer = await call('admin', 'PATCH', `/personnels/${id}`, { remark: 'edited since' });
      t.equal(answer.status, 200);
    }
  }
  const of = { import_id: new ObjectId(ids.b) };
  const changed = () => records.countDocuments({ 'imported.import_id': of.import_id });
  const undo = (id: string) => call('everywhere', 'POST', `/personnels/upload/${id}/undo`);
  t.equal((await undo(ids.b)).status, 202);
  await killAt(
    'records taken away',
    async () => (await records.countDocuments({ ...of, $or: [{ erasing: true }, { erased: true }] })) > 0,
    () => isUndone(ids.b),
  );
  await killAt(
    'changes taken back',
    async () => (await changed()) < standing,
    () => isUndone(ids.b),
  );
  await until('its end', () => isUndone(ids.b));
  t.ok(kills.includes('records taken away'), kills.join());
  const { undo: interrupted } = await uploadOf(ids.b);
  t.ok(interrupted.attempts > kills.length, `${interrupted.attempts} runs, killed when: ${kills.join(', ')}`);

  const stop = watch(dbs.a);
  t.equal((await undo(ids.a)).status, 202);
  await until('the end of the other', () => isUndone(ids.a));
  t.same(await stop(), [standing + fresh, standing + 1], 'nobody saw a part of it');
  const { undo: plain } = await uploadOf(ids.a);
  const without = ({ details }: Json) => ({
    ...details,
    kept: details.kept.map((each: Json) => each.army_number).sort(),
  });
  t.same(without(plain), { removed: fresh - 1, restored: standing - 2, keptCount: 3, kept: kept.toSorted() });
  t.same(without(interrupted), without(plain));
  await assertSame(t, dbs.b, dbs.a);
  await until('no temporary file', async () => (await spools()).length === 0);
});

t.test('15. after that the same file is imported as if it had never been', async (t) => {
  const id = await submit(dbs.b);
  t.not(id, ids.b);
  await until('its end', () => hasEnded(id));
  const { counts, status } = await uploadOf(id);
  t.equal(status, 'completed_with_errors');
  // One of those that stayed is as the sheet says, and the two others were updated by it before.
  t.match(counts, { read: fresh + standing + 1, inserted: fresh - 1, rejected: 1 });
  t.equal((await seen(dbs.b)).list.length, standing + fresh);
});

t.test('what was killed left no line about a fault of the API', (t) => {
  t.same(
    system.api.lines.filter((each) => /"level":"(error|fatal)"/.test(each)),
    [],
  );
  t.end();
});
