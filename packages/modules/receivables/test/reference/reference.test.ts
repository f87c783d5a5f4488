import { dayFromCivil } from '@backoffice/core';
import t from 'tap';
import type { Filter, Scope, StatementRow } from '../../src/model.ts';
import type { ImportInput } from './importing.ts';
import { createReference, type Reference } from './reference.ts';

// Examples worked out by hand from the contract, so that the reference itself can be trusted.

const all: Filter = { region: null, department: null };
const everything: Scope = { regions: null };
const today = '2025-08-20T06:00:00.000Z';

function start(at = today): { reference: Reference; clock: { at: string } } {
  const clock = { at };
  const engineers = [
    { id: 'e1', name: 'Asha Rao', region: 'mumbai' as const },
    { id: 'e2', name: 'Ravi Nair', region: 'mumbai' as const },
  ];
  const reference = createReference({ now: () => new Date(clock.at), zone: 'Asia/Kolkata', engineers });
  return { reference, clock };
}

function buildRow(overrides: Partial<StatementRow> = {}): StatementRow {
  return {
    row: 2,
    code: 'A1',
    name: 'Acme',
    region: 'mumbai',
    department: null,
    number: 'I1',
    outstanding: 10_000,
    invoiceAmount: null,
    date: dayFromCivil(2025, 4, 10),
    age: null,
    status: null,
    remark: null,
    notes: null,
    engineer: null,
    ...overrides,
  };
}

let uploads = 0;
function upload(
  reference: Reference,
  month: string,
  rows: Partial<StatementRow>[],
  overrides: Partial<ImportInput> = {},
) {
  uploads += 1;
  const uploadId = `u${uploads}`;
  const outcome = reference.import({
    uploadId,
    fileKey: uploadId,
    month,
    rows: rows.map((row, i) => buildRow({ row: i + 2, ...row })),
    rejected: [],
    department: null,
    covers: 'listed',
    onError: 'reject_rows',
    confirm: false,
    dryRun: false,
    at: today,
    ...overrides,
  });
  return { uploadId, ...outcome };
}

function figures(reference: Reference, month: string, filter: Partial<Filter> = {}) {
  return reference.dashboard({ ...all, ...filter }, everything, month).current;
}

t.test('a region that has not reported yet stands in with its newest earlier statement', async (t) => {
  const { reference } = start();
  upload(reference, '2025-04', [{}, { code: 'B1', region: 'delhi', outstanding: 500 }]);
  upload(reference, '2025-06', [{ outstanding: 4_000 }]);
  const june = reference.dashboard(all, everything, '2025-06');
  t.same(june.current, { total: 4_500, new: 0, recovered: 6_000, invoices: 2, disputed: 0, customers: 2 });
  t.same(june.standsIn, [{ region: 'delhi', department: null, month: '2025-04' }]);
  t.same([june.reported, june.standing], [1, 2]);
  t.equal(june.comparedWith, '2025-04');
  const may = reference.dashboard(all, everything, '2025-05');
  t.same(may.current, { total: 10_500, new: 0, recovered: 0, invoices: 2, disputed: 0, customers: 2 });
  t.same([may.reported, may.standing], [0, 2]);
  t.same(
    may.trend.map((row) => row.regions.mumbai),
    [0, 0, 0, 0, 10_000, 10_000],
  );
});

t.test('an invoice that is absent from the newer statement is settled', async (t) => {
  const { reference } = start();
  upload(reference, '2025-04', [{}, { number: 'I2', outstanding: 300 }]);
  upload(reference, '2025-05', [{ number: 'I2', outstanding: 300 }]);
  t.match(figures(reference, '2025-05'), { total: 300, new: 0, recovered: 10_000, invoices: 1 });
  t.same(reference.mark('A1', 'I1', 'dispute', today), { code: 'INVOICE_SETTLED', recorded: false });
  t.same(reference.mark('A1', 'I1', 'paid', today), { code: null, recorded: false });
  t.equal(reference.mark('A1', 'I9', 'paid', today).code, 'NOT_FOUND');
  const [customer] = reference.customers(all, everything, '2025-26');
  t.same(
    customer?.invoices.map(({ number, status, outstanding }) => [number, status, outstanding]),
    [
      ['I1', 'paid', 0],
      ['I2', 'unpaid', 300],
    ],
  );
});

