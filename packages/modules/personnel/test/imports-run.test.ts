import type { Db } from 'mongodb';
import { ObjectId } from 'mongodb';
import t, { type Test } from 'tap';
import { foldEvery, tidy } from '../src/jobs.ts';
import type { PersonnelFields } from '../src/model.ts';
import type { PersonnelRepository } from '../src/repository.ts';
import { actor, buildFields, makeDb, openDatabase, openRepository } from './engine.ts';
import { type Asked, createImporter, header, lineOf, type Written } from './sheets.ts';

t.setTimeout(300_000);

const now = new Date('2026-11-25T06:00:00Z');
const clock = () => now;
const opened = openDatabase(t).then((db) => ({ db, repository: openRepository(db, clock) }));
let count = 0;

async function setUp(t: Test) {
  const { db, repository } = await opened;
  count += 1;
  const id = await makeDb(repository, `R${count}`);
  const importLines = createImporter(t, repository, clock);
  const scope = () => repository.dbs.scope([id]);
  const all = async () => {
    const found = [];
    for await (const { _id } of repository.records.stream(await scope(), id)) {
      found.push((await repository.records.find(await scope(), _id.toHexString()))!);
    }
    return found;
  };
  const insert = async (fields: PersonnelFields) =>
    repository.records.insert(await scope(), { fields, db: id, status: null }, actor);
  return { db, repository, id, importLines, scope, all, insert };
}

const people = (prefix: string, count: number) =>
  Array.from({ length: count }, (_each, i) => buildFields({ army_number: `${prefix}/${i}` }));
const sheetOf = (fields: readonly PersonnelFields[], ...more: Written[][]): Written[][] => [
  header,
  ...fields.map((each) => lineOf(each)),
  ...more,
];

t.test('rows become records, in the order of the sheet, alike to those made by hand', async (t) => {
  const { repository, id, importLines, all, scope } = await setUp(t);
  const given = people('A', 30);
  const lines = sheetOf(given.slice(0, 29), lineOf(given[29]!, 'Awol'));
  const { result } = await importLines({ db: id, lines });
  t.same(result?.counts, { read: 30, inserted: 30, updated: 0, unchanged: 0, duplicates: 0, rejected: 0 });
  const records = await all();
  t.same(
    records.map((record) => record.army_number),
    given.map((each) => each.army_number),
  );
  t.same(
    [records[0]?.status, records[29]?.status, records[0]?.history[0]?.kind],
    ['active', 'awol', 'imported'],
  );
  const series = await repository.series.read((await scope()).dbs.get(id)!);
  t.same(series.cells, { 'active|2026-11': 29, 'awol|2026-11': 1 });
  t.same(series, await repository.series.compute((await scope()).dbs.get(id)!));
});

t.test(
  'what stands: the same is unchanged, other values are refused in the words of the contract, or updated',
  async (t) => {
    const { id, importLines, all, insert } = await setUp(t);
    const [same, other, fresh] = people('B', 3) as [PersonnelFields, PersonnelFields, PersonnelFields];
    await insert(same);
    await insert(other);
    // Spaces and letter case make no other number.
    const changed = { ...other, rank: 'Capt', army_number: ` b/ 1 ` };
    const lines = sheetOf(
      [same],
      lineOf(changed, 'posted'),
      lineOf(fresh),
      lineOf(fresh),
      lineOf({ ...fresh, rank: 'X' }),
    );
    const refused = await importLines({ db: id, lines, dryRun: true });
    t.same(refused.result?.counts, {
      read: 5,
      inserted: 1,
      updated: 0,
      unchanged: 1,
      duplicates: 1,
      rejected: 2,
    });
    t.same(
      refused.result?.errors.map(({ code, message, row, cell }) => [code, message, row, cell]),
      [
        ['NUMBER_EXISTS', 'Personnel with army_number b/ 1 already exists', 3, 'A3'],
        [
          'NUMBER_TWICE',
          `Personnel with army_number ${fresh.army_number} already exists in row 4 with other values. Keep one of the rows.`,
          6,
          'A6',
        ],
      ],
    );
    t.equal((await all()).length, 2, 'a dry run saves nothing');

    const checked = await importLines({ db: id, lines, dryRun: true, onExisting: 'update' });
    const { result } = await importLines({ db: id, lines, onExisting: 'update' });
    t.same(result?.counts, { read: 5, inserted: 1, updated: 1, unchanged: 1, duplicates: 1, rejected: 1 });
    t.same(result?.counts, checked.result?.counts, 'a dry run says what will be');
    t.same(result?.errors, checked.result?.errors);
    const updated = (await all()).find((record) => record.rank === 'Capt');
    t.same(
      [updated?.army_number, updated?.status, updated?.history.at(-1)?.status],
      ['b/ 1', 'posted', 'posted'],
    );
  },
);

