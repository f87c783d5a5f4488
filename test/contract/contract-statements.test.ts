import { addMonths } from '@backoffice/core';
import t from 'tap';
import { dayOf, manyRows, monthAt, running, type SheetRow, statement, wire, yearOf } from './sheets.ts';
import { figuresOf, type Json, kpi, startSystem } from './support.ts';

const system = await startSystem(t);
const { take, upload, get, call } = system;
t.beforeEach(() => system.clear());
t.setTimeout(180_000);

const row = (code: string, region: string, number: string | null, amount: number, more: object = {}) =>
  ({ code, region, amount, ...(number === null ? {} : { number }), ...more }) as SheetRow;
const [april, may, june, july] = [0, 1, 2, 3].map(monthAt) as [string, string, string, string];

async function figures(month: string, query: Record<string, string> = {}) {
  return figuresOf(await get('country', '/dashboard', { month: wire(month), ...query }));
}
const total = async (month: string, query: Record<string, string> = {}) =>
  (await figures(month, query)).total;
const codesOf = (list: { code: string }[]) => list.map(({ code }) => code);

async function customers(query: Record<string, string> = {}): Promise<Json[]> {
  return get('country', '/customers', query);
}
async function invoicesOf(code: string): Promise<Record<string, string>> {
  const found = (await customers()).find((each) => each.customerCode === code);
  return Object.fromEntries(found.invoices.map((each: Json) => [each.invoiceNumber, each.status]));
}

t.test('3. a later statement of the month replaces its pairs and no others', async (t) => {
  await take(april, [row('A', 'mumbai', '1', 100), row('B', 'delhi', '2', 200)]);
  await take(april, [row('C', 'mumbai', '3', 50)]);
  t.equal(await total(april, { region: 'mumbai' }), 50_00);
  t.equal(await total(april, { region: 'delhi' }), 200_00);
  t.equal(await total(april), 250_00);
});

t.test(
  '3. pairs are those of accepted rows: a region with refused rows only keeps what it has',
  async (t) => {
    await take(april, [row('A', 'mumbai', '1', 100), row('B', 'delhi', '2', 200)]);
    const answer = await take(april, [
      row('A', 'mumbai', '1', 90),
      { code: 'B', region: 'delhi', number: '2', amount: 'no amount' },
    ]);
    t.equal(answer.status, 'completed_with_errors');
    t.same(answer.pairs, [{ region: 'mumbai', department: null }]);
    t.equal(await total(april), 290_00);
  },
);

t.test('3. a statement without a department and those of departments replace each other', async (t) => {
  const pump = { department: 'Pump' };
  const plant = { department: 'Batching Plant' };
  await take(april, [row('A', 'mumbai', '1', 100, pump), row('B', 'mumbai', '2', 200, plant)]);
  t.equal(await total(april, { department: 'Pump' }), 100_00);
  await take(april, [row('C', 'mumbai', '3', 30)]);
  t.equal(await total(april), 30_00, 'it speaks for the whole region');
  t.equal(await total(april, { department: 'Pump' }), 30_00, 'and matches every department');
  await take(may, [row('A', 'mumbai', '1', 10, pump), row('B', 'mumbai', '2', 20, plant)]);
  t.equal(await total(may), 30_00, 'from its month on');
  await take(june, [row('A', 'mumbai', '1', 1, pump), row('D', 'mumbai', '4', 5)]);
  t.equal(await total(june), 6_00, 'side by side where one file holds both');
  t.equal(await total(june, { department: 'Batching Plant' }), 5_00);
});

t.test('4. a statement stands until a newer one, however old, and the answer says so', async (t) => {
  await take(april, [row('A', 'mumbai', '1', 100), row('B', 'delhi', '2', 200, { department: 'Pump' })]);
  await take(july, [row('A', 'mumbai', '1', 60)]);
  const dashboard = await get('country', '/dashboard', { month: wire(july) });
  t.same(dashboard.standsIn, [{ region: 'delhi', department: 'Pump', month: wire(april) }]);
  t.equal(figuresOf(dashboard).total, 260_00);
  for (const label of ['Total Outstanding', 'Recovered Amount', 'New Outstanding']) {
    t.match(kpi(dashboard, label).description, / \(1 of 2 regions reported\)$/, label);
  }
  for (const label of ['Total Invoices', 'Disputed Invoices', 'Total Customers']) {
    t.notMatch(kpi(dashboard, label).description, /reported/, label);
  }
  const mumbai = await get('country', '/dashboard', { month: wire(july), region: 'mumbai' });
  t.same(mumbai.standsIn, []);
  t.notMatch(kpi(mumbai, 'Total Outstanding').description, /reported/);
  const now = await get('country', '/dashboard', { month: wire(running) });
  t.equal(figuresOf(now).total, 260_00, 'also today');
  t.match(kpi(now, 'Total Outstanding').description, /\(0 of 2 regions reported\)$/);
  t.same(now.standsIn.map((each: Json) => [each.region, each.month]).sort(), [
    ['delhi', wire(april)],
    ['mumbai', wire(july)],
  ]);
});