t.test('an invoice that was settled and is listed again is New again, without its old marks', async (t) => {
  const { reference, clock } = start('2025-05-20T06:00:00.000Z');
  upload(reference, '2025-05', [{}], { at: clock.at });
  reference.mark('A1', 'I1', 'dispute', clock.at);
  clock.at = today;
  upload(reference, '2025-06', [{ number: 'I2', outstanding: 1 }]);
  upload(reference, '2025-07', [{}, { number: 'I2', outstanding: 1 }]);
  t.match(figures(reference, '2025-05'), { disputed: 1 });
  t.match(figures(reference, '2025-06'), { new: 1, recovered: 10_000, disputed: 0 });
  t.match(figures(reference, '2025-07'), { new: 10_000, recovered: 0, disputed: 0, total: 10_001 });
});

t.test('a partial payment is recovered, a rise is new; the known invoice amount stays', async (t) => {
  const { reference } = start();
  upload(reference, '2025-04', [{ invoiceAmount: 12_000 }]);
  upload(reference, '2025-05', [{ outstanding: 4_000 }]);
  upload(reference, '2025-06', [{ outstanding: 7_000 }]);
  t.match(figures(reference, '2025-05'), { total: 4_000, new: 0, recovered: 6_000 });
  t.match(figures(reference, '2025-06'), { total: 7_000, new: 3_000, recovered: 0 });
  t.equal(reference.customers(all, everything, '2025-26')[0]?.invoices[0]?.invoiceAmount, 12_000);
});

t.test('a credit note that appears is recovered, and new when it is used up', async (t) => {
  const { reference } = start();
  upload(reference, '2025-04', [{}]);
  upload(reference, '2025-05', [{}, { number: 'CN1', outstanding: -2_500 }]);
  upload(reference, '2025-06', [{}]);
  t.match(figures(reference, '2025-05'), { total: 7_500, new: 0, recovered: 2_500, invoices: 2 });
  t.match(figures(reference, '2025-06'), { total: 10_000, new: 2_500, recovered: 0, invoices: 1 });
});

t.test('an advance that is set against an invoice is neither recovered twice nor new', async (t) => {
  const { reference } = start();
  upload(reference, '2025-04', [{}, { code: 'B1', outstanding: 700 }]);
  upload(reference, '2025-05', [{}, { number: null, outstanding: -6_000 }, { code: 'B1', outstanding: 700 }]);
  upload(reference, '2025-06', [{ outstanding: 4_000 }, { code: 'B1', outstanding: 200 }]);
  t.match(figures(reference, '2025-05'), { total: 4_700, new: 0, recovered: 6_000, invoices: 2 });
  // A1: I1 falls by 6,000, on-account rises by 6,000: offset. B1's 500 are somebody else's.
  t.match(figures(reference, '2025-06'), { total: 4_200, new: 0, recovered: 500 });
  t.same(
    reference
      .explain('recovered', all, everything, '2025-06')
      .map((line) => [line.amount, line.from, line.to, line.kind]),
    [
      [6_000, 10_000, 4_000, 'line'],
      [-6_000, null, null, 'offset'],
      [500, 700, 200, 'line'],
    ],
  );
  upload(reference, '2025-07', [{ outstanding: 3_900 }, { number: null, outstanding: 900 }]);
  // Only as much is offset as A1 paid: 100 of the 900. B1 is settled.
  t.match(figures(reference, '2025-07'), { total: 4_800, new: 800, recovered: 200 });
});

t.test('on-account money counts in total, ages and customers, not in invoices; 0 is not open', async (t) => {
  const { reference } = start();
  upload(reference, '2025-07', [
    { number: null, outstanding: 500, date: dayFromCivil(2025, 7, 1) },
    { number: null, outstanding: -300, date: dayFromCivil(2025, 1, 31) },
    { code: 'B1', number: null, outstanding: 50 },
    { code: 'B1', number: null, outstanding: -50 },
    { code: 'C1', outstanding: 0 },
  ]);
  t.same(figures(reference, '2025-07'), {
    total: 200,
    new: 200,
    recovered: 0,
    invoices: 0,
    disputed: 0,
    customers: 1,
  });
  t.same(reference.dashboard(all, everything, '2025-07').ages, [
    {
      region: 'mumbai',
      buckets: { '0-30': 500, '31-90': 0, '91-180': 0, '181-365': -300, '>365': 0 },
      total: 200,
    },
  ]);
  const zero = reference.customers(all, everything, '2025-26').find((customer) => customer.code === 'C1');
  t.match(zero, { outstanding: 0, agePeriod: null, invoices: [{ number: 'I1', status: 'paid' }] });
});

