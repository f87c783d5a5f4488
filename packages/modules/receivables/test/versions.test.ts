import { createAudit } from '@backoffice/platform';
import t from 'tap';
import { assignEngineer, enterFact, findKnownCustomer, markInvoice } from '../src/follow-up.ts';
import type { StatementRow } from '../src/model.ts';
import { auditedCollections, versionOf } from '../src/repository.ts';
import { verifyRollups } from '../src/rollups/verify.ts';
import { buildRow, createEngine, deedOf, emptyDatabase, openDatabase, zone } from './engine.ts';

t.setTimeout(300_000);
const db = await openDatabase(t);
const at = '2025-08-20T10:00:00.000Z';
const engineers = ['e-1', 'e-2'].map((id) => ({ id, name: `Engineer ${id}`, region: 'mumbai' as const }));
const everything = { regions: null };
const audit = createAudit(db, 'a key for tests, which is long enough', () => new Date(), ['receivables']);
audit.register(auditedCollections);

/** A customer C1 with one invoice, and other processes' view of the same database. */
async function open(t: Parameters<typeof createEngine>[0], row: Partial<StatementRow> = {}) {
  await emptyDatabase(db);
  const clock = { at: new Date(at) };
  const make = () => createEngine(t, db, clock, engineers);
  const engine = await make();
  const command = {
    ...{ type: 'import' as const, uploadId: 'upload-1', fileKey: 'file-1', month: '2025-08' },
    ...{ rows: [buildRow(row)], rejected: [], department: null, covers: 'listed' as const },
    ...{ onError: 'reject_rows' as const, confirm: true, dryRun: false, at },
  };
  t.equal((await engine.apply(command)).code, null);
  const contextOf = ({ repository }: typeof engine) => ({ repository, clock: () => new Date(), zone });
  const context = { ...contextOf(engine), clock: () => clock.at };
  const { repository } = engine;
  const customer = async () => (await repository.findCustomer('c1'))!;
  const version = async () => (await findKnownCustomer(context, everything, 'C1')).version;
  const history = () => audit.listOf('receivables', { type: 'customer', id: 'c1' });
  return { engine, make, context, repository, customer, version, history };
}

t.test('every change raises the version and leaves one entry with what it replaced', async (t) => {
  const { context, version, history } = await open(t);
  t.equal(await version(), 0);
  const deed = deedOf('u');
  t.same(await enterFact(context, 'c1', 'remark', 'dispute', deed), { changed: true, version: 1 });
  t.same(await enterFact(context, 'c1', 'notes', 'called', deed), { changed: true, version: 2 });
  t.same(await assignEngineer(context, 'c1', 'e-1', deed), { changed: true, version: 3 });
  t.same(await markInvoice(context, everything, 'c1', 'INV-1', 'dispute', deed), {
    changed: true,
    version: 4,
  });
  t.same(await enterFact(context, 'c1', 'remark', 'none', deed), { changed: true, version: 5 });
  t.same(await assignEngineer(context, 'c1', 'e-2', deed), { changed: true, version: 6 });
  t.same(await markInvoice(context, everything, 'c1', 'INV-1', 'unpaid', deed), {
    changed: true,
    version: 7,
  });
  t.equal(await version(), 7);
  const told = (await history()).map(({ action, before, after }) => [action, before, after]);
  const invoice = (status: string) => ({ invoiceNumber: 'INV-1', status });
  t.same(
    told.filter(([action]) => action === 'customer.remark'),
    [
      ['customer.remark', { remark: 'none' }, { remark: 'dispute' }],
      ['customer.remark', { remark: 'dispute' }, { remark: 'none' }],
    ],
  );
  t.same(
    told.filter(([action]) => action === 'customer.notes'),
    [['customer.notes', { notes: '' }, { notes: 'called' }]],
  );
  t.same(
    told.filter(([action]) => action === 'customer.assign-engineer'),
    [
      ['customer.assign-engineer', { engineerId: null }, { engineerId: 'e-1' }],
      ['customer.assign-engineer', { engineerId: 'e-1' }, { engineerId: 'e-2' }],
    ],
  );
  t.same(
    told.filter(([action]) => action === 'invoice.status').map(([, before, after]) => [before, after]),
    [
      [invoice('unpaid'), invoice('dispute')],
      [invoice('dispute'), invoice('unpaid')],
    ].map(([a, b]) => [{ ...a, invoiceNumber: 'INV-1' }, b]),
  );
});