t.test('4. pairs that the file does not mention: a warning, or nothing open with covers=all', async (t) => {
  await take(april, [row('A', 'mumbai', '1', 100), row('B', 'delhi', '2', 200)]);
  const listed = await take(may, [row('A', 'mumbai', '1', 100)]);
  const warning = listed.warnings.find((each: Json) => each.code === 'PAIRS_NOT_MENTIONED');
  t.same(warning.details.pairs, [{ region: 'delhi', department: null }]);
  t.match(warning.message, /Delhi/);
  t.equal(await total(may), 300_00);
  const all = await take(may, [row('A', 'mumbai', '1', 100)], { fields: { covers: 'all' } });
  t.same(
    all.pairs.map((each: Json) => each.region).sort(),
    ['delhi', 'mumbai'],
    'the same file with another option is no duplicate',
  );
  t.equal(await total(may), 100_00);
  t.equal((await figures(may)).recovered, 200_00);
  t.equal(await total(april), 300_00);
});

t.test('4. a month that has not begun: zeros and empty lists; a statement for one is 400', async (t) => {
  await take(running, [row('A', 'mumbai', '1', 100)]);
  const next = addMonths(running, 1);
  const dashboard = await get('country', '/dashboard', { month: wire(next) });
  t.same(figuresOf(dashboard), { total: 0, new: 0, recovered: 0, invoices: 0, disputed: 0, customers: 0 });
  t.same([dashboard.outstandingByAge, dashboard.regionDistribution, dashboard.standsIn], [[], [], []]);
  const explained = await get('country', '/dashboard/explain', { month: wire(next), figure: 'total' });
  t.match(explained, { value: 0, count: 0, lines: [] });
  const far = addMonths(running, 12);
  const financialYear = `${Number(running.slice(0, 4)) + 2}-${Number(running.slice(0, 4)) + 3}`;
  t.same(await get('country', '/invoice-tracker', { financialYear }), []);
  for (const month of [next, far]) {
    const answer = await upload(await statement(month, [row('A', 'mumbai', '1', 1)]), wire(month));
    t.match(answer, { status: 400, body: { code: 'MONTH_NOT_BEGUN' } });
  }
});

t.test(
  '5. an open invoice that the newer statement does not name is settled: paid, with import and month',
  async (t) => {
    await take(april, [row('A', 'mumbai', '1', 100), row('A', 'mumbai', '2', 40)]);
    await take(may, [row('A', 'mumbai', '2', 40)]);
    const inYear = (await customers({ financialYear: yearOf(april) }))[0];
    t.same(
      inYear.invoices.map((each: Json) => [each.invoiceNumber, each.status, each.outstandingAmount]),
      [
        ['1', 'paid', 0],
        ['2', 'unpaid', 40],
      ],
    );
    t.match(await figures(may), { total: 40_00, recovered: 100_00, new: 0 });
  },
);

t.test('5. an invoice whose row was refused keeps its earlier line; on-account money likewise', async (t) => {
  await take(april, [row('A', 'mumbai', '1', 100), row('A', 'mumbai', null, 7), row('B', 'mumbai', '2', 40)]);
  const answer = await take(may, [
    { code: 'a', region: 'mumbai', number: ' 1 ', amount: 'unreadable' },
    { code: 'A', region: 'mumbai', amount: '#' },
    row('B', 'mumbai', '2', 50),
  ]);
  t.match(answer, { errorCount: 2, counts: { read: 3, rejected: 2, updated: 1 } });
  t.match(await figures(may), { total: 157_00, new: 10_00, recovered: 0 });
});

