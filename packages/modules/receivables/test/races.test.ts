import t from 'tap';
import { dashboardFigures, nowIn } from '../src/figures.ts';
import { assignEngineer, markInvoice } from '../src/follow-up.ts';
import type { Region, StatementRow } from '../src/model.ts';
import { rebuildRollups, verifyRollups } from '../src/rollups/verify.ts';
import { buildRow, createEngine, deedOf, emptyDatabase, openDatabase, zone } from './engine.ts';
import type { Command } from './reference/commands.ts';

t.setTimeout(300_000);
const db = await openDatabase(t);
const at = '2025-08-20T10:00:00.000Z';
const engineers = [{ id: 'e-1', name: 'Asha Rao', region: 'mumbai' as const }];
const everything = { regions: null };

function buildImport(
  number: number,
  rows: StatementRow[],
  overrides: Partial<Command & { type: 'import' }> = {},
): Command & { type: 'import' } {
  return {
    ...{ type: 'import' as const, uploadId: `upload-${number}`, fileKey: `file-${number}`, month: '2025-08' },
    ...{ rows, rejected: [], department: null, covers: 'listed' as const, onError: 'reject_rows' as const },
    ...{ confirm: true, dryRun: false, at },
    ...overrides,
  };
}

async function open(t: Parameters<typeof createEngine>[0]) {
  await emptyDatabase(db);
  const clock = { at: new Date(at) };
  const engine = await createEngine(t, db, clock, engineers);
  const { repository } = engine;
  const context = { repository, clock: () => clock.at, zone };
  const figures = async (month: string, region: Region | null = null) => {
    const filter = { region, department: null };
    const now = nowIn(clock.at, zone);
    return (await dashboardFigures(repository, filter, everything, { month }, now, engineers)).current;
  };
  return { engine, repository, context, figures };
}

t.test(
  '18. imports, marks and assignments at once: none is lost, and the rollups are those of a rebuild',
  async (t) => {
    const { engine, repository, context, figures } = await open(t);
    const rows = Array.from({ length: 12 }, (_, index) =>
      buildRow({ row: index + 2, code: `C${index % 4}`, number: `INV-${index}` }),
    );
    await engine.apply(buildImport(1, rows));
    const regions: Region[] = ['delhi', 'pune', 'goa'];
    const work = [
      ...regions.map((region, index) =>
        engine.apply(
          buildImport(10 + index, [buildRow({ code: `${region}-1`, region, number: `${region}-1` })]),
        ),
      ),
      // The statement in which the marked invoices stand is replaced meanwhile.
      engine.apply(buildImport(20, rows)),
      ...rows.map(({ code, number }) =>
        markInvoice(context, everything, code.toLowerCase(), number!, 'dispute', deedOf('u')),
      ),
      ...['c0', 'c1'].map((code) => assignEngineer(context, code, 'e-1', deedOf('u'))),
    ];
    await Promise.all(work);
    const now = await figures('2025-08');
    t.equal(now.disputed, 12, 'every mark');
    t.equal(now.invoices, 15, 'every import');
    t.equal(now.total, 150_000);
    t.same(await verifyRollups(repository), []);
    const stored = await repository.listCustomers(['c0', 'c1', 'c2', 'c3']);
    const marks = [...stored.values()].flatMap((customer) => customer.marks);
    t.equal(marks.length, 12);
    t.equal(new Set(marks.map((mark) => mark.seq)).size, 12, 'each at its own place in time');
  },
);

t.test('15. 22. the same file ten times at once is one import', async (t) => {
  const { engine, repository, figures } = await open(t);
  const input = buildImport(1, [buildRow()]);
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, (_, index) => engine.apply({ ...input, uploadId: `upload-${index}` })),
  );
  const firsts = outcomes.filter(({ result }) => result && result.duplicateOf === undefined);
  t.equal(firsts.length, 1);
  t.equal((await repository.findLedger()).imports.length, 1);
  t.equal((await figures('2025-08')).total, 10_000);
  t.equal(await db.collection('receivables_statements').countDocuments(), 1, 'nothing of the others is left');
});

