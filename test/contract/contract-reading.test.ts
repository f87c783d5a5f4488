import { addMonths, monthsOfYear } from '@backoffice/core';
import t from 'tap';
import { dayOf, monthAt, running, type SheetRow, wire, yearOf } from './sheets.ts';
import { figuresOf, type Json, startSystem } from './support.ts';

const system = await startSystem(t);
const { take, get, call, put, ids } = system;
t.setTimeout(180_000);

const [april, may, june] = [0, 1, 2].map(monthAt) as [string, string, string];
const year = yearOf(april);
const paise = (rupees: number) => Math.round(rupees * 100);
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
const day = (month: string, nth: number) => ({ date: { day: dayOf(month, nth) } });
const pump = { department: 'Pump' };
const plant = { department: 'Batching Plant' };

await take(april, [
  ...[
    row('A', 'mumbai', '1', 100, day(april, 1)),
    row('A', 'mumbai', null, -20),
    row('A', 'mumbai', null, -5, { age: 100 }),
  ],
  row('B', 'mumbai', '2', 50.55, { ...day(addMonths(april, -7), 3), status: 'dispute' }),
  ...[
    row('C', 'delhi', '3', 70, { ...pump, age: '>365' }),
    row('D', 'delhi', '4', 30, { ...plant, age: 45 }),
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
  ...[row('C', 'delhi', '3', 75, { ...pump, age: '>365' }), row('D', 'delhi', '4', 30, plant)],
  ...[
    row('G', 'pune', '7', 1234.5, { ...day(june, 29), invoiceAmount: 2000 }),
    row('H', 'pune', 'CN', -34.5),
  ],
]);
await put('country', '/customers/A/assign-engineer', { engineerId: ids.mumbaiEngineer });
await put('country', '/customers/C/assign-engineer', { engineerId: ids.delhiEngineer });

const filters: Record<string, string>[] = [
  ...[{}, { region: 'mumbai' }, { region: 'delhi' }, { region: 'pune' }],
  ...[pump, { region: 'delhi', ...plant }],
];

/** All lines of a figure, page by page. */
async function linesOf(query: Record<string, string>, limit = 2) {
  const lines: Json[] = [];
  for (let page = 1; ; page += 1) {
    const part = await get('country', '/dashboard/explain', {
      ...query,
      page: String(page),
      limit: String(limit),
    });
    lines.push(...part.lines);
    if (lines.length >= part.count || part.lines.length === 0)
      return { value: part.value, count: part.count, lines };
  }
}

async function explained(query: Record<string, string>, limit?: number): Promise<number> {
  const { value, count, lines } = await linesOf(query, limit);
  t.equal(lines.length, count, JSON.stringify(query));
  const total = lines.reduce((sum, line) => sum + paise(line.amount), 0);
  t.equal(total, paise(value), `${JSON.stringify(query)}: the lines sum to it`);
  return paise(value);
}

t.test('14. every KPI, bucket, region, trend point and tracker cell explains itself', async (t) => {
  for (const filter of filters) {
    for (const month of [april, may, june]) {
      const asked = { ...filter, month: wire(month) };
      const dashboard = await get('country', '/dashboard', asked);
      const figures = figuresOf(dashboard);
      const place = JSON.stringify(asked);
      for (const figure of ['total', 'new', 'recovered'] as const) {
        t.equal(await explained({ ...asked, figure }), figures[figure], `${place} ${figure}`);
      }
      for (const figure of ['invoices', 'disputed', 'customers'] as const) {
        t.equal((await explained({ ...asked, figure }, 3)) / 100, figures[figure], `${place} ${figure}`);
      }
      for (const each of dashboard.outstandingByAge) {
        for (const bucket of ['0-30', '31-90', '91-180', '181-365', '>365']) {
          const value = await explained({ ...asked, region: each.region, figure: `age:${bucket}` }, 50);
          t.equal(value, paise(each[bucket]), `${place} ${each.region} ${bucket}`);
        }
      }
    }
  }
  const dashboard = await get('country', '/dashboard', { month: wire(june) });
  for (const { month, ...regions } of dashboard.monthlyTrends) {
    for (const [region, amount] of Object.entries(regions)) {
      t.equal(
        await explained({ month, region, figure: 'total' }, 50),
        paise(amount as number),
        `${month} ${region}`,
      );
    }
  }
  for (const point of dashboard.outstandingRecoveryTrend.slice(0, 4)) {
    t.equal(await explained({ month: point.month, figure: 'new' }, 50), paise(point.new));
    t.equal(await explained({ month: point.month, figure: 'recovered' }, 50), paise(point.recovered));
  }
  for (const cell of (await get('country', '/invoice-tracker', { financialYear: year })).slice(-4)) {
    const month = cell.monthYear;
    t.equal(await explained({ month, figure: 'total' }, 50), paise(cell.currentMonthAmount));
    t.equal((await explained({ month, figure: 'invoices' }, 50)) / 100, cell.currentMonthInvoices);
    t.equal((await explained({ month, figure: 'disputed' }, 50)) / 100, cell.disputedInvoices);
  }
});

t.test(
  '7, 11, 57. identities: Total(P) = Total(P−1) + New − Recovered; regions, buckets and trend add up',
  async (t) => {
    for (const filter of filters) {
      let before = 0;
      for (const month of [...monthsOfYear(yearShort(april)), running]) {
        const dashboard = await get('country', '/dashboard', { ...filter, month: wire(month) });
        const { total, new: fresh, recovered } = figuresOf(dashboard);
        if (month !== running)
          t.equal(total, before + fresh - recovered, `${JSON.stringify(filter)} ${month}`);
        before = total;
        const ages: Json[] = dashboard.outstandingByAge;
        t.equal(
          ages.reduce((sum, each) => sum + paise(each.total), 0),
          total,
        );
        for (const { region: _region, total: whole, ...buckets } of ages) {
          t.equal(
            Object.values(buckets).reduce((sum: number, each) => sum + paise(each as number), 0),
            paise(whole),
          );
        }
        t.same(
          dashboard.regionDistribution,
          ages.map(({ region, total: amount }) => ({ region, amount })),
        );
        t.equal(dashboard.kpis.length, 6);
      }
    }
  },
);
const yearShort = (month: string) => `${yearOf(month).slice(0, 5)}${yearOf(month).slice(7)}`;

t.test(
  '11. trends: six calendar months ending at P, the same region keys in each row, 0 where nothing stood',
  async (t) => {
    const { monthlyTrends } = await get('country', '/dashboard', { month: wire(june) });
    t.same(
      monthlyTrends.map((each: Json) => each.month),
      [-5, -4, -3, -2, -1, 0].map((nth) => wire(addMonths(june, nth))),
    );
    for (const each of monthlyTrends) t.same(Object.keys(each).sort(), ['delhi', 'month', 'mumbai', 'pune']);
    t.match(monthlyTrends[0], { delhi: 0, mumbai: 0, pune: 0 });
    t.match(monthlyTrends[5], { delhi: 105, mumbai: 610.56, pune: 1200 });
    const narrow = await get('country', '/dashboard', {
      month: wire(june),
      region: 'delhi',
      department: 'Pump',
    });
    t.same(Object.keys(narrow.monthlyTrends[0]), ['month', 'delhi']);
    t.equal(narrow.monthlyTrends[5].delhi, 75);
  },
);

t.test('11. recovery trend and engineers: keys of the dashboard and routes of their own', async (t) => {
  const dashboard = await get('country', '/dashboard', { month: wire(june) });
  const trend = await get('country', '/dashboard/recovery-trend', { financialYear: year });
  t.same(dashboard.outstandingRecoveryTrend, trend);
  t.same(trend.slice(0, 3), [
    { month: wire(april), new: 250.55, recovered: 25 },
    { month: wire(may), new: 512.01, recovered: 27 },
    { month: wire(june), new: 1239.5, recovered: 34.5 },
  ]);
  const engineers: Json[] = await get('country', '/dashboard/engineer-performance', { financialYear: year });
  t.same(dashboard.engineerPerformance, engineers);
  for (const each of engineers) {
    t.equal(paise(each.netChange), paise(each.outstandingCollected) - paise(each.newOutstandingAssigned));
  }
  t.match(
    engineers.find((each) => each.engineerId === ids.delhiEngineer),
    { name: 'Divya Engineer', region: 'delhi', outstandingCollected: 0, newOutstandingAssigned: 75 },
    'months before the first assignment count by it',
  );
  t.same(
    engineers.map((each) => each.name),
    ['Divya Engineer', 'Eknath Engineer', 'Esha Engineer'],
    'those without figures too, and no manager',
  );
});

t.test(
  '12. tracker: from the first month in which something stands, newest first; previous is the month before',
  async (t) => {
    const rows: Json[] = await get('country', '/invoice-tracker', { financialYear: year });
    t.same(
      rows.map((each) => each.monthYear),
      monthsOfYear(yearShort(april)).map(wire).reverse(),
    );
    t.same(
      rows.filter((each) => each.reported).map((each) => each.monthYear),
      [june, may, april].map(wire),
    );
    for (const [index, each] of rows.entries()) {
      const older = rows[index + 1];
      t.equal(each.previousMonthInvoices, older?.currentMonthInvoices ?? 0);
      t.equal(each.previousMonthAmount, older?.currentMonthAmount ?? 0);
      t.equal(each.invoiceCountChange, each.currentMonthInvoices - each.previousMonthInvoices);
    }
    t.match(rows.at(-1), { currentMonthInvoices: 4, currentMonthAmount: 225.55, disputedInvoices: 1 });
    const pune: Json[] = await get('country', '/invoice-tracker', { financialYear: year, region: 'pune' });
    t.equal(pune.at(-1)!.monthYear, wire(june), 'of the filter');
    const next: Json[] = await get('country', '/invoice-tracker', {
      financialYear: yearOf(addMonths(april, 12)),
    });
    t.equal(next.at(-1)!.previousMonthAmount, rows[0].currentMonthAmount, 'across the year');
  },
);

t.test(
  '13. customers: one row per code as at the year’s end; invoices of the year; text where text is due',
  async (t) => {
    const rows: Json[] = await get('country', '/customers', { financialYear: year });
    t.same(rows.map((each) => each.customerCode).sort(), [...'ABCDEFGH']);
    t.match(
      rows.find((each) => each.customerCode === 'F')!.invoices,
      [{ invoiceNumber: '9', status: 'paid' }],
      'listed as paid',
    );
    t.equal(new Set(rows.map((each) => each.id)).size, rows.length, 'ids are unique');
    const by = (code: string) => rows.find((each) => each.customerCode === code);
    t.match(by('A'), {
      ...{
        customerName: 'Firm A',
        region: 'mumbai',
        outstandingAmount: 560.01,
        assignedEngineer: 'Eknath Engineer',
      },
      ...{ remarks: 'none', notes: '' },
    });
    t.same(
      by('A').invoices.map((each: Json) => [each.invoiceNumber, each.outstandingAmount, each.status]),
      [
        ['1', 60, 'unpaid'],
        ['5', 500.01, 'unpaid'],
      ],
    );
    t.equal(by('B').invoices[0].status, 'dispute', 'a blank status cell leaves it');
    t.match(by('C'), { department: 'Pump', agePeriod: '>365' });
    t.match(by('D'), { department: 'Batching Plant', assignedEngineer: '', assignedEngineerId: null });
    t.match(by('G').invoices, [{ invoiceNumber: '7', invoiceAmount: 2000, outstandingAmount: 1234.5 }]);
    t.match(by('E').invoices, [{ invoiceNumber: '0', status: 'paid', invoiceAmount: 0 }]);
    const total = rows.reduce((sum, each) => sum + paise(each.outstandingAmount), 0);
    t.equal(
      total,
      figuresOf(await get('country', '/dashboard', { month: wire(addMonths(april, 11)) })).total,
    );
    const delhi: Json[] = await get('country', '/customers', { financialYear: year, region: 'delhi' });
    t.same(delhi.map((each) => each.customerCode).sort(), ['C', 'D']);
  },
);

t.test('13. paging only when asked: X-Total-Count and Link', async (t) => {
  const whole = await call('country', 'GET', '/customers');
  t.equal(whole.headers.get('x-total-count'), null);
  t.equal(whole.headers.get('link'), null);
  const pages: Json[] = [];
  for (let path: string | undefined = '/customers?page=1&limit=3'; path !== undefined; ) {
    const answer = await call('country', 'GET', path);
    t.equal(answer.headers.get('x-total-count'), String(whole.body.length));
    t.ok(answer.body.length <= 3);
    pages.push(...answer.body);
    const next: string | undefined = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    path = next?.replace(/^\/api/, '');
  }
  t.same(pages, whole.body);
  t.same(await get('country', '/customers', { page: '99', limit: '3' }), []);
});

t.test('13. history: month by month, the sums of the months’ flows', async (t) => {
  const rows: Json[] = await get('country', '/customers/A/history');
  t.same(rows[0], {
    ...{ month: wire(april), outstandingAmount: 75, new: 100, recovered: 25 },
    ...{ invoices: 1, disputedInvoices: 0 },
  });
  t.match(rows[1], { month: wire(may), outstandingAmount: 560.01, new: 500.01 });
  let before = 0;
  for (const each of rows) {
    t.equal(paise(each.outstandingAmount), before + paise(each.new) - paise(each.recovered), each.month);
    before = paise(each.outstandingAmount);
  }
});

t.test('15. amounts are numbers with two decimals at most', async (t) => {
  const seen: number[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === 'number') seen.push(value);
    else if (value !== null && typeof value === 'object') Object.values(value).forEach(walk);
  };
  for (const month of [april, may, june]) walk(await get('country', '/dashboard', { month: wire(month) }));
  walk(await get('country', '/customers'));
  walk(await get('country', '/invoice-tracker', { financialYear: year }));
  t.ok(seen.length > 100);
  for (const each of seen) t.match(String(each), /^-?\d+(\.\d{1,2})?$/);
});

t.test('16. a mutation shows in the figures within 2 s of its answer', async (t) => {
  const disputed = async () =>
    figuresOf(await get('country', '/dashboard', { month: wire(running) })).disputed;
  const before = await disputed();
  const path = '/customers/A/invoices/1/dispute';
  for (const [newStatus, more] of [
    ['dispute', 1],
    ['unpaid', 0],
  ] as const) {
    t.equal((await put('country', path, { newStatus })).status, 200);
    t.equal(await disputed(), before + more, 'at once');
  }
});