t.test('5. an older month, uploaded late, changes only what compares with it', async (t) => {
  await take(april, [row('A', 'mumbai', '1', 100)]);
  await take(june, [row('A', 'mumbai', '1', 100), row('B', 'mumbai', '2', 60)]);
  t.equal((await get('country', '/dashboard', { month: wire(june) })).comparedWith, wire(april));
  t.match(await figures(june), { total: 160_00, new: 60_00, recovered: 0 });
  await take(may, [row('B', 'mumbai', '2', 90)]);
  const dashboard = await get('country', '/dashboard', { month: wire(june) });
  t.equal(dashboard.comparedWith, wire(may));
  t.match(figuresOf(dashboard), { total: 160_00, new: 100_00, recovered: 30_00 });
  t.match(await figures(may), { total: 90_00, new: 90_00, recovered: 100_00 });
  t.match(await figures(april), { total: 100_00 });
});

t.test(
  '7. New is every increase, Recovered every decrease, whatever the sign; Total(P) = Total(P−1) + New − Recovered',
  async (t) => {
    await take(april, [
      ...[row('A', 'mumbai', '1', 100), row('A', 'mumbai', '2', 50), row('A', 'mumbai', 'CN', -30)],
      row('B', 'delhi', '3', 10.01),
    ]);
    await take(may, [
      ...[row('A', 'mumbai', '1', 120), row('A', 'mumbai', '2', 20), row('A', 'mumbai', 'CN', -45)],
      row('B', 'delhi', '4', 5.55),
    ]);
    const [before, after] = [await figures(april), await figures(may)];
    t.match(after, { total: 100_55, new: 25_55, recovered: 55_01 });
    t.equal(after.total, before.total + after.new - after.recovered);
    const parts = await Promise.all(['mumbai', 'delhi'].map((region) => figures(may, { region })));
    for (const name of ['total', 'new', 'recovered', 'invoices', 'disputed', 'customers'] as const) {
      t.equal(parts[0]![name] + parts[1]![name], after[name], `regions add up: ${name}`);
    }
  },
);

t.test('7. an advance set against an invoice is neither recovered twice nor new', async (t) => {
  await take(april, [row('A', 'mumbai', '1', 100), row('A', 'mumbai', null, -40)]);
  await take(may, [row('A', 'mumbai', '1', 60)]);
  t.match(await figures(may), { total: 60_00, new: 0, recovered: 0 });
});

t.test('7. a line listed as paid in P that was not open before is in both', async (t) => {
  await take(april, [row('A', 'mumbai', '1', 100)]);
  await take(may, [row('A', 'mumbai', '1', 100), row('A', 'mumbai', '9', 70, { status: 'paid' })]);
  t.match(await figures(may), { total: 100_00, new: 70_00, recovered: 70_00, invoices: 1 });
});

t.test(
  '8. what counts: open lines with a number, in dispute, customers once per region; 0 is not open',
  async (t) => {
    await take(april, [
      ...[row('A', 'mumbai', '1', 100, { status: 'dispute' }), row('A', 'mumbai', '2', 40)],
      ...[row('A', 'mumbai', null, 5), row('Z', 'mumbai', '0', 0), row('O', 'delhi', null, 9)],
      row('B', 'delhi', '3', 30),
    ]);
    t.same(await figures(april), {
      ...{ total: 184_00, new: 184_00, recovered: 0 },
      ...{ invoices: 3, disputed: 1, customers: 3 },
    });
    const zero = (await customers()).find((each) => each.customerCode === 'Z');
    t.match(zero, { outstandingAmount: 0, invoices: [{ invoiceNumber: '0', status: 'paid' }] });
    const [tracker] = (await get('country', '/invoice-tracker', { financialYear: yearOf(april) })).slice(-1);
    t.match(tracker, { currentMonthInvoices: 3, currentMonthAmount: 184, disputedInvoices: 1 });
  },
);

