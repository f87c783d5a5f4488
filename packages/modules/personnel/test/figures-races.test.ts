import t from 'tap';
import { headcount, movements } from '../src/analytics.ts';
import { statuses } from '../src/model.ts';
import { actor, buildFields, makeDb, openDatabase, openRepository } from './engine.ts';

t.setTimeout(120_000);

t.test('while records change and figures are folded, nobody is counted twice or not at all', async (t) => {
  const database = await openDatabase(t);
  const repository = openRepository(database, () => new Date('2025-11-25T10:00:00Z'));
  const { records, series, dbs } = repository;
  const codes = [await makeDb(repository, 'A'), await makeDb(repository, 'B')];
  const scope = await dbs.scope('all');
  const people = 60;
  const ids: string[] = [];
  for (let index = 0; index < people; index += 1) {
    const made = await records.insert(
      scope,
      { fields: buildFields(), db: codes[index % 2]!, status: null },
      actor,
    );
    ids.push(made._id.toHexString());
  }

  let changing = true;
  async function change(worker: number): Promise<void> {
    for (let turn = 0; turn < 120; turn += 1) {
      const id = ids[(turn * 7 + worker * 13) % people]!;
      const status = statuses[(turn + worker) % statuses.length]!;
      const patch = turn % 3 === 0 ? { db: codes[turn % 2]! } : { status };
      const day = `2025-11-${String(1 + ((turn * 5 + worker) % 25)).padStart(2, '0')}`;
      await records.update(scope, id, { ...patch, effective: day }, actor, null);
    }
  }
  async function fold(): Promise<void> {
    while (changing) for (const each of scope.dbs.values()) await series.foldSome(each);
  }
  let reads = 0;
  async function read(): Promise<void> {
    while (changing) {
      for (const each of scope.dbs.values()) {
        // One db at a time: between two of them somebody may move.
        const one = { dbs: new Map([[each._id.toHexString(), each]]) };
        const { all } = await movements(repository, one, {
          from: '2025-11-05',
          to: '2025-11-25',
          ids: false,
        });
        for (const { start, in: into, out, end } of Object.values(all)) {
          if (start.total + into.total - out.total !== end.total || end.total < 0) t.fail('does not balance');
        }
        const sum = statuses.reduce((before, status) => before + all[status].end.total, 0);
        if (sum !== all.total.end.total) t.fail(`${sum} by status, ${all.total.end.total} in all`);
        reads += 1;
      }
    }
  }
  const others = [fold(), fold(), read()];
  await Promise.all([change(0), change(1), change(2)]);
  changing = false;
  await Promise.all(others);
  t.ok(reads > 5, `${reads} reads meanwhile`);

  const { all } = await headcount(repository, scope, { asOf: '2025-11-25', ids: false });
  t.equal(all.total.total, people);
  for (const each of scope.dbs.values()) {
    const computed = await series.compute(each);
    t.same(await series.read(each), computed);
    await series.fold(each);
    t.same(await series.stored(each._id.toHexString()), computed);
  }
});