t.test('columns that are not there change nothing of a record that stands', async (t) => {
  const { id, importLines, all, insert } = await setUp(t);
  await insert(buildFields({ army_number: 'C/1', remark: 'stays' }));
  const few = header.filter((each) => each !== 'Remark');
  const cells = lineOf(buildFields({ army_number: 'C/1', rank: 'Maj' })).filter((_each, i) =>
    few.includes(header[i]!),
  );
  await importLines({ db: id, lines: [few, cells], onExisting: 'update' });
  t.same(
    (await all()).map(({ rank, remark }) => [rank, remark]),
    [['Maj', 'stays']],
  );
});

t.test('all or nothing: one bad row, or one number that is taken, and nothing is saved', async (t) => {
  const { id, importLines, all, insert } = await setUp(t);
  const given = people('D', 5);
  await insert({ ...given[3]!, rank: 'Other' });
  const refused = await importLines({ db: id, lines: sheetOf(given), onError: 'reject_all' });
  t.equal(refused.code, 'ROWS_REJECTED');
  t.match(refused.error?.details?.counts, { read: 5, inserted: 0, rejected: 5 });
  t.equal((await all()).length, 1);
  const bad = await importLines({ db: id, lines: sheetOf([given[0]!], ['x']), onError: 'reject_all' });
  t.equal(bad.code, 'ROWS_REJECTED');
  t.equal((await all()).length, 1);
});

t.test('where every row is refused the import fails, and leaves nothing', async (t) => {
  const { repository, id, importLines, insert } = await setUp(t);
  const [fields] = people('E', 1);
  await insert(fields!);
  const lines = sheetOf([{ ...fields!, rank: 'Other' }]);
  const key = 'of-e';
  const { code, error } = await importLines({ db: id, lines, key });
  t.equal(code, 'ALL_ROWS_REJECTED');
  t.match(error?.details, { errorCount: 1, counts: { rejected: 1 } });
  t.equal(await repository.imports.findClaim(key), null, 'the same file may come again');
  t.same((await repository.dbs.findAny(new ObjectId(id)))?.hidden_imports, []);
});

t.test('15. the same file again gives the first result and has no effect, also at once', async (t) => {
  const { id, importLines, all } = await setUp(t);
  const asked: Asked = { db: id, lines: sheetOf(people('F', 20)), key: 'of-f' };
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => importLines(asked)));
  const again = await importLines(asked);
  t.equal(outcomes.filter(({ result }) => result?.duplicateOf === undefined).length, 1);
  for (const { result } of [...outcomes, again]) t.equal(result?.counts.inserted, 20);
  t.ok(again.result?.duplicateOf);
  t.equal((await all()).length, 20);
});

t.test(
  '54. two sheets with the same numbers at once: each number once, the other row is refused',
  async (t) => {
    const { id, importLines, all } = await setUp(t);
    const given = people('G', 40);
    const lines = sheetOf(given);
    const others = sheetOf([...given].reverse().map((each) => ({ ...each, rank: 'Other' })));
    const [a, b] = await Promise.all([
      importLines({ db: id, lines }),
      importLines({ db: id, lines: others }),
    ]);
    const inserted = [a, b].map(({ result, error }) => {
      const counts = result?.counts ?? (error?.details?.counts as { inserted: number });
      return counts.inserted;
    });
    t.equal(inserted[0]! + inserted[1]!, 40);
    t.equal((await all()).length, 40);
  },
);