t.test(
  '9. change: percent with a decimal, counts signed; absent on a base of 0 and without a statement before',
  async (t) => {
    await take(april, [row('A', 'mumbai', '1', 1000)]);
    const first = await get('country', '/dashboard', { month: wire(april) });
    t.equal(first.comparedWith, null);
    for (const card of first.kpis) t.notOk('change' in card || 'changeType' in card, card.label);
    await take(may, [row('A', 'mumbai', '1', 1052), row('A', 'mumbai', '2', 0.2, { status: 'dispute' })]);
    const second = await get('country', '/dashboard', { month: wire(may) });
    t.equal(second.comparedWith, wire(april));
    t.match(kpi(second, 'Total Outstanding'), {
      ...{ value: '₹1,052', amount: 1052.2, change: '+5.2%', changeType: 'increase' },
      description: 'vs. last month',
    });
    t.notOk('change' in kpi(second, 'Recovered Amount'), 'nothing was recovered before: a base of 0');
    t.match(kpi(second, 'New Outstanding'), { amount: 52.2, change: '-94.8%', changeType: 'decrease' });
    t.match(kpi(second, 'Total Invoices'), { value: '2', count: 2, change: '+1', changeType: 'increase' });
    t.match(kpi(second, 'Disputed Invoices'), { change: '+1', changeType: 'increase' });
    t.notOk('change' in kpi(second, 'Total Customers'));
    await take(june, [row('A', 'mumbai', '1', 1052), row('A', 'mumbai', '2', 0.1, { status: 'unpaid' })]);
    const third = await get('country', '/dashboard', { month: wire(june) });
    t.match(kpi(third, 'Total Outstanding'), { change: '+0.0%', changeType: 'increase' }, 'what rounds to 0');
    t.match(kpi(third, 'Total Invoices'), { change: '+0', changeType: 'increase' });
    t.match(kpi(third, 'Disputed Invoices'), { change: '-1', changeType: 'decrease' });
  },
);

t.test(
  '15. KPI texts: Indian grouping, whole rupees, halves away from zero, never negative; the exact amount beside',
  async (t) => {
    await take(april, [row('A', 'mumbai', '1', 12_345_678.5), row('B', 'delhi', '2', -10.25)]);
    const mumbai = await get('country', '/dashboard', { month: wire(april), region: 'mumbai' });
    t.match(kpi(mumbai, 'Total Outstanding'), { value: '₹1,23,45,679', amount: 12_345_678.5 });
    t.equal(kpi(mumbai, 'Total Customers').description, 'in mumbai');
    const delhi = await get('country', '/dashboard', { month: wire(april), region: 'delhi' });
    t.match(kpi(delhi, 'Total Outstanding'), { value: '₹0', amount: -10.25 });
    const all = await get('country', '/dashboard', { month: wire(april) });
    t.equal(kpi(all, 'Total Customers').description, 'in All Regions');
    t.same(
      all.kpis.map((card: Json) => card.label),
      [
        ...['Total Outstanding', 'Recovered Amount', 'New Outstanding'],
        ...['Total Invoices', 'Disputed Invoices', 'Total Customers'],
      ],
    );
  },
);

t.test(
  '22. dryRun saves nothing and tells all; department, options in the form (before, after) or the address',
  async (t) => {
    const rows = [row('A', 'mumbai', '1', 100), row('B', 'mumbai', '2', 50, { department: 'Pump' })];
    const bytes = await statement(april, rows);
    for (const given of [
      { fields: { dryRun: 'true' } },
      { after: { dryRun: 'true' } },
      { query: { dryRun: 'true' } },
      { query: { dryRun: 'true' }, fields: { dryRun: 'true' } },
    ]) {
      const { status, body } = await upload(bytes, wire(april), given);
      t.equal(status, 200);
      t.match(body, { dryRun: true, count: 2, counts: { read: 2, inserted: 2, updated: 0 } });
    }
    t.equal(await total(april), 0);
    t.same(await customers(), []);
    const both = await upload(bytes, wire(april), { query: { dryRun: 'true' }, fields: { dryRun: 'false' } });
    t.match(both, { status: 400, body: { code: 'INVALID_REQUEST' } }, 'two values would mean guessing');
    const answer = await take(april, rows, { after: { department: 'Batching Plant' } });
    t.same(
      answer.pairs.map((each: Json) => each.department).sort(),
      ['Batching Plant', 'Pump'],
      'the form fills blank cells',
    );
    t.equal(await total(april, { department: 'Batching Plant' }), 100_00);
  },
);