t.test('a statement without a department replaces those of the departments, and the reverse', async (t) => {
  const { reference } = start();
  upload(reference, '2025-04', [
    { department: 'Pump', outstanding: 100 },
    { department: 'Batching Plant', number: 'I2', outstanding: 200 },
  ]);
  upload(reference, '2025-05', [{ number: 'I3', outstanding: 400 }]);
  t.match(figures(reference, '2025-05'), { total: 400, new: 400, recovered: 300 });
  t.match(figures(reference, '2025-05', { department: 'Pump' }), { total: 400, new: 400, recovered: 100 });
  const pump = [{ department: 'Pump' as const, outstanding: 50 }];
  const refused = upload(reference, '2025-06', pump);
  t.same(
    [refused.code, refused.reasons],
    ['CONFIRMATION_NEEDED', [{ kind: 'one_department', region: 'mumbai' }]],
  );
  upload(reference, '2025-06', pump, { confirm: true });
  t.match(
    figures(reference, '2025-06'),
    { total: 50, new: 50, recovered: 400 },
    'the other department stays replaced',
  );
  const both = upload(reference, '2025-05', [
    { department: 'Pump', number: 'I3', outstanding: 390 },
    { department: 'Batching Plant', number: 'I2', outstanding: 200 },
  ]);
  t.same(both.reasons, [], 'both departments need no confirmation');
  t.match(figures(reference, '2025-05'), { total: 590 });
  t.match(figures(reference, '2025-06'), { total: 250 }, 'now the other department stands in');
});

t.test('a mark counts from its calendar month; a closed month keeps its figures', async (t) => {
  const { reference, clock } = start();
  upload(reference, '2025-07', [{}, { number: 'I2', outstanding: 300 }]);
  // 31 August 23:59 and 1 September 00:01 in India.
  clock.at = '2025-08-31T18:29:00.000Z';
  reference.mark('a1', 'i1 ', 'dispute', clock.at);
  clock.at = '2025-08-31T18:31:00.000Z';
  reference.mark('A1', 'I2', 'paid', clock.at);
  t.match(figures(reference, '2025-07'), { disputed: 0, total: 10_300 });
  t.match(figures(reference, '2025-08'), { disputed: 1, total: 10_300, invoices: 2 });
  t.match(figures(reference, '2025-09'), { disputed: 1, total: 10_000, invoices: 1, recovered: 300 });
});

t.test('being listed ends paid and leaves dispute; a filled status cell counts', async (t) => {
  const { reference, clock } = start('2025-05-20T06:00:00.000Z');
  const rows = [{}, { number: 'I2', outstanding: 300 }, { number: 'I3', outstanding: 50 }];
  upload(reference, '2025-05', rows, { at: clock.at });
  reference.mark('A1', 'I1', 'dispute', clock.at);
  reference.mark('A1', 'I2', 'paid', clock.at);
  t.match(figures(reference, '2025-05'), { total: 10_050, disputed: 1 });
  t.match(figures(reference, '2025-05'), { new: 10_350, recovered: 300 }, 'listed and paid at once: in both');
  clock.at = today;
  upload(reference, '2025-06', [
    ...rows.slice(0, 2),
    { number: 'I3', outstanding: 50, status: 'paid' as const },
  ]);
  t.match(figures(reference, '2025-06'), { total: 10_300, disputed: 1, new: 300, recovered: 50 });
});

