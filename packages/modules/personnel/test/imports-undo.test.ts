import fc from 'fast-check';
import { ObjectId } from 'mongodb';
import t from 'tap';
import { undoImport } from '../src/imports/undo.ts';
import { foldEvery, tidy } from '../src/jobs.ts';
import type { PersonnelFields, Status } from '../src/model.ts';
import type { PersonnelRepository } from '../src/repository.ts';
import { actor, buildFields, makeDb, openDatabase, openRepository } from './engine.ts';
import { createImporter, header, lineOf, type Outcome } from './sheets.ts';

const runs = Number(process.env.PROPERTY_RUNS ?? 60);
const seed = Number(process.env.PROPERTY_SEED ?? (process.env.PROPERTY_RUNS ? Date.now() % 2 ** 31 : 4711));
t.setTimeout(Math.max(300_000, runs * 5_000));

const now = new Date('2026-11-25T06:00:00Z');
const clock = () => now;
const opened = openDatabase(t).then((db) => ({ db, repository: openRepository(db, clock) }));
let count = 0;

const numbers = 6;
const ranks = ['Pte', 'Sgt', 'Capt'] as const;
type Row = { number: number; rank: string; status: Status | null };
type Command =
  | { type: 'import'; rows: Row[]; update: boolean }
  | { type: 'edit'; number: number; rank: string }
  | { type: 'status'; number: number; status: Status }
  | { type: 'delete'; number: number }
  | { type: 'create'; number: number }
  | { type: 'fold' }
  | { type: 'tidy' }
  | { type: 'undo'; which: number };

const number = fc.nat(numbers - 1);
const rank = fc.constantFrom(...ranks);
const status = fc.constantFrom<Status>('active', 'awol', 'rtu');
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('import' as const),
      rows: fc.uniqueArray(fc.record({ number, rank, status: fc.option(status) }), {
        selector: (row) => row.number,
        minLength: 1,
        maxLength: numbers,
      }),
      update: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('edit' as const), number, rank }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('status' as const), number, status }) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.record({ type: fc.constant('delete' as const), number }),
      fc.record({ type: fc.constant('create' as const), number }),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<Command>({ type: 'fold' }, { type: 'tidy' }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('undo' as const), which: fc.nat(5) }) },
);

/** What should be there, said as plainly as possible. */
interface Person {
  number: number;
  rank: string;
  status: Status;
  live: boolean;
  insertedBy: number | null;
  /** Whose undo takes the person away. */
  pristine: number | null;
  updates: { by: number; before: Pick<Person, 'rank' | 'status' | 'pristine'> | null }[];
}

function createReference() {
  let people: Person[] = [];
  const live = (n: number) => people.find((each) => each.live && each.number === n);
  const touch = (person: Person) => {
    person.pristine = null;
    for (const update of person.updates) update.before = null;
  };
  return {
    live: () =>
      people
        .filter((each) => each.live)
        .map(({ number: n, rank: r, status: s }) => `${n} ${r} ${s}`)
        .sort(),
    has: (n: number) => live(n) !== undefined,
    create(n: number) {
      if (live(n)) return;
      const facts = { number: n, rank: 'Sgt', status: 'active' as const, live: true };
      people.push({ ...facts, insertedBy: null, pristine: null, updates: [] });
    },
    edit(n: number, set: Partial<Person>) {
      const person = live(n);
      if (!person || Object.entries(set).every(([name, value]) => person[name as keyof Person] === value))
        return;
      Object.assign(person, set);
      touch(person);
    },
    delete(n: number) {
      const person = live(n);
      if (!person) return;
      person.live = false;
      touch(person);
    },
    import(id: number, rows: readonly Row[], update: boolean) {
      for (const row of rows) {
        const person = live(row.number);
        if (person === undefined) {
          const facts = { number: row.number, rank: row.rank, status: row.status ?? 'active', live: true };
          people.push({ ...facts, insertedBy: id, pristine: id, updates: [] });
        } else if (update && (person.rank !== row.rank || (row.status ?? person.status) !== person.status)) {
          const { rank: r, status: s, pristine } = person;
          person.updates.push({ by: id, before: { rank: r, status: s, pristine } });
          Object.assign(person, { rank: row.rank, status: row.status ?? s, pristine: null });
        }
      }
    },
    /** Gives how many of the import's records stay. */
    undo(id: number): number {
      people = people.filter((each) => each.pristine !== id);
      for (const person of people) {
        const last = person.updates.at(-1);
        if (last?.by !== id || last.before === null) continue;
        Object.assign(person, last.before);
        person.updates.pop();
      }
      const inserted = people.filter((each) => each.insertedBy === id).length;
      return inserted + people.filter((each) => each.updates.some(({ by }) => by === id)).length;
    },
  };
}