t.test('22. reject_all with errors, or all rows refused: 422, failed, nothing saved', async (t) => {
  const bad = { code: 'B', region: 'Nowhere', number: '2', amount: 5 };
  const some = await upload(await statement(april, [row('A', 'mumbai', '1', 1), bad]), wire(april), {
    fields: { onError: 'reject_all' },
  });
  t.match(some, { status: 422, body: { code: 'ROWS_REJECTED', errorCount: 1, counts: { read: 2 } } });
  const all = await upload(await statement(april, [bad]), wire(april));
  t.match(all, { status: 422, body: { code: 'ALL_ROWS_REJECTED', counts: { read: 1, rejected: 1 } } });
  for (const { body } of [some, all]) {
    const status = await get('country', `/upload/${body.uploadId}/status`);
    t.match(status, { status: 'failed', error: { code: body.code }, errorCount: 1 });
  }
  t.same(await customers(), []);
});

t.test(
  '23. a header that names another month: asked first; the same file again within 15 minutes is the answer',
  async (t) => {
    const bytes = await statement(may, [row('A', 'mumbai', '1', 100)]);
    const asked = await upload(bytes, wire(april));
    t.match(asked, { status: 422, body: { code: 'CONFIRMATION_NEEDED', counts: { read: 1, inserted: 1 } } });
    t.match(asked.body.error, /May/);
    t.match(asked.body.error, /April/);
    t.match(asked.body.error, /confirm=true/);
    t.match(asked.body.error, /15 minutes/);
    t.equal(await total(april), 0, 'nothing is saved');
    const other = await upload(bytes, wire(april), { who: 'country2' });
    t.equal(other.status, 422, 'somebody else has not seen the question');
    const again = await upload(bytes, wire(april));
    t.match(again, { status: 200, body: { status: 'completed', count: 1, duplicate: false } });
    t.equal(await total(april), 100_00);
  },
);

t.test(
  '23. after 15 minutes it is asked again; confirm=true answers at once; a dry run only warns and is no first time',
  async (t) => {
    const bytes = await statement(may, [row('A', 'mumbai', '1', 100)]);
    const dry = await upload(bytes, wire(april), { fields: { dryRun: 'true' } });
    t.equal(dry.status, 200);
    t.ok(dry.body.warnings.some((each: Json) => each.code === 'CONFIRMATION_NEEDED'));
    const first = await upload(bytes, wire(april));
    t.equal(first.status, 422, 'the dry run was not the first time');
    const late = new Date(Date.now() - 16 * 60_000);
    await system.platform.db
      .collection('uploads')
      .updateMany({}, { $set: { createdAt: late, startedAt: late, finishedAt: late } });
    t.equal((await upload(bytes, wire(april))).status, 422, '16 minutes later');
    const { status, body } = await upload(bytes, wire(april), { query: { confirm: 'true' } });
    t.match({ status, body }, { status: 200, body: { status: 'completed' } });
  },
);

t.test(
  '23. a region that would lose over 80 % of 20 open lines or more; covers=all is no confirmation',
  async (t) => {
    await take(april, [...manyRows(20, 'mumbai'), ...manyRows(19, 'delhi', 'D')]);
    const kept = (count: number) => manyRows(20, 'mumbai').slice(0, count);
    const lost = await upload(await statement(may, [...kept(3), row('D0', 'delhi', 'D-0', 100)]), wire(may));
    t.match(lost, { status: 422, body: { code: 'CONFIRMATION_NEEDED' } });
    t.match(lost.body.error, /Mumbai/);
    t.match(lost.body.error, /20/);
    t.notMatch(lost.body.error, /Delhi/, '19 are too few to ask');
    t.equal(await total(may, { region: 'mumbai' }), 2000_00);
    const exactly = await upload(await statement(may, kept(4)), wire(may));
    t.equal(exactly.status, 200, 'exactly 80 % is not over 80 %');
    const emptied = await upload(await statement(june, [row('D0', 'delhi', 'D-0', 100)]), wire(june), {
      fields: { covers: 'all' },
    });
    t.equal(emptied.status, 200, 'mumbai holds 4 lines only now');
    await take(monthAt(5), manyRows(30, 'pune', 'P'));
    const whole = await upload(await statement(monthAt(6), [row('X', 'goa', 'X', 1)]), wire(monthAt(6)), {
      fields: { covers: 'all' },
    });
    t.match(whole, { status: 422, body: { code: 'CONFIRMATION_NEEDED' } }, 'covers=all is no confirmation');
  },
);