t.test(
  'a line whose row was rejected stays, with its status, and is settled when it is really absent',
  async (t) => {
    const { reference, clock } = start('2025-05-20T06:00:00.000Z');
    upload(
      reference,
      '2025-05',
      [{}, { number: 'I2', outstanding: 300 }, { number: null, outstanding: -40 }],
      { at: clock.at },
    );
    reference.mark('A1', 'I1', 'dispute', clock.at);
    clock.at = today;
    const refused = { code: 'A1', department: null, region: 'mumbai' as const };
    const outcome = upload(reference, '2025-06', [{ code: 'B1', outstanding: 7 }], {
      rejected: [
        { ...refused, number: 'i1', onAccount: false },
        { ...refused, number: null, onAccount: true },
      ],
    });
    t.same(outcome.counts, { read: 3, inserted: 1, updated: 0, unchanged: 0, duplicates: 0, rejected: 2 });
    t.match(figures(reference, '2025-06'), {
      total: 9_967,
      invoices: 2,
      disputed: 1,
      new: 7,
      recovered: 300,
    });
    upload(reference, '2025-07', [{ code: 'B1', outstanding: 7 }]);
    t.match(figures(reference, '2025-07'), { total: 7, disputed: 0 });
  },
);

t.test(
  'ages: own date, known date, counted days that advance, a label that stays, else rejected',
  async (t) => {
    const { reference } = start();
    const none = { date: null };
    upload(reference, '2025-06', [
      { ...none, number: 'D', age: { days: 30 }, outstanding: 1 },
      { ...none, number: 'L', age: { bucket: '31-90' }, outstanding: 2 },
      { number: 'K', date: dayFromCivil(2025, 6, 1), outstanding: 4 },
      { number: 'F', date: dayFromCivil(2026, 1, 1), outstanding: 8 },
      { ...none, number: null, age: null, outstanding: 16 },
    ]);
    const ages = (month: string) => reference.dashboard(all, everything, month).ages[0]?.buckets;
    t.same(ages('2025-06'), { '0-30': 1 + 4 + 8, '31-90': 2, '91-180': 0, '181-365': 0, '>365': 0 });
    // 31 July: D is 61 days old, K is 60; L stays. 20 August: D is 81.
    t.same(ages('2025-07'), { '0-30': 8, '31-90': 1 + 2 + 4, '91-180': 0, '181-365': 0, '>365': 0 });
    const outcome = upload(reference, '2025-07', [
      { ...none, number: 'K', age: { days: 200 }, outstanding: 4 },
      { ...none, number: 'L', outstanding: 2 },
      { ...none, number: 'X', outstanding: 99 },
    ]);
    // L is rejected as well, and so keeps its earlier line.
    t.same([outcome.withoutAge, outcome.counts.rejected], [[3, 4], 2]);
    t.same(ages('2025-07'), { '0-30': 0, '31-90': 6, '91-180': 0, '181-365': 0, '>365': 0 });
    const dates = reference
      .customers(all, everything, '2025-26')[0]
      ?.invoices.map(({ number, date }) => [number, date]);
    t.same(Object.fromEntries(dates ?? []), {
      D: null,
      F: dayFromCivil(2026, 1, 1),
      K: dayFromCivil(2025, 6, 1),
      L: null,
    });
  },
);

t.test('a kept line that was paid stays so, is not listed, and lies where its row would', async (t) => {
  const { reference, clock } = start('2025-05-20T06:00:00.000Z');
  upload(reference, '2025-05', [{}, { number: 'I2', outstanding: 300 }], { at: clock.at });
  reference.mark('A1', 'I1', 'paid', clock.at);
  clock.at = today;
  const refused = { code: 'A1', onAccount: false, department: 'Pump' as const, region: null };
  const rows = [
    { code: 'B1', department: 'Batching Plant' as const, outstanding: 1 },
    { code: 'B2', department: 'Pump' as const, outstanding: 2 },
  ];
  const rejected = ['I1', 'I2'].map((number) => ({ ...refused, number }));
  upload(reference, '2025-06', rows, { rejected });
  t.match(figures(reference, '2025-06'), { total: 303, new: 3, recovered: 0, invoices: 3 });
  t.match(figures(reference, '2025-06', { department: 'Batching Plant' }), { total: 1, recovered: 300 });
  t.match(figures(reference, '2025-06', { department: 'Pump' }), { total: 302, new: 2, recovered: 0 });
});

