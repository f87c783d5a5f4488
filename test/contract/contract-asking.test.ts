import { addMonths } from '@backoffice/core';
import t from 'tap';
import {
  dayOf,
  lastYear,
  monthAt,
  running,
  type SheetRow,
  statement,
  today,
  wire,
  yearOf,
} from './sheets.ts';
import { figuresOf, type Json, startSystem } from './support.ts';

const system = await startSystem(t);
const { take, get, call, put, ids } = system;
t.setTimeout(180_000);

const [april, may, june] = [0, 1, 2].map(monthAt) as [string, string, string];
const row = (
  code: string,
  region: string,
  number: string | null,
  amount: number,
  more: object = {},
): SheetRow => ({
  ...{ code, region, amount },
  ...(number === null ? {} : { number }),
  ...more,
});
const pump = { department: 'Pump' };
const day = (month: string, nth: number) => ({ date: { day: dayOf(month, nth) } });

// One small history for all the tests below: three regions, two of them with departments in some months.
await take(april, [
  ...[row('A', 'mumbai', '1', 100, day(april, 1)), row('A', 'mumbai', null, -20)],
  ...[row('B', 'mumbai', '2', 50.55, { ...day(addMonths(april, -7), 3), status: 'dispute' })],
  ...[
    row('C', 'delhi', '3', 70, { ...pump, age: '>365' }),
    row('D', 'delhi', '4', 30, { department: 'Batching Plant', age: 45 }),
  ],
]);
await take(may, [
  ...[row('A', 'mumbai', '1', 60, day(april, 1)), row('A', 'mumbai', '5', 500.01, day(may, 20))],
  ...[
    row('B', 'mumbai', '2', 50.55),
    row('E', 'mumbai', '0', 0),
    row('F', 'mumbai', '9', 12, { status: 'paid' }),
  ],
]);
await take(june, [
  ...[row('C', 'delhi', '3', 75, pump), row('D', 'delhi', '4', 30, { department: 'Batching Plant' })],
  ...[row('G', 'pune', '7', 1234.5, { ...day(june, 30), invoiceAmount: 2000 })],
]);
await put('country', '/customers/A/assign-engineer', { engineerId: ids.mumbaiEngineer });

t.test(
  '1. absent, empty and All mean no filter; an unknown value is 400; department and region everywhere',
  async (t) => {
    for (const path of ['/dashboard', '/invoice-tracker', '/customers']) {
      const query = path === '/dashboard' ? { month: wire(june) } : { financialYear: yearOf(june) };
      const plain = await get('country', path, query);
      for (const none of ['', 'All', 'all']) {
        t.same(
          await get('country', path, { ...query, region: none, department: none }),
          plain,
          `${path} ${none}`,
        );
      }
      t.notSame(await get('country', path, { ...query, region: 'delhi' }), plain);
      for (const wrong of [{ region: 'atlantis' }, { department: 'Cranes' }]) {
        const answer = await call('country', 'GET', `${path}?${new URLSearchParams(wrong)}`);
        t.match(answer, { status: 400, body: { code: 'INVALID_REQUEST' } });
      }
    }
  },
);

t.test('1. data without a department matches every department', async (t) => {
  const total = async (query: Record<string, string>) =>
    figuresOf(await get('country', '/dashboard', { month: wire(june), ...query })).total;
  const mumbai = 610_56;
  t.equal(await total({ region: 'mumbai', department: 'Pump' }), mumbai);
  t.equal(await total({ region: 'mumbai', department: 'Batching Plant' }), mumbai);
  t.equal(await total({ department: 'Pump' }), mumbai + 75_00 + 1234_50);
  t.equal(await total({ department: 'Batching Plant' }), mumbai + 30_00 + 1234_50);
  t.equal(await total({}), mumbai + 105_00 + 1234_50);
});