t.test('what is set to the same value again tells nothing', async (t) => {
  const { context, customer, history, version } = await open(t, {
    remark: 'dispute',
    engineer: 'Engineer e-1',
  });
  const deed = deedOf('u');
  const again = async () => [
    await enterFact(context, 'c1', 'remark', 'dispute', deed),
    await enterFact(context, 'c1', 'notes', '', deed),
    await assignEngineer(context, 'c1', 'e-1', deed),
    await markInvoice(context, everything, 'c1', 'INV-1', 'unpaid', deed),
  ];
  // The first time what the sheet said becomes the user's, where that makes a difference for later.
  await again();
  const before = await version();
  for (const done of await again()) t.same(done, { changed: false, version: before });
  t.same(await history(), []);
  t.match(await customer(), { remarkFrom: null }, 'but it is the user’s now, and survives an undo');
});

t.test('55. what an import fills in, and takes back, raises the version', async (t) => {
  const { engine, version, context } = await open(t, { remark: 'dispute', engineer: 'Engineer e-1' });
  const filled = await version();
  t.ok(filled > 0);
  await t.rejects(enterFact(context, 'c1', 'notes', 'x', deedOf('u', 0)), { code: 'STALE' });
  await engine.apply({ type: 'undo', uploadId: 'upload-1', at } as never);
  t.ok(versionOf((await engine.repository.findCustomer('c1'))!) > filled);
});

t.test('55. a customer of before has version 0', async (t) => {
  const { context, version } = await open(t);
  await db.collection('receivables_customers').updateMany({}, { $unset: { version: '' } });
  t.equal(await version(), 0);
  await t.rejects(enterFact(context, 'c1', 'notes', 'x', deedOf('u', 1)), { code: 'STALE' });
  t.match(await enterFact(context, 'c1', 'notes', 'x', deedOf('u', 0)), { version: 1 });
});

/** One change of any kind, by process n. */
function changeBy(contexts: Awaited<ReturnType<typeof open>>['context'][], expected: number | null) {
  return (n: number) => {
    const context = contexts[n % contexts.length]!;
    const deed = deedOf(`u-${n}`, expected);
    const kinds = [
      () => enterFact(context, 'c1', 'remark', n % 8 < 4 ? 'dispute' : 'write-off', deed),
      () => enterFact(context, 'c1', 'notes', `by ${n}`, deed),
      () => assignEngineer(context, 'c1', `e-${1 + (n % 2)}`, deed),
      () => markInvoice(context, everything, 'c1', 'INV-1', n % 8 < 4 ? 'dispute' : 'paid', deed),
    ];
    return kinds[n % kinds.length]!();
  };
}

t.test(
  '55. fifty changes of all kinds based on one version, by several processes: one is made',
  async (t) => {
    for (let round = 0; round < 6; round += 1) {
      const { make, context, version, history, customer, repository } = await open(t);
      const others = await Promise.all([make(), make(), make()]);
      const contexts = [
        { ...context, clock: () => new Date() },
        ...others.map((each) => ({ repository: each.repository, clock: () => new Date(), zone })),
      ];
      const change = changeBy(contexts, 0);
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => change(n + round)));
      const made = outcomes.filter((each) => each.status === 'fulfilled');
      const refused = outcomes.flatMap((each) =>
        each.status === 'rejected' ? [each.reason.code ?? each.reason] : [],
      );
      t.equal(made.length, 1);
      t.same(new Set(refused), new Set(['STALE']));
      t.equal(await version(), 1);
      t.equal((await history()).length, 1, 'one entry');
      t.equal((await customer()).reserved, undefined);
      t.same(await verifyRollups(repository), []);
    }
  },
);

t.test(
  '55. some that expect a version among many that do not: every one that was made is there',
  async (t) => {
    const { make, context, version, history, repository } = await open(t);
    const others = await Promise.all([make(), make()]);
    const contexts = [
      { ...context, clock: () => new Date() },
      ...others.map((each) => ({ repository: each.repository, clock: () => new Date(), zone })),
    ];
    let changed = 0;
    for (let round = 0; round < 4; round += 1) {
      const from = await version();
      const work = Array.from({ length: 16 }, (_, n) =>
        changeBy(contexts, n % 2 === 0 ? null : from)(n + round * 16),
      );
      for (const outcome of await Promise.allSettled(work)) {
        if (outcome.status === 'fulfilled') changed += outcome.value.changed ? 1 : 0;
        else t.equal(outcome.reason.code, 'STALE');
      }
    }
    t.equal(await version(), changed, 'each raised it by one');
    t.ok((await history()).length <= changed);
    t.same(await verifyRollups(repository), []);
  },
);