t.test('the running month is aged to today and moves at midnight in India', async (t) => {
  const { reference, clock } = start('2025-08-20T18:29:00.000Z');
  upload(reference, '2025-08', [{ date: dayFromCivil(2025, 7, 21) }], { at: clock.at });
  t.equal(reference.dashboard(all, everything, '2025-08').ages[0]?.buckets['0-30'], 10_000);
  clock.at = '2025-08-20T18:31:00.000Z';
  t.equal(reference.dashboard(all, everything, '2025-08').ages[0]?.buckets['31-90'], 10_000);
  t.same(reference.dashboard(all, everything, '2025-09').ages, [], 'a month that has not begun has none');
  t.equal(upload(reference, '2025-09', [{}]).code, 'MONTH_NOT_BEGUN');
});

t.test('undo brings back what stood before; undoing a replaced import changes nothing', async (t) => {
  const { reference } = start();
  const departments = upload(reference, '2025-07', [
    { department: 'Pump', outstanding: 100 },
    { department: 'Batching Plant', number: 'I2', outstanding: 200 },
  ]);
  const whole = upload(reference, '2025-07', [{ number: 'I3', outstanding: 400 }]);
  const one = upload(reference, '2025-07', [{ department: 'Pump', outstanding: 50 }], { confirm: true });
  t.match(figures(reference, '2025-07'), { total: 50 });
  t.same(reference.undo(whole.uploadId), { code: null });
  t.match(
    figures(reference, '2025-07'),
    { total: 50 },
    'what the undone one had replaced does not come back',
  );
  t.equal(reference.undo(whole.uploadId).code, 'UPLOAD_ALREADY_UNDONE');
  reference.undo(one.uploadId);
  t.match(figures(reference, '2025-07'), { total: 300 });
  reference.undo(departments.uploadId);
  t.match(figures(reference, '2025-07'), { total: 0, recovered: 0 });
});

t.test('the same file is a duplicate while it is wholly in force', async (t) => {
  const { reference } = start();
  const rows = [{}, { code: 'B1', region: 'delhi' as const }];
  const first = upload(reference, '2025-07', rows, { fileKey: 'same' });
  t.equal(upload(reference, '2025-07', rows, { fileKey: 'same' }).duplicateOf, first.uploadId);
  t.equal(upload(reference, '2025-06', rows, { fileKey: 'same' }).duplicateOf, null, 'another month');
  upload(reference, '2025-07', [{ outstanding: 1 }]);
  const again = upload(reference, '2025-07', rows, { fileKey: 'same' });
  t.same([again.duplicateOf, again.saved], [null, true], 'one of its pairs was replaced');
  t.same(again.counts, { read: 2, inserted: 0, updated: 1, unchanged: 1, duplicates: 0, rejected: 0 });
  reference.undo(again.uploadId);
  t.match(figures(reference, '2025-07'), { total: 10_001 });
});

t.test('covers=all says that pairs which the file leaves out have nothing open', async (t) => {
  const { reference } = start();
  upload(reference, '2025-06', [{}, { code: 'B1', region: 'delhi' }]);
  const listed = upload(reference, '2025-07', [{}], { dryRun: true });
  t.same([listed.saved, listed.notMentioned], [false, [{ region: 'delhi', department: null }]]);
  upload(reference, '2025-07', [{}], { covers: 'all' });
  t.match(reference.dashboard(all, everything, '2025-07'), {
    current: { total: 10_000, recovered: 10_000 },
    reported: 2,
    standing: 2,
  });
});

t.test('an older month changes New and Recovered of the next one, not what stands there', async (t) => {
  const { reference } = start();
  upload(reference, '2025-07', [{ outstanding: 900 }]);
  t.match(reference.dashboard(all, everything, '2025-07'), { current: { new: 900 }, comparedWith: null });
  upload(reference, '2025-05', [{ outstanding: 1_000 }]);
  t.match(reference.dashboard(all, everything, '2025-07'), {
    current: { total: 900, new: 0, recovered: 100 },
    previous: { total: 1_000, new: 0 },
    comparedWith: '2025-05',
  });
});