const fieldsOf = (prefix: string, n: number, r: string): PersonnelFields =>
  buildFields({ army_number: `${prefix}/${n}`, rank: r });

async function stateOf(repository: PersonnelRepository, id: string) {
  const scope = await repository.dbs.scope([id]);
  const records = [];
  for await (const { army_number, rank: r, status: s } of repository.records.stream(scope, id)) {
    records.push(`${army_number.split('/')[1]} ${r} ${s}`);
  }
  const reachable = scope.dbs.get(id)!;
  const figures = await repository.series.read(reachable);
  return { records: records.sort(), figures, computed: await repository.series.compute(reachable) };
}

t.test('an undo brings back what was there, but for records changed since, which it lists', async (t) => {
  const { db, repository } = await opened;
  const importLines = createImporter(t, repository, clock);
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 3, maxLength: 14 }), async (commands) => {
      count += 1;
      const prefix = `U${count}`;
      const id = await makeDb(repository, prefix);
      const scope = await repository.dbs.scope([id]);
      const reference = createReference();
      const done: Outcome[] = [];
      const undone = new Set<number>();
      const find = async (n: number) => {
        const key = `${prefix}/${n}`;
        return (await repository.imports.listStanding(new ObjectId(id), [key])).get(key)?._id.toHexString();
      };
      for (const each of commands) {
        if (each.type === 'import') {
          const lines = [
            header,
            ...each.rows.map((row) => lineOf(fieldsOf(prefix, row.number, row.rank), row.status)),
          ];
          const outcome = await importLines({ db: id, lines, onExisting: each.update ? 'update' : 'reject' });
          if (outcome.code === null) {
            reference.import(done.length, each.rows, each.update);
            done.push(outcome);
          }
        } else if (each.type === 'undo') {
          const nth = each.which % Math.max(1, done.length);
          if (done.length === 0 || undone.has(nth)) continue;
          undone.add(nth);
          const { upload } = done[nth]!;
          const details = await undoImport(repository, upload, { userId: 'u-2', name: 'Ben' });
          t.equal(details.keptCount, reference.undo(nth));
          t.equal(details.kept.length, details.keptCount);
        } else if (each.type === 'create') {
          reference.create(each.number);
          const given = { fields: fieldsOf(prefix, each.number, 'Sgt'), db: id, status: null };
          await repository.records.insert(scope, given, actor).catch(() => undefined);
        } else if (each.type === 'fold') await foldEvery(repository);
        else if (each.type === 'tidy') await tidy({ db, clock }, repository);
        else {
          const there = await find(each.number);
          if (there === undefined) continue;
          if (each.type === 'delete') {
            reference.delete(each.number);
            await repository.records.remove(scope, there, actor, null);
          } else if (each.type === 'edit') {
            reference.edit(each.number, { rank: each.rank });
            await repository.records.update(scope, there, { fields: { rank: each.rank } }, actor, null);
          } else {
            reference.edit(each.number, { status: each.status });
            await repository.records.update(scope, there, { status: each.status }, actor, null);
          }
        }
        const { records, figures, computed } = await stateOf(repository, id);
        if (!t.same(records, reference.live(), `after ${each.type}`)) return false;
        if (!t.same(figures, computed, `the figures after ${each.type}`)) return false;
      }
      return true;
    }),
    { numRuns: runs, seed },
  );
});