t.test('2. every accepted way to name a year and a month; one form on the wire', async (t) => {
  const start = lastYear.slice(0, 4);
  const next = String(Number(start) + 1);
  const short = next.slice(2);
  const wanted = await get('country', '/dashboard', {
    month: wire(april),
    financialYear: `${start}-${next}`,
  });
  t.match(wanted, { month: wire(april), financialYear: `${start}-${next}` });
  for (const financialYear of [`${start}-${short}`, `FY ${start}-${short}`, `FY${start.slice(2)}-${short}`]) {
    t.same(await get('country', '/dashboard', { month: 'Apr', financialYear }), wanted, financialYear);
  }
  const yy = start.slice(2);
  for (const month of [`Apr-${yy}`, `${start}-04`, `Apr'${yy}`]) {
    t.same(await get('country', '/dashboard', { month }), wanted, `${month} names its year`);
  }
  for (const month of ['Apr', 'April', '04', `Apr-${yy}`]) {
    t.same(await get('country', '/dashboard', { month, financialYear: lastYear }), wanted, month);
  }
  const refused = [
    ...[
      { financialYear: `${start}-${Number(short) + 1}` },
      { month: wire(april), financialYear: yearOf(running) },
    ],
    ...[
      { month: 'Apr' },
      { month: 'Abc-25' },
      { month: '13', financialYear: lastYear },
      { financialYear: 'x' },
    ],
  ];
  for (const query of refused) {
    const answer = await call(
      'country',
      'GET',
      `/dashboard?${new URLSearchParams(query as Record<string, string>)}`,
    );
    t.equal(answer.status, 400, JSON.stringify(query));
    t.ok(['month', 'financialYear'].includes(answer.body.field), 'the field is named');
  }
});

t.test(
  '2. defaults: the newest month with a statement; tracker and customers the running year',
  async (t) => {
    t.same(await get('country', '/dashboard'), await get('country', '/dashboard', { month: wire(june) }));
    const financialYear = yearOf(running);
    for (const path of ['/invoice-tracker', '/customers']) {
      t.same(await get('country', path), await get('country', path, { financialYear }));
    }
    const [newest] = await get('country', '/invoice-tracker');
    t.equal(newest.monthYear, wire(running));
  },
);

t.test('8 uploads. a month without its year is 400 naming it; so are a missing file and month', async (t) => {
  const bytes = await statement(june, [row('A', 'mumbai', '1', 1)]);
  const cases: [Json, string][] = [
    [await system.upload(bytes, ''), 'month'],
    [await system.upload(bytes, 'Apr'), 'financialYear'],
    [await system.upload(null, wire(june)), 'file'],
    [await system.upload('', wire(june)), 'file'],
    [await system.upload(bytes, wire(june), { fields: { financialYear: yearOf(running) } }), 'month'],
  ];
  for (const [answer, field] of cases) {
    t.equal(answer.status, 400, field);
    t.match(answer.body, { field });
  }
});

t.test(
  '10. age in calendar days to the month’s last day; bounds inclusive; labels stay; days advance',
  async (t) => {
    await system.clear();
    const buckets = ['0-30', '31-90', '91-180', '181-365', '>365'];
    const end = dayOf(april, -1);
    const ages = [-5, 0, 30, 31, 90, 91, 180, 181, 365, 366];
    await take(april, [
      ...ages.map((age) => row(`D${age}`, 'mumbai', `d${age}`, 1, { date: { day: end - age } })),
      ...[30, 31].map((age) => row(`A${age}`, 'delhi', `a${age}`, 1, { age })),
      row('L', 'goa', 'l', 1, { age: '31-90' }),
    ]);
    const byRegion = async (month: string) => {
      const { outstandingByAge } = await get('country', '/dashboard', { month: wire(month) });
      return Object.fromEntries(
        outstandingByAge.map((each: Json) => [each.region, buckets.map((bucket) => each[bucket])]),
      );
    };
    t.same(await byRegion(april), { mumbai: [3, 2, 2, 2, 1], delhi: [1, 1, 0, 0, 0], goa: [0, 1, 0, 0, 0] });
    t.same((await byRegion(may)).delhi, [0, 2, 0, 0, 0], 'days counted back advance');
    t.same((await byRegion(june)).goa, [0, 1, 0, 0, 0], 'a label stays');
    const customers: Json[] = await get('country', '/customers', { financialYear: yearOf(april) });
    const invoice = (code: string) => customers.find((each) => each.customerCode === code)!.invoices[0];
    t.equal(
      invoice('D30').invoiceDate,
      `${new Date((end - 30) * 86_400_000).toISOString().slice(0, 10)}T00:00:00.000Z`,
    );
    t.equal(invoice('A30').invoiceDate, '', 'counted back: no real date');
    t.equal(invoice('L').invoiceDate, '');
    t.equal(customers.find((each) => each.customerCode === 'L').agePeriod, '31-90');

    await take(running, [
      row('T', 'pune', 't', 1, { date: { day: today() - 31 } }),
      row('U', 'pune', 'u', 1, { date: { day: today() - 30 } }),
    ]);
    t.same((await byRegion(running)).pune, [1, 1, 0, 0, 0], 'the running month counts to today');
    const refused = await system.upload(
      await statement(may, [{ ...row('N', 'mumbai', 'n', 1), age: '' }]),
      wire(may),
    );
    t.match(refused, { status: 422, body: { code: 'ALL_ROWS_REJECTED' } }, 'neither date nor age');
  },
);
