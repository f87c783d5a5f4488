import { dayFromCivil, isoDate, startOfDay } from '@backoffice/core';
import fc from 'fast-check';
import { type Db, ObjectId } from 'mongodb';
import t from 'tap';
import { headcount, movements } from '../src/analytics.ts';
import { type Status, statuses } from '../src/model.ts';
import { countIn, createSeriesRepository } from '../src/repository/series.ts';
import type { PersonnelRepository } from '../src/repository.ts';
import { deletedFigure, liveFigure } from '../src/rollups/figures.ts';
import { emptySeries } from '../src/rollups/parts.ts';
import { actor, buildFields, emptyDatabase, makeDb, openDatabase, openRepository, zone } from './engine.ts';
import { allKinds, createReference, horizon } from './reference.ts';

const runs = Number(process.env.PROPERTY_RUNS ?? 60);
const seed = Number(process.env.PROPERTY_SEED ?? (process.env.PROPERTY_RUNS ? Date.now() % 2 ** 31 : 4711));

t.setTimeout(Math.max(300_000, runs * 5_000));

/** Day 0 of the histories; day 100 is when they begin to be recorded. */
const zero = dayFromCivil(2025, 1, 1)!;
const beginning = 100;
const iso = (day: number) => isoDate(zero + day);
/** Half past eleven at night in India: another day in UTC. */
const momentOf = (day: number) => new Date(startOfDay(zero + day + 1, zone).getTime() - 1_800_000);

type Command =
  | { type: 'create'; db: number; status: Status | null }
  | { type: 'status'; who: number; status: Status; offset: number }
  | { type: 'move'; who: number; db: number; offset: number }
  | { type: 'remove' | 'restore'; who: number }
  | { type: 'days'; count: number }
  | { type: 'fold'; crash: boolean }
  | { type: 'rebuild'; db: number }
  | { type: 'import'; db: number; statuses: (Status | null)[] };

const who = fc.nat(5);
const db = fc.nat(2);
const status = fc.constantFrom(...statuses);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('create' as const), db, status: fc.option(status) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('status' as const),
      who,
      status,
      offset: fc.oneof(fc.constant(0), fc.integer({ min: -90, max: 30 })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('move' as const),
      who,
      db,
      offset: fc.oneof(fc.constant(0), fc.integer({ min: -90, max: 0 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('remove' as const, 'restore' as const), who }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('days' as const), count: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('fold' as const), crash: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('rebuild' as const), db }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('import' as const),
      db,
      statuses: fc.array(fc.option(status), { minLength: 1, maxLength: 3 }),
    }),
  },
);

class Crash extends Error {}

/** The same database, through which the figures are written, but not the notes in the records. */
function crashing(real: Db): Db {
  const broken = (name: string) => {
    const collection = real.collection(name);
    if (name !== 'personnel_records') return collection;
    return new Proxy(collection, {
      get: (target, key) =>
        key === 'bulkWrite'
          ? () => Promise.reject(new Crash())
          : (Reflect.get(target, key) as () => void).bind(target),
    });
  };
  return { collection: broken } as unknown as Db;
}

async function play(database: Db, commands: readonly Command[]): Promise<void> {
  await emptyDatabase(database);
  let today = beginning;
  const clock = () => momentOf(today);
  const repository = openRepository(database, clock);
  const broken = createSeriesRepository(crashing(database), repository.dayOf);
  const reference = createReference();
  const dbs = [await makeDb(repository, 'A'), await makeDb(repository, 'B'), await makeDb(repository, 'C')];
  const ids: string[] = [];
  const scope = () => repository.dbs.scope('all');
  const live = (index: number) => ids.filter((id) => reference.people.get(id)!.live)[index];

  for (const each of commands) {
    const reachable = await scope();
    if (each.type === 'create' && ids.length < 6) {
      const given = { fields: buildFields(), db: dbs[each.db]!, status: each.status };
      const made = await repository.records.insert(reachable, given, actor);
      ids.push(made._id.toHexString());
      reference.create(ids.at(-1)!, today, given.db, each.status);
    }
    if (each.type === 'import' && ids.length < 6) {
      const made = await bringIn(repository, dbs[each.db]!, each.statuses);
      ids.push(...made);
      for (const [index, id] of made.entries()) {
        reference.create(id, today, dbs[each.db]!, each.statuses[index]!);
      }
    }
    if (each.type === 'status' || each.type === 'move') {
      const id = live(each.who);
      if (id === undefined) continue;
      const day = today + each.offset;
      const change = each.type === 'status' ? { status: each.status } : { db: dbs[each.db]! };
      await repository.records.update(reachable, id, { ...change, effective: iso(day) }, actor, null);
      if (each.type === 'status') reference.status(id, day, each.status);
      else reference.move(id, day, dbs[each.db]!);
    }
    if (each.type === 'remove') {
      const id = live(each.who);
      if (id === undefined) continue;
      await repository.records.remove(reachable, id, actor, null);
      reference.remove(id, today);
    }
    if (each.type === 'restore') {
      const id = ids.filter((one) => !reference.people.get(one)!.live)[each.who];
      if (id === undefined) continue;
      await repository.records.restore(reachable, id, actor);
      reference.restore(id, today);
    }
    if (each.type === 'days') today += each.count;
    if (each.type === 'fold') {
      for (const one of reachable.dbs.values()) {
        if (!each.crash) await repository.series.foldSome(one);
        else
          await broken
            .foldSome(one)
            .catch((error) => (error instanceof Crash ? undefined : Promise.reject(error)));
      }
    }
    if (each.type === 'rebuild') await repository.series.rebuild(reachable.dbs.get(dbs[each.db]!)!);
  }
  await holdAgainst(repository, reference, dbs, today);
}