t.test(
  '55. who reserved a customer and died keeps nobody waiting for ever, and comes too late',
  async (t) => {
    const { make, context, customer, repository, version } = await open(t);
    const ledger = await repository.findLedger();
    t.ok(await repository.reserveCustomer(await customer(), 'a dead change', 200));
    t.notOk(await repository.breakReservation('c1', 'a dead change'), 'not before its time');
    const other = await make();
    const busy = { repository: other.repository, clock: () => new Date(), zone };
    t.match(await enterFact(busy, 'c1', 'notes', 'after it', deedOf('u', 0)), { changed: true, version: 1 });
    t.equal((await customer()).reserved, undefined);
    // What it had read is not what stands: its compare-and-set fails.
    const { imports, heads, markMonths } = ledger;
    t.equal(await repository.updateLedger(ledger, { imports, heads, markMonths, tail: [] }, 'mark'), false);
    await t.rejects(markInvoice(context, everything, 'c1', 'INV-1', 'paid', deedOf('u', 0)), {
      code: 'STALE',
    });
    t.equal(await version(), 1);
  },
);

t.test('55. committed and killed before it was copied: the next change finds it', async (t) => {
  const { engine, make, customer, repository, context, version } = await open(t);
  // The process that marks dies right after its ledger has moved.
  const dying = { ...repository, flushEvent: () => Promise.reject(new Error('killed')) };
  const dead = { ...context, repository: dying as typeof repository };
  await t.rejects(markInvoice(dead, everything, 'c1', 'INV-1', 'dispute', deedOf('u', 0)), {
    message: 'killed',
  });
  t.equal(versionOf(await customer()), 0);
  t.ok((await customer()).reserved, 'it may have been committed, so it stays reserved');
  t.equal(await version(), 1, 'and readers see it');
  const other = await make();
  const next = { repository: other.repository, clock: () => new Date(), zone };
  await t.rejects(enterFact(next, 'c1', 'notes', 'x', deedOf('u', 0)), { code: 'STALE' });
  t.match(await enterFact(next, 'c1', 'notes', 'x', deedOf('u', 1)), { version: 2 });
  t.equal((await customer()).marks.length, 1);
  t.ok(engine);
});

t.test('55. a change that is refused leaves no reservation', async (t) => {
  const { context, customer } = await open(t);
  await t.rejects(markInvoice(context, everything, 'c1', 'NEVER', 'dispute', deedOf('u', 0)), {
    code: 'NOT_FOUND',
  });
  t.equal((await customer()).reserved, undefined);
});

t.test('55. while a customer is reserved nothing else is written to it, nor left out', async (t) => {
  const { context, customer, repository } = await open(t);
  const seen = await customer();
  t.ok(await repository.reserveCustomer(seen, 'a change on its way', 60_000));
  t.notOk(await repository.reserveCustomer(seen, 'another', 60_000));
  const entry = deedOf('u').entry('customer.notes', 'c1', {}, {});
  t.equal(await repository.updateEntered(seen, { notes: 'x' }, entry), null);
  t.same(await repository.fillFollowUps('upload-2', [{ code: 'c1', remark: 'dispute', notes: 'x' }]), ['c1']);
  t.match(await customer(), { notes: '', remark: 'none' });
  const waiting = enterFact(context, 'c1', 'notes', 'x', deedOf('u', 0));
  await repository.releaseCustomer('c1', 'a change on its way');
  t.match(await waiting, { changed: true, version: 1 });
});

t.test('55. a change that loses its reservation is refused, at whatever point it is', async (t) => {
  for (const point of ['listHeads', 'upsertRollups', 'updateLedger'] as const) {
    const { make, context, version, repository, history } = await open(t);
    const other = await make();
    const next = { repository: other.repository, clock: () => new Date(), zone };
    let once = true;
    const slow = {
      ...repository,
      // It takes too long here; somebody else breaks the reservation and changes the customer.
      async [point](...args: never[]) {
        if (once) {
          once = false;
          const past = { $set: { 'reserved.until': new Date(0) } };
          await db.collection('receivables_customers').updateOne({ code: 'c1' }, past);
          const done = await enterFact(next, 'c1', 'notes', 'in between', deedOf('v', 0));
          t.match(done, { changed: true, version: 1 }, point);
        }
        return (repository[point] as (...given: never[]) => unknown)(...args);
      },
    } as typeof repository;
    const mark = markInvoice(
      { ...context, repository: slow },
      everything,
      'c1',
      'INV-1',
      'dispute',
      deedOf('u', 0),
    );
    await t.rejects(mark, { code: 'STALE' }, point);
    t.equal(await version(), 1);
    t.equal((await history()).length, 1);
  }
});