t.test('records that an undo has only marked so far do not keep the folding for ever', async (t) => {
  const { db, repository } = await opened;
  const importLines = createImporter(t, repository, clock);
  const id = await makeDb(repository, 'marked');
  const given = Array.from({ length: 5 }, (_each, i) => fieldsOf('W', i, 'Pte'));
  const lines = [header, ...given.map((fields) => lineOf(fields))];
  const { upload } = await importLines({ db: id, lines });
  const before = await stateOf(repository, id);
  // As the first write of an undo leaves them, whose worker was killed then.
  await db
    .collection('personnel_records')
    .updateMany(
      { pristine_import: upload._id },
      { $set: { erasing: true }, $addToSet: { unfolded: id } as never },
    );
  await foldEvery(repository, AbortSignal.timeout(20_000));
  t.same(await stateOf(repository, id), before, 'they are still there, and counted');
  await undoImport(repository, upload, { userId: 'u', name: 'Ben' });
  const { records, figures, computed } = await stateOf(repository, id);
  t.same([records, figures.cells], [[], {}]);
  t.same(figures, computed);
});

t.test('an undo that was broken off is carried on by the next one', async (t) => {
  const { db, repository } = await opened;
  const importLines = createImporter(t, repository, clock);
  const given = Array.from({ length: 8 }, (_each, i) => fieldsOf('V', i, 'Pte'));
  for (let nth = 1, ended = false; !ended; nth += 1) {
    const id = await makeDb(repository, `V${nth}`);
    const scope = await repository.dbs.scope([id]);
    for (const fields of given.slice(0, 3)) {
      await repository.records.insert(scope, { fields, db: id, status: null }, actor);
    }
    const before = await stateOf(repository, id);
    const lines = [header, ...given.map((fields) => lineOf({ ...fields, rank: 'Capt' }, 'awol'))];
    const { upload } = await importLines({ db: id, lines, onExisting: 'update' });
    let calls = 0;
    const wrap = <T extends object>(part: T): T =>
      new Proxy(part, {
        get(target, name) {
          const value = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]) => {
            calls += 1;
            const result = await value.apply(target, args);
            if (calls >= nth) throw new Error('died');
            return result;
          };
        },
      });
    const { imports, dbs, series } = repository;
    const dying = { ...repository, imports: wrap(imports), dbs: wrap(dbs), series: wrap(series) };
    ended = await undoImport(dying, upload, { userId: 'u', name: 'Ben' }).then(
      () => true,
      () => false,
    );
    const details = await undoImport(repository, upload, { userId: 'u', name: 'Ben' });
    t.match(details, { removed: 5, restored: 3, keptCount: 0 });
    const after = await stateOf(repository, id);
    t.same(after.records, before.records, `broken off after call ${nth}`);
    t.same(after.figures.cells, before.figures.cells);
    t.same(after.figures, after.computed);
  }
  await tidy({ db, clock }, repository);
  t.equal(
    await db.collection('personnel_records').countDocuments({ erased: true, outbox: { $exists: false } }),
    0,
  );
});

t.test(
  'in the middle of an undo the figures hold nothing of the import, also where they had not taken it in yet',
  async (t) => {
    const { repository } = await opened;
    const importLines = createImporter(t, repository, clock);
    const id = await makeDb(repository, 'W');
    const { dbs, imports } = repository;
    const uploadId = new ObjectId();
    const asked = { db: id, key: 'of-w', uploadId, lines: [header, lineOf(fieldsOf('W', 1, 'Pte'))] };
    // Published, and the process died before it could fold.
    const dying = {
      ...repository,
      dbs: {
        ...dbs,
        async show(...given: Parameters<typeof dbs.show>) {
          await dbs.show(...given);
          throw new Error('died');
        },
      },
    };
    await t.rejects(importLines(asked, dying), { message: 'died' });
    t.same((await stateOf(repository, id)).figures.cells, { 'active|2026-11': 1 });
    let looked = false;
    const watching = {
      ...repository,
      imports: {
        ...imports,
        async revert(...given: Parameters<typeof imports.revert>) {
          const { records, figures } = await stateOf(repository, id);
          t.same([records, figures], [[], { days: {}, cells: {} }]);
          looked = true;
          return imports.revert(...given);
        },
      },
    };
    const upload = {
      _id: uploadId,
      params: { dbId: id, onExisting: 'reject' as const },
      dedupeKey: 'of-w',
      requestId: 'r',
    };
    await undoImport(watching, { ...upload, counts: null }, { userId: 'u', name: 'Ben' });
    t.ok(looked);
    t.same((await stateOf(repository, id)).figures, { days: {}, cells: {} });
  },
);