/** Records that come all at once, as an import brings them; nothing of them is counted before. */
async function bringIn(repository: PersonnelRepository, db: string, all: readonly (Status | null)[]) {
  const importId = new ObjectId();
  const dbId = new ObjectId(db);
  const before = await repository.series.read((await repository.dbs.scope('all')).dbs.get(db)!);
  await repository.dbs.hide(dbId, importId);
  const figures = emptySeries();
  const documents = all.map((status) => {
    const made = repository.records.newDocument({ fields: buildFields(), db, status }, 'imported', actor);
    const its = { ...made, import_id: importId, pristine_import: importId };
    return countIn(its, figures, repository.dayOf);
  });
  await repository.records.collection.insertMany(documents);
  await repository.series.bring(db, importId, figures);
  const hidden = (await repository.dbs.scope('all')).dbs.get(db)!;
  same('hidden', ordered(await repository.series.read(hidden)), ordered(before));
  await repository.series.foldSome(hidden);
  await repository.dbs.show(dbId, importId);
  return documents.map(({ _id }) => _id.toHexString());
}

async function holdAgainst(
  repository: PersonnelRepository,
  reference: ReturnType<typeof createReference>,
  dbs: readonly string[],
  today: number,
): Promise<void> {
  const scope = await repository.dbs.scope('all');
  const days = [0, 15, 60, beginning, today - 7, today - 1, today, today + 10, horizon - 40];
  await repository.records.settle();
  for (const folded of [false, true]) {
    if (folded) for (const each of scope.dbs.values()) await repository.series.fold(each);
    for (const each of dbs) {
      const reachable = scope.dbs.get(each)!;
      const computed = await repository.series.compute(reachable);
      same(`figures of ${each}`, ordered(await repository.series.read(reachable)), ordered(computed));
      if (folded) same('stored figures', ordered(await repository.series.stored(each)), ordered(computed));
      compareMonths(reference, each, computed, today);
    }
    for (const day of days) {
      for (const ids of [false, true]) {
        const counted = await headcount(repository, scope, { asOf: iso(day), ids });
        for (const { db_id, figures } of counted.dbs) {
          for (const kind of allKinds) {
            const should = reference.headcount(db_id, kind, day);
            same(`headcount ${kind} on ${day}`, figures[kind].total, should.length);
            if (ids) same('ids', [...figures[kind].ids!].sort(), should.sort());
          }
        }
      }
    }
    for (const [from, to] of [
      [1, today],
      [today - 30, today - 2],
      [today, today],
      [today - 3, today + 20],
    ] as const) {
      for (const ids of [false, true]) {
        const moved = await movements(repository, scope, { from: iso(from), to: iso(to), ids });
        for (const { figures } of [...moved.dbs, { figures: moved.all }]) {
          for (const kind of allKinds) {
            const { start, in: into, out, end } = figures[kind];
            same(`${kind} balances`, start.total + into.total - out.total, end.total);
          }
        }
        for (const { db_id, figures } of moved.dbs) {
          for (const kind of allKinds) {
            const should = reference.movements(db_id, kind, from, to);
            same(`${kind} in`, figures[kind].in.total, should.in.length);
            same(`${kind} out`, figures[kind].out.total, should.out.length);
            same(
              `${kind} start`,
              figures[kind].start.total,
              reference.headcount(db_id, kind, from - 1).length,
            );
            if (!ids) continue;
            same('ids in', [...figures[kind].in.ids!].sort(), should.in.sort());
            same('ids out', [...figures[kind].out.ids!].sort(), should.out.sort());
          }
        }
      }
    }
  }
}

/** The figures of the month, against the people one by one. */
function compareMonths(
  { people }: ReturnType<typeof createReference>,
  db: string,
  series: Parameters<typeof liveFigure>[0][number],
  today: number,
): void {
  const month = iso(today).slice(0, 7);
  const here = [...people.values()].filter((person) => person.here === db);
  const inMonth = (day: number | null) => day !== null && iso(day).startsWith(month);
  const live = here.filter((person) => person.live);
  same('live', liveFigure([series], month).total, live.length);
  same('new', liveFigure([series], month).current, live.filter((each) => inMonth(each.created)).length);
  const gone = here.filter((person) => !person.live);
  same('deleted', deletedFigure([series], month).total, gone.length);
  same(
    'deleted now',
    deletedFigure([series], month).current,
    gone.filter((each) => inMonth(each.deleted)).length,
  );
  for (const each of statuses) {
    const such = live.filter((person) => person.days[today]!.status === each);
    same(`live ${each}`, liveFigure([series], month, each).total, such.length);
  }
}

function ordered(value: object): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

function same(what: string, got: unknown, wanted: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`);
  }
}

t.test(
  'random histories: movements balance, figures equal a plain reference, materialized = computed',
  async (t) => {
    const database = await openDatabase(t);
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), (commands) =>
        play(database, commands),
      ),
      { numRuns: runs, seed },
    );
    t.pass(`${runs} histories (seed ${seed})`);
  },
);