t.test(
  '23. one department over a statement for the whole region is asked; both in one file are not',
  async (t) => {
    await take(april, [row('A', 'mumbai', '1', 100)]);
    const pump = row('A', 'mumbai', '1', 40, { department: 'Pump' });
    const one = await upload(await statement(may, [pump]), wire(may));
    t.match(one, { status: 422, body: { code: 'CONFIRMATION_NEEDED' } });
    t.match(one.body.error, /Pump/);
    const both = await upload(
      await statement(may, [pump, row('B', 'mumbai', '2', 60, { department: 'Batching Plant' })]),
      wire(may),
    );
    t.equal(both.status, 200);
    t.equal(await total(may), 100_00);
  },
);

t.test(
  '24, 15. the same file: a duplicate while in force; after an undo or a replacement it applies again',
  async (t) => {
    const bytes = await statement(april, [row('A', 'mumbai', '1', 100)]);
    const send = async (month: string, fields: Record<string, string> = {}) => {
      const answer = await upload(bytes, wire(month), { fields });
      t.equal(answer.status, 200);
      return answer.body;
    };
    const stored = () => system.platform.db.collection('receivables_statements').countDocuments();
    const first = await send(april);
    const before = await stored();
    const again = await send(april);
    t.match(again, { duplicate: true, duplicateOf: first.uploadId, counts: first.counts, count: 1 });
    t.match(
      await send(april, { financialYear: yearOf(april) }),
      { duplicate: true },
      'it only says it twice',
    );
    t.equal(await stored(), before, 'no second effect');
    t.match(await send(may, { confirm: 'true' }), { duplicate: false }, 'another month is another import');
    t.match(await send(april, { onError: 'reject_all' }), { duplicate: false }, 'another option too');

    await system.clear();
    const one = await send(april);
    await system.undo(one.uploadId);
    t.equal(await total(april), 0);
    t.match(await send(april), { duplicate: false, counts: { inserted: 1 } }, 'after an undo');
    await take(april, [row('A', 'mumbai', '1', 80)]);
    t.match(await send(april), { duplicate: false, counts: { updated: 1 } }, 'after a replacement');
    t.equal(await total(april), 100_00);
  },
);

t.test(
  '24. undo brings back what stood; of a replaced import it changes no figure; a second one is 409',
  async (t) => {
    const first = await take(april, [row('A', 'mumbai', '1', 100), row('B', 'delhi', '2', 10)]);
    const second = await take(april, [row('A', 'mumbai', '1', 70)]);
    t.equal(await total(april), 80_00);
    t.match(await system.undo(second.uploadId), { undone: true, undo: { state: 'done' } });
    t.equal(await total(april), 110_00);
    const third = await take(april, [row('A', 'mumbai', '1', 65)]);
    await system.undo(first.uploadId);
    t.equal(await total(april), 65_00, 'delhi went with it, mumbai was replaced');
    for (const id of [first.uploadId, second.uploadId]) {
      t.match(await call('country', 'POST', `/upload/${id}/undo`), {
        status: 409,
        body: { code: 'UPLOAD_ALREADY_UNDONE' },
      });
    }
    await system.undo(third.uploadId);
    t.equal(await total(april), 0, 'what the first had brought is out of the history');
    const failed = await upload(await statement(may, [row('A', 'nowhere', '1', 1)]), wire(may));
    t.match(await call('country', 'POST', `/upload/${failed.body.uploadId}/undo`), {
      status: 409,
      body: { code: 'UPLOAD_NOT_UNDOABLE' },
    });
  },
);

t.test('24. figures after an undo are those of a history without the import', async (t) => {
  const rows = (amount: number) => [row('A', 'mumbai', '1', amount, { date: { day: dayOf(april, 3) } })];
  await take(april, rows(100));
  await take(june, rows(40));
  const ask = async () =>
    Promise.all(
      [april, may, june, july].map((month) => get('country', '/dashboard', { month: wire(month) })),
    );
  const before = await ask();
  const { uploadId } = await take(may, [...rows(170), row('N', 'goa', '8', 3)]);
  t.notSame(await ask(), before);
  await system.undo(uploadId);
  t.same(await ask(), before);
  t.same(codesOf((await customers()).map(({ customerCode }) => ({ code: customerCode }))), ['A']);
  t.same(await invoicesOf('A'), { 1: 'unpaid' });
});