t.test(
  '54, 55. whoever is faster than a row is heeded: a number that was taken meanwhile, a record that was changed',
  async (t) => {
    const { repository, id, importLines, all, insert, scope } = await setUp(t);
    const [taken, changed, gone] = people('M', 3) as [PersonnelFields, PersonnelFields, PersonnelFields];
    const records = [await insert(changed), await insert(gone)];
    const { imports } = repository;
    let first = true;
    const meddling = {
      ...repository,
      imports: {
        ...imports,
        async listStanding(...asked: Parameters<typeof imports.listStanding>) {
          const found = await imports.listStanding(...asked);
          if (!first) return found;
          first = false;
          // Between the look and the write.
          await insert({ ...taken, rank: 'Faster' });
          const by = [actor, null] as const;
          await repository.records.update(
            await scope(),
            records[0]!._id.toHexString(),
            { fields: { remark: 'by hand' } },
            ...by,
          );
          await repository.records.remove(await scope(), records[1]!._id.toHexString(), ...by);
          return found;
        },
      },
    };
    const lines = sheetOf([taken, { ...gone, rank: 'Capt' }]);
    const few = header.filter((each) => each !== 'Remark');
    const cut = (line: Written[]) => line.filter((_each, i) => few.includes(header[i]!));
    const { result } = await importLines(
      {
        db: id,
        lines: [few, ...lines.slice(1).map(cut), cut(lineOf({ ...changed, rank: 'Capt' }))],
        onExisting: 'update',
      },
      meddling,
    );
    t.same(result?.counts, { read: 3, inserted: 1, updated: 2, unchanged: 0, duplicates: 0, rejected: 0 });
    t.same((await all()).map(({ army_number, rank, remark }) => [army_number, rank, remark]).sort(), [
      [taken.army_number, taken.rank, null],
      [changed.army_number, 'Capt', 'by hand'],
      [gone.army_number, 'Capt', null],
    ]);

    first = true;
    const [other] = people('N', 1) as [PersonnelFields];
    const racing = { ...meddling, imports: { ...meddling.imports } };
    racing.imports.listStanding = async (...asked) => {
      const found = await imports.listStanding(...asked);
      if (first) await insert({ ...other, rank: 'Faster' });
      first = false;
      return found;
    };
    const refused = await importLines({ db: id, lines: sheetOf([other, ...people('O', 1)]) }, racing);
    t.match(refused.result?.counts, { inserted: 1, rejected: 1 });
    t.equal(refused.result?.errors[0]?.code, 'NUMBER_EXISTS');

    first = true;
    const [more] = people('P', 1) as [PersonnelFields];
    racing.imports.listStanding = async (...asked) => {
      const found = await imports.listStanding(...asked);
      // After the trial of all or nothing.
      if (!first && found.size === 0) await insert({ ...more, rank: 'Faster' }).catch(() => undefined);
      first = false;
      return found;
    };
    const before = (await all()).length;
    const key = 'of-p';
    const wholly = await importLines(
      { db: id, lines: sheetOf([more, ...people('Q', 1)]), onError: 'reject_all', key },
      racing,
    );
    t.equal(wholly.code, 'ROWS_REJECTED');
    t.equal((await all()).length, before + 1, 'only what was made by hand');
    t.equal(await imports.findClaim(key), null);
  },
);

t.test('nobody sees an import before all of it is there', async (t) => {
  const { repository, id, importLines, all, scope } = await setUp(t);
  const { imports } = repository;
  let looked = 0;
  const watching = {
    ...repository,
    imports: {
      ...imports,
      async insertNew(documents: Parameters<typeof imports.insertNew>[0]) {
        const taken = await imports.insertNew(documents);
        looked += 1;
        t.same(await all(), []);
        t.same((await repository.series.read((await scope()).dbs.get(id)!)).cells, {});
        await foldEvery(repository);
        return taken;
      },
    },
  };
  await importLines({ db: id, lines: sheetOf(people('H', 3_000)) }, watching);
  t.ok(looked > 1, `in ${looked} batches`);
  t.equal((await all()).length, 3_000);
  const read = await repository.series.read((await scope()).dbs.get(id)!);
  t.same(read.cells, { 'active|2026-11': 3_000 });
  t.same(await repository.series.stored(id), read);
});

/** The repository whose nth write or read fails, as if the process had died there; before or after it was done. */
function dying(repository: PersonnelRepository, nth: number, after: boolean): PersonnelRepository {
  let calls = 0;
  const wrap = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== 'function' || name === 'newDocument') return value;
        return async (...args: unknown[]) => {
          calls += 1;
          if (calls === nth && !after) throw new Error('died');
          const result = await value.apply(target, args);
          if (calls >= nth) throw new Error('died');
          return result;
        };
      },
    });
  const { imports, dbs, series, records } = repository;
  return {
    ...repository,
    imports: wrap(imports),
    dbs: wrap(dbs),
    series: wrap(series),
    records: wrap(records),
  };
}