t.test(
  '18. an import that runs again after the ledger has moved gives the first answer and changes nothing',
  async (t) => {
    const { engine, repository } = await open(t);
    const input = buildImport(1, [buildRow({ remark: 'dispute', notes: 'promised' })]);
    const first = await engine.apply(input);
    const { version } = await repository.findLedger();
    const again = await engine.apply(input);
    t.same(again.result?.counts, first.result?.counts);
    t.equal((await repository.findLedger()).version, version);
    t.match(await repository.findCustomer('c1'), { remark: 'dispute', notes: 'promised' });
  },
);

t.test(
  'an import that holds the ledger makes a mark wait, and a dead one only until its hold ends',
  async (t) => {
    const { engine, repository, context } = await open(t);
    await engine.apply(buildImport(1, [buildRow()]));
    t.ok(await repository.holdLedger('an import that died', 300));
    t.notOk(await repository.holdLedger('another import', 300));
    // The clock of the test stands still, so the hold ends only when it is released.
    const waiting = markInvoice(context, everything, 'c1', 'INV-1', 'dispute', deedOf('u'));
    const { version } = await repository.findLedger();
    await repository.releaseLedger('an import that died');
    await waiting;
    t.equal((await repository.findLedger()).version, version + 1);
  },
);

t.test('rollups: damage is named, a rebuild mends it, and gives what was there before', async (t) => {
  const { engine, repository } = await open(t);
  const rows = [
    buildRow(),
    buildRow({ row: 3, code: 'C2', number: 'INV-2', region: 'delhi', status: 'dispute' }),
  ];
  await engine.apply(buildImport(1, rows, { month: '2025-06' }));
  await engine.apply(buildImport(2, rows.slice(0, 1)));
  const before = await repository.findLedger();
  const heads = db.collection<{ _id: string }>('receivables_heads');
  await heads.updateOne({ _id: before.heads.mumbai! }, { $set: { 'months.0.figures.0.total': 1 } });
  const { repository: fresh } = await createEngine(t, db, { at: new Date(at) }, engineers);
  t.match(await verifyRollups(fresh), [/mumbai/], 'a changed figure');
  await heads.deleteOne({ _id: before.heads.delhi! });
  const { repository: next } = await createEngine(t, db, { at: new Date(at) }, engineers);
  t.ok(
    (await verifyRollups(next)).some((each) => each.includes('delhi')),
    'a missing rollup',
  );
  await heads.deleteMany({});
  await db.collection('receivables_nodes').deleteMany({});
  await db.collection('receivables_statuses').deleteMany({});
  const { repository: empty } = await createEngine(t, db, { at: new Date(at) }, engineers);
  await rebuildRollups(empty);
  t.same((await empty.findLedger()).heads, before.heads, 'the same documents');
  t.same(await verifyRollups(empty), []);
});

t.test(
  '60. a ledger that was restored under a running process is not taken for the one it knew',
  async (t) => {
    const { engine, figures } = await open(t);
    await engine.apply(buildImport(1, [buildRow()]));
    t.equal((await figures('2025-08')).total, 10_000);
    // Another history with as many changes, as a backup may hold it.
    await emptyDatabase(db);
    const other = await createEngine(t, db, { at: new Date(at) }, engineers);
    await other.apply(buildImport(2, [buildRow({ outstanding: 77 })]));
    t.equal((await figures('2025-08')).total, 77);
  },
);

t.test('what nothing refers to is tidied away, what is in force stays', async (t) => {
  const { engine, repository, context, figures } = await open(t);
  await engine.apply(buildImport(1, [buildRow()]));
  for (const status of ['dispute', 'unpaid', 'dispute'] as const) {
    await markInvoice(context, everything, 'c1', 'INV-1', status, deedOf('u'));
  }
  const before = await figures('2025-08');
  t.ok((await repository.removeUnusedRollups(await repository.findLedger(), new Date('2025-09-01'))) > 0);
  t.same(await figures('2025-08'), before);
  t.same(await verifyRollups(repository), []);
  t.equal(await repository.removeUnusedRollups(await repository.findLedger(), new Date('2025-09-01')), 0);
});