t.test('a region that would keep fewer than a fifth of 20 open lines needs a confirmation', async (t) => {
  const { reference } = start();
  const rows = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, i) => ({ number: `${prefix}${i}` }));
  upload(reference, '2025-05', rows(20, 'a'));
  t.equal(upload(reference, '2025-06', rows(3, 'a')).code, 'CONFIRMATION_NEEDED');
  t.equal(upload(reference, '2025-06', rows(3, 'a'), { covers: 'all' }).code, 'CONFIRMATION_NEEDED');
  t.equal(upload(reference, '2025-06', rows(4, 'b')).code, null, 'exactly 80 % is not over 80 %');
  t.equal(upload(reference, '2025-07', rows(1, 'a')).code, null, 'there were only four');
  t.equal(
    upload(reference, '2025-07', rows(1, 'c'), { headerMonthDiffers: true }).code,
    'CONFIRMATION_NEEDED',
  );
});

t.test('engineers: each month by the assignment at its end, before the first one by that one', async (t) => {
  const { reference, clock } = start();
  const filled = upload(reference, '2025-06', [{ engineer: 'asha rao' }], { at: '2025-06-20T06:00:00.000Z' });
  clock.at = '2025-07-10T06:00:00.000Z';
  reference.assign('A1', 'e2', clock.at);
  clock.at = today;
  upload(reference, '2025-05', [{ outstanding: 9_000 }]);
  upload(reference, '2025-07', [{ outstanding: 2_000, engineer: 'Asha Rao' }]);
  const rows = () =>
    reference
      .dashboard(all, everything, '2025-07')
      .engineers.map(({ engineerId, assigned, collected }) => [engineerId, assigned, collected]);
  // May +9,000 (before the first: e1), June +1,000 (e1), July −8,000 (e2).
  t.same(rows(), [
    ['e1', 10_000, 0],
    ['e2', 0, 8_000],
  ]);
  reference.undo(filled.uploadId);
  t.same(rows(), [['e2', 9_000, 7_000]], 'the cell went with its import');
});

t.test('remark, notes and engineer cells fill only what is empty', async (t) => {
  const { reference } = start();
  upload(reference, '2025-06', [{ remark: 'dispute', notes: 'from the sheet', engineer: 'Nobody' }]);
  reference.remark('A1', 'write-off', today);
  upload(reference, '2025-07', [{ remark: 'payment received', notes: 'later', engineer: 'Ravi Nair' }]);
  const customer = () => reference.customers(all, everything, '2025-26')[0];
  t.match(customer(), { remark: 'write-off', notes: 'from the sheet', engineerId: 'e2' });
  reference.notes('A1', '', today);
  t.match(customer(), { notes: '' });
  t.equal(reference.remark('Z', 'none', today).code, 'NOT_FOUND');
});

t.test('a year begins with what March left', async (t) => {
  const { reference } = start();
  upload(reference, '2025-02', [{}, { number: 'I2' }]);
  upload(reference, '2025-03', [{ number: 'I2' }]);
  upload(reference, '2025-04', [{ number: 'I3' }]);
  const numbers = (year: string) =>
    reference
      .customers(all, everything, year)[0]
      ?.invoices.map(({ number, status }) => `${number} ${status}`);
  t.same(numbers('2024-25'), ['I1 paid', 'I2 unpaid']);
  t.same(numbers('2025-26'), ['I2 paid', 'I3 unpaid']);
  t.same(
    reference.tracker(all, everything, '2024-25').map(({ month, reported }) => [month, reported]),
    [
      ['2025-03', true],
      ['2025-02', true],
    ],
  );
  t.same(
    reference
      .history('a1', everything)
      ?.map((row) => [row.month, row.new, row.recovered])
      .slice(0, 3),
    [
      ['2025-02', 20_000, 0],
      ['2025-03', 0, 10_000],
      ['2025-04', 10_000, 10_000],
    ],
  );
  t.equal(reference.history('a1', { regions: ['delhi'] }), null);
});

t.test('scope: what lies outside is not there', async (t) => {
  const { reference } = start();
  upload(reference, '2025-07', [{}, { code: 'B1', region: 'delhi', outstanding: 5 }]);
  const delhi: Scope = { regions: ['delhi'] };
  t.match(reference.dashboard(all, delhi, '2025-07'), { current: { total: 5, customers: 1 }, standing: 1 });
  t.match(reference.dashboard({ ...all, region: 'mumbai' }, delhi, '2025-07'), {
    current: { total: 0 },
    ages: [],
  });
  t.equal(reference.customers(all, { regions: [] }, '2025-26').length, 0);
});