const shape = async (db: Db, repository: PersonnelRepository, id: string) => {
  const records = await db
    .collection('personnel_records')
    .find({ db_id: new ObjectId(id), erased: { $exists: false } })
    .sort({ army_key: 1 })
    .toArray();
  const reachable = (await repository.dbs.findAny(new ObjectId(id)))!;
  return {
    records: records.map(({ army_number, rank, status, live, version, history, imported }) => ({
      ...{
        army_number,
        rank,
        status,
        live,
        version,
        history: history.length,
        imported: imported?.length ?? 0,
      },
    })),
    figures: await repository.series.read(reachable),
    computed: await repository.series.compute(reachable),
    hidden: reachable.hidden_imports.length,
  };
};

t.test(
  '17, 18. broken off at any point and run again, an import ends as if nothing had happened',
  async (t) => {
    const { db, repository, id: plainId, importLines, insert } = await setUp(t);
    const standing = people('I', 6);
    const lines = sheetOf(
      standing.slice(0, 2),
      ...standing.slice(2, 6).map((each) => lineOf({ ...each, rank: 'New' }, 'rtu')),
      ...people('J', 6).map((each) => lineOf(each)),
      ['bad'],
    );
    for (const fields of standing) await insert(fields);
    const expected = await importLines({ db: plainId, lines, onExisting: 'update' });
    const wanted = await shape(db, repository, plainId);
    t.equal(wanted.records.length, 12);

    let points = 0;
    for (let nth = 1; ; nth += 1) {
      let ended = false;
      for (const after of [false, true]) {
        const id = await makeDb(repository, `K${nth}${after}`);
        const scope = await repository.dbs.scope([id]);
        for (const fields of standing) {
          await repository.records.insert(scope, { fields, db: id, status: null }, actor);
        }
        const asked: Asked = {
          db: id,
          lines,
          onExisting: 'update',
          key: `k-${nth}-${after}`,
          uploadId: new ObjectId(),
        };
        const first = await importLines(asked, dying(repository, nth, after)).catch((error) => {
          if ((error as Error).message !== 'died') throw error;
          return null;
        });
        ended ||= first !== null;
        const { result } = await importLines({ ...asked, attempts: 2 });
        points += 1;
        const got = await shape(db, repository, id);
        t.same(got.records, wanted.records, `call ${nth}, ${after ? 'after' : 'before'} it`);
        t.same(got.figures, wanted.figures);
        t.same(got.figures, got.computed);
        t.equal(got.hidden, 0);
        t.same(result?.counts, expected.result?.counts);
        t.same(result?.errors, expected.result?.errors);
      }
      if (ended) break;
    }
    t.ok(points > 20, `${points} points`);
  },
);

t.test(
  '20. what an import that was given up has left is removed, and its numbers are free again',
  async (t) => {
    const { db, repository, id, importLines, all } = await setUp(t);
    const given = people('L', 10);
    const uploadId = new ObjectId();
    const asked: Asked = { db: id, lines: sheetOf(given), key: 'of-l', uploadId };
    // Died after the records were inserted.
    for (let nth = 1; ; nth += 1) {
      await importLines(asked, dying(repository, nth, true)).catch(() => undefined);
      if (await repository.imports.hasAny(uploadId)) break;
    }
    const finishedAt = new Date(now.getTime() - 3_600_000);
    const upload = {
      _id: uploadId,
      status: 'failed',
      finishedAt,
      dedupeKey: 'of-l',
      params: { dbId: id },
      undo: null,
    };
    await db.collection('uploads').insertOne(upload);
    await tidy({ db, clock }, repository);
    t.same((await repository.dbs.findAny(new ObjectId(id)))?.hidden_imports, []);
    t.equal(await repository.imports.hasAny(uploadId), false, 'nothing is left of it');
    t.same(await all(), []);
    const { result } = await importLines({ db: id, lines: sheetOf(given), key: 'of-l' });
    t.equal(result?.counts.inserted, 10);
    t.equal((await all()).length, 10);
  },
);
