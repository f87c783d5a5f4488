import { readFile } from 'node:fs/promises';
import { wireMonth } from '@backoffice/core';
import t from 'tap';
import { figuresOf, type Json, type System, startSystem } from './support.ts';

const folder = new URL('../../packages/modules/receivables/test/fixtures/statements/', import.meta.url);
const buckets = ['0-30', '31-90', '91-180', '181-365', '>365'] as const;
const paise = (rupees: number) => Math.round(rupees * 100);

type Figures = Record<string, number>;
const expected: Record<string, Record<string, Figures>> = JSON.parse(
  await readFile(new URL('expected.json', folder), 'utf8'),
);
const months = Object.keys(expected).sort();

const orders = {
  'in calendar order': months,
  'in reverse': [...months].reverse(),
  shuffled: [7, 2, 11, 0, 5, 9, 4, 10, 1, 8, 3, 6].map((nth) => months[nth]!),
};

/** What the dashboard says of a month, in the terms of the independent computation. */
async function said(system: System, month: string, region: string, wanted: Figures): Promise<Figures> {
  const dashboard = await system.get('country', '/dashboard', { month: wireMonth(month), region });
  const { total, invoices, customers, new: fresh, recovered } = figuresOf(dashboard);
  const ages = Object.fromEntries(
    buckets.map((bucket) => [
      `age ${bucket}`,
      dashboard.outstandingByAge.reduce((sum: number, row: Figures) => sum + paise(row[bucket]!), 0),
    ]),
  );
  const flows = { new: fresh, recovered };
  return { total, invoices, customers, ...ages, ...('new' in wanted ? flows : {}) };
}

const system = await startSystem(t);
t.setTimeout(180_000);

for (const [order, played] of Object.entries(orders)) {
  t.test(`57. twelve real statements ${order} give the published figures to the paisa`, async (t) => {
    await system.clear();
    for (const month of played) {
      const bytes = await readFile(new URL(`${month}.xlsx`, folder));
      // A firm's whole book turns over within a month or two: what a careful clerk confirms.
      const answer = await system.upload(bytes, wireMonth(month), { fields: { confirm: 'true' } });
      t.equal(answer.status, 200, `${month}: ${answer.body.message ?? answer.body.error}`);
    }
    for (const month of months) {
      for (const [region, wanted] of Object.entries(expected[month]!)) {
        t.same(await said(system, month, region, wanted), wanted, `${month} ${region}`);
      }
      const { regionDistribution } = await system.get('country', '/dashboard', { month: wireMonth(month) });
      const regions = Object.entries(expected[month]!).filter(([region]) => region !== 'All');
      const amounts = regionDistribution.map((row: Json) => [row.region, paise(row.amount)]).sort();
      t.same(amounts, regions.map(([region, { total }]) => [region, total]).sort(), `${month}: by region`);
    }
    const rows = await system.get('country', '/invoice-tracker', { financialYear: '2024-2025' });
    t.same(
      rows.map((row: Json) => [row.monthYear, row.currentMonthInvoices, paise(row.currentMonthAmount)]),
      [...months]
        .reverse()
        .map((month) => [wireMonth(month), expected[month]!.All!.invoices, expected[month]!.All!.total]),
      'the tracker',
    );
  });
}
