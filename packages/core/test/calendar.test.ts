import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  addMonths,
  dayFromCivil,
  financialYearOf,
  isoDate,
  lastDayOf,
  monthsOfYear,
  parseFinancialYear,
  parseNamedMonth,
  resolveMonth,
  startOfDay,
  wireMonth,
  wireYear,
} from '../src/index.ts';

const calendar = fileURLToPath(new URL('../src/calendar.ts', import.meta.url));

t.test('58. the turn of the year in India, under servers of three zones', async (t) => {
  // 23:59 on 31 March and 00:00 on 1 April, Indian time.
  const script = `import { dayInZone, financialYearOf, isoDate, monthOfDay } from ${JSON.stringify(calendar)};
    for (const at of ['2025-03-31T18:29:59.999Z', '2025-03-31T18:30:00.000Z']) {
      const day = dayInZone(new Date(at), 'Asia/Kolkata');
      console.log(isoDate(day), financialYearOf(monthOfDay(day)));
    }`;
  for (const TZ of ['UTC', 'America/Los_Angeles', 'Pacific/Auckland']) {
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    const out = execFileSync(process.execPath, args, { env: { ...process.env, TZ }, encoding: 'utf8' });
    t.equal(out, '2025-03-31 2024-25\n2025-04-01 2025-26\n', TZ);
  }
});

t.test('months and years as people write them', async (t) => {
  for (const text of ['2025-2026', '2025-26', 'FY 2025-26', 'FY25-26', ' fy2025-2026 ']) {
    t.equal(parseFinancialYear(text), '2025-26', text);
  }
  for (const text of ['2025-27', '2025-2027', '2025', '25', 'FY', '2026-2025']) {
    t.equal(parseFinancialYear(text), null, text);
  }
  for (const text of ['Apr-25', 'April 2025', '2025-04', "Apr'25", 'APR-2025']) {
    t.same(parseNamedMonth(text), { month: 4, year: 2025 }, text);
  }
  for (const text of ['Apr', 'April', '04', '4'])
    t.same(parseNamedMonth(text), { month: 4, year: null }, text);
  for (const text of ['13', '0', 'Foo', 'Apr-2', '2025-13', 'ap']) t.equal(parseNamedMonth(text), null, text);
  t.equal(resolveMonth('Jan', '2025-26'), '2026-01');
  t.equal(resolveMonth('Apr-25', '2025-26'), '2025-04');
  t.equal(resolveMonth('Mar-25', '2025-26'), null, 'outside the year');
  t.equal(resolveMonth('Mar'), null, 'no year');
});

t.test('days, months and years', async (t) => {
  t.equal(dayFromCivil(2025, 2, 29), null);
  t.equal(isoDate(dayFromCivil(2024, 2, 29)!), '2024-02-29');
  t.equal(isoDate(lastDayOf('2024-02')), '2024-02-29');
  t.equal(addMonths('2025-01', -1), '2024-12');
  t.equal(addMonths('2024-12', 13), '2026-01');
  t.equal(financialYearOf('2099-12'), '2099-00');
  t.same([monthsOfYear('2025-26').at(0), monthsOfYear('2025-26').at(-1)], ['2025-04', '2026-03']);
  t.equal(wireMonth('2025-04'), 'Apr-25');
  t.equal(wireYear('2025-26'), '2025-2026');
});

t.test(
  '58. the moment at which a day begins, in zones that are far away or change their clocks',
  async (t) => {
    const begins = (day: string, zone: string) =>
      startOfDay(Math.round(Date.parse(`${day}T00:00:00Z`) / 86_400_000), zone).toISOString();
    t.equal(begins('2026-04-01', 'Asia/Kolkata'), '2026-03-31T18:30:00.000Z');
    t.equal(begins('2026-04-01', 'UTC'), '2026-04-01T00:00:00.000Z');
    t.equal(begins('2026-04-01', 'Pacific/Kiritimati'), '2026-03-31T10:00:00.000Z');
    t.equal(begins('2026-04-01', 'Pacific/Pago_Pago'), '2026-04-01T11:00:00.000Z');
    t.equal(begins('2026-03-29', 'Europe/Berlin'), '2026-03-28T23:00:00.000Z');
    t.equal(begins('2026-03-30', 'Europe/Berlin'), '2026-03-29T22:00:00.000Z');
  },
);
