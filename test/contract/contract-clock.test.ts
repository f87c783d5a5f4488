import t from 'tap';
import { clockedProcesses } from '../harness/clocked.ts';
import { type SheetRow, statement } from './sheets.ts';
import { figuresOf, type Json, startSystem } from './support.ts';

t.setTimeout(180_000);
const zones = ['UTC', 'America/Los_Angeles', 'Pacific/Auckland'];
/** 31 March 2025, 23:59:59.999 in India; a millisecond later it is April, and another financial year. */
const lastOfMarch = new Date('2025-03-31T18:29:59.999Z');
const firstOfApril = new Date('2025-03-31T18:30:00.000Z');
const row = (code: string, number: string, amount: number, more: object = {}): SheetRow => ({
  ...{ code, region: 'mumbai', number, amount },
  ...more,
});

for (const TZ of zones) {
  t.test(`58. 31 March 23:59 and 1 April 00:00 Indian time on a server in ${TZ}`, async (t) => {
    const { processes, setClock } = clockedProcesses(lastOfMarch.toISOString());
    const { get, take, upload, put } = await startSystem(t, { env: { TZ }, processes });
    const newest = async () => (await get<Json[]>('country', '/invoice-tracker'))[0]?.monthYear;
    const april = await statement('2025-04', [row('A', '1', 70)]);

    // 30 days old on the last of March.
    await take('2025-03', [row('A', '1', 100, { date: { day: Date.UTC(2025, 2, 1) / 86_400_000 } })]);
    const ages = async (month: string) => {
      const { outstandingByAge } = await get('country', '/dashboard', { month });
      return [outstandingByAge[0]?.['0-30'], outstandingByAge[0]?.['31-90']];
    };
    t.equal(await newest(), 'Mar-25');
    t.match(await upload(april, 'Apr-25'), { status: 400, body: { code: 'MONTH_NOT_BEGUN' } });
    t.same(figuresOf(await get('country', '/dashboard', { month: 'Apr-25' })).total, 0);
    t.same(await ages('Mar-25'), [100, 0]);
    t.equal((await put('country', '/customers/A/invoices/1/dispute', { newStatus: 'dispute' })).status, 200);

    await setClock(firstOfApril);
    t.equal(await newest(), 'Apr-25', 'the running year is another one');
    t.equal((await get<Json[]>('country', '/invoice-tracker')).length, 1, 'with one month that has begun');
    t.same(await ages('Mar-25'), [100, 0], 'a past month counts to its last day');
    t.same(await ages('Apr-25'), [0, 100], 'the running one to today');
    t.equal(
      figuresOf(await get('country', '/dashboard', { month: 'Mar-25' })).disputed,
      1,
      'marked in March',
    );
    t.equal((await upload(april, 'Apr-25')).status, 200);
    t.match(figuresOf(await get('country', '/dashboard', { month: 'Apr-25' })), {
      ...{ total: 70_00, recovered: 30_00, disputed: 1 },
    });
    t.equal((await get<Json>('country', '/dashboard')).financialYear, '2025-2026');
  });
}

t.test('with a clock that moves', async (t) => {
  const start = new Date('2025-06-10T06:00:00Z');
  const { processes, setClock } = clockedProcesses(start.toISOString());
  const system = await startSystem(t, { processes });
  const { get, take, upload, put } = system;
  const later = (minutes: number) => setClock(new Date(start.getTime() + minutes * 60_000));

  await t.test('23. the same file answers the question for 15 minutes', async (t) => {
    const bytes = await statement('2025-05', [row('A', '1', 100)]);
    t.equal((await upload(bytes, 'Apr-25')).status, 422);
    await later(15.1);
    t.equal((await upload(bytes, 'Apr-25')).status, 422, 'too late: asked again');
    await later(29.9);
    t.equal((await upload(bytes, 'Apr-25')).status, 200);
  });

  await t.test('6. a newer statement without the invoice ends every mark', async (t) => {
    await system.clear();
    await setClock(new Date('2025-07-05T06:00:00Z'));
    await take('2025-06', [row('A', '1', 100), row('A', '2', 50)]);
    t.equal((await put('country', '/customers/A/invoices/1/dispute', { newStatus: 'dispute' })).status, 200);
    const disputed = async (month: string) =>
      figuresOf(await get('country', '/dashboard', { month })).disputed;
    t.equal(await disputed('Jul-25'), 1);
    await setClock(new Date('2025-08-05T06:00:00Z'));
    const without = await take('2025-07', [row('A', '2', 50)]);
    t.equal(await disputed('Jul-25'), 0, 'settled');
    await take('2025-08', [row('A', '1', 100), row('A', '2', 50)]);
    t.equal(await disputed('Aug-25'), 0, 'back, but not in dispute');
    const flows = figuresOf(await get('country', '/dashboard', { month: 'Aug-25' }));
    t.match(flows, { total: 150_00, new: 100_00, recovered: 0 });
    await system.undo(without.uploadId);
    t.equal(await disputed('Jul-25'), 1, 'only statements in force count');
    t.equal(await disputed('Aug-25'), 1);
  });

  await t.test('10. the running month ages from day to day without anybody’s doing', async (t) => {
    await system.clear();
    await setClock(new Date('2025-09-10T06:00:00Z'));
    await take('2025-09', [row('A', '1', 100, { age: 30 })]);
    const bucket = async () => {
      const { outstandingByAge } = await get('country', '/dashboard', { month: 'Sep-25' });
      return Object.entries(outstandingByAge[0]).find(
        ([key, value]) => value === 100 && key !== 'total',
      )?.[0];
    };
    t.equal(await bucket(), '0-30');
    await setClock(new Date('2025-09-10T18:35:00Z'));
    t.equal(await bucket(), '31-90', '00:05 Indian time');
  });
});

t.test('27. RECEIVABLES_READ_SCOPE=all opens reading to all, and nothing else', async (t) => {
  const { get, take, put, call } = await startSystem(t, { env: { RECEIVABLES_READ_SCOPE: 'all' } });
  await take('2025-04', [row('A', '1', 100), { ...row('B', '2', 50), region: 'delhi' }]);
  for (const who of ['mumbaiManager', 'mumbaiEngineer', 'noRegion'] as const) {
    t.equal(figuresOf(await get(who, '/dashboard', { month: 'Apr-25' })).total, 150_00);
    t.equal((await get<Json[]>(who, '/customers')).length, 2);
    t.equal((await call(who, 'GET', '/customers/B/history')).status, 200);
    t.equal((await put(who, '/customers/B/notes', { newNotes: 'x' })).status, 404);
    t.equal((await call(who, 'GET', '/upload')).status, 403);
  }
});
