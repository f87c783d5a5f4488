import { createHash } from 'node:crypto';
import { addMonths, type DayNumber, dayFromCivil, lastDayOf, type Month, monthOfDay } from '@backoffice/core';
import t from 'tap';
import { createFirm } from '../src/demo/firm.ts';
import { createStatementRows, type DemoRow, firstMonth, listStatements } from '../src/demo/statements.ts';
import { listAdministrators, listDemoUsers } from '../src/demo/users.ts';
import { departments, regionCodes } from '../src/model.ts';

t.setTimeout(120_000);

const today = dayFromCivil(2026, 11, 25)!;
const from = firstMonth(today);

/** All rows of each month, late parts included. */
function rowsByMonth(day: DayNumber, since = firstMonth(day)): Map<Month, DemoRow[]> {
  const rowsOf = createStatementRows({ from: since, today: day });
  const months = new Map<Month, DemoRow[]>();
  for (const statement of listStatements({ from: since, today: day })) {
    months.set(statement.month, [...(months.get(statement.month) ?? []), ...rowsOf(statement)]);
  }
  return months;
}

const months = rowsByMonth(today);

/** Thousands of rows as one text: a difference between two of them would be described for minutes. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

t.test('the statements reach from the previous April to the running month', async (t) => {
  t.equal(from, '2025-04');
  t.equal(firstMonth(dayFromCivil(2026, 3, 31)!), '2024-04');
  t.equal(firstMonth(dayFromCivil(2026, 4, 1)!), '2025-04');
  t.same([...months.keys()].slice(0, 1).concat([...months.keys()].slice(-1)), ['2025-04', '2026-11']);
  t.equal(months.size, 20);
  const last = listStatements({ from, today }).at(-1)!;
  t.equal(last.asOf, today);
});

t.test('the same day tells the same story, whatever the machine', async (t) => {
  // Whoever changes the story on purpose raises the version in src/demo/seed.ts and writes the new digest here.
  t.equal(digestOf([...months]), 'c9703e362ce908f24fb16258d8de4a529e410abf7458bcb73ac932198342cf5e');
});

t.test('months that are over are told the same on every later day', async (t) => {
  const earlier = rowsByMonth(dayFromCivil(2026, 6, 10)!);
  const later = rowsByMonth(dayFromCivil(2027, 2, 1)!, from);
  for (const [month, rows] of months) {
    if (month < '2026-06') t.equal(digestOf(earlier.get(month)), digestOf(rows), `${month} seen from June`);
    if (month < '2026-11') t.equal(digestOf(later.get(month)), digestOf(rows), `${month} seen from February`);
  }
});

t.test('about 2,500 invoices are open in every month, in every region and both departments', async (t) => {
  // The first and the last days of a year too: a running month must not start empty.
  for (const day of [today, dayFromCivil(2026, 4, 1)!, dayFromCivil(2027, 3, 31)!]) {
    for (const [month, rows] of rowsByMonth(day)) {
      const invoices = rows.filter((row) => row.number !== null);
      t.ok(invoices.length >= 2_200 && invoices.length <= 2_800, `${month}: ${invoices.length}`);
      const fewest = (key: 'region' | 'department', names: readonly string[]) =>
        Math.min(...names.map((name) => invoices.filter((row) => row[key] === name).length));
      t.ok(
        fewest('region', regionCodes) >= 20,
        `${month}, smallest region: ${fewest('region', regionCodes)}`,
      );
      t.ok(fewest('department', departments) > 800, `${month}, both departments`);
    }
  }
});

t.test('every row is one that a statement may hold', async (t) => {
  const faults: string[] = [];
  for (const [month, rows] of months) {
    const asOf = Math.min(today, lastDayOf(month));
    const seen = new Set<string>();
    const regionOf = new Map<string, string>();
    for (const row of rows) {
      const name = `${month} ${row.code} ${row.number}`;
      if (row.number === null) {
        if (row.outstanding >= 0 || row.invoiceAmount !== null) faults.push(`${name}: not on account`);
      } else {
        if (seen.has(row.number)) faults.push(`${name}: twice`);
        seen.add(row.number);
        if (row.number.length > 16) faults.push(`${name}: longer than a tax invoice may number`);
        if (row.outstanding <= 0 || row.outstanding > row.invoiceAmount!)
          faults.push(`${name}: ${row.outstanding}`);
        if (row.invoiceAmount! < 2_000_00 || row.invoiceAmount! > 12_00_000_00) faults.push(`${name}: size`);
      }
      if (!Number.isSafeInteger(row.outstanding)) faults.push(`${name}: ${row.outstanding}`);
      if (row.date > asOf) faults.push(`${name}: dated after the statement`);
      if ((regionOf.get(row.code) ?? row.region) !== row.region) faults.push(`${name}: in two regions`);
      regionOf.set(row.code, row.region);
    }
  }
  t.same(faults.slice(0, 10), []);
});

t.test('invoices settle, are paid in part, grow old, fall into dispute and come out of it', async (t) => {
  const faults: string[] = [];
  const list = [...months.values()];
  const numbers = list.map(
    (rows) => new Map(rows.filter((row) => row.number).map((row) => [row.number!, row])),
  );
  for (let i = 1; i < list.length; i += 1) {
    const before = [...numbers[i - 1]!.values()];
    const now = numbers[i]!;
    const settled = before.filter((row) => !now.has(row.number!)).length;
    t.ok(settled > 500 && settled < before.length / 2, `month ${i}: ${settled} of ${before.length} settled`);
    t.ok(
      before.some((row) => row.disputed && now.get(row.number!)?.disputed === false),
      `month ${i}: a dispute ended before the invoice was paid`,
    );
    for (const row of before) {
      const after = now.get(row.number!);
      if (after && (after.outstanding > row.outstanding || after.date !== row.date))
        faults.push(`${row.number} grew`);
    }
  }
  for (const [month, rows] of months) {
    const asOf = Math.min(today, lastDayOf(month));
    const some = (what: string, test: (row: DemoRow) => boolean, least: number) => {
      const count = rows.filter(test).length;
      t.ok(count >= least, `${month} ${what}: ${count}`);
    };
    some('over a year old', (row) => row.number !== null && asOf - row.date > 365, 30);
    some('in dispute', (row) => row.disputed, 30);
    some('paid in part', (row) => row.number !== null && row.outstanding < row.invoiceAmount!, 100);
    some('on account', (row) => row.number === null, 30);
  }
  t.same(faults.slice(0, 10), []);
});

t.test('payments add up to the invoice, in order of time', async (t) => {
  const faults: string[] = [];
  for (const { number, issued, amount, payments } of createFirm({ from, until: monthOfDay(today) })
    .invoices) {
    const total = payments.reduce((sum, payment) => sum + payment.amount, 0);
    const inOrder = payments.every((payment, i) => payment.day > (payments[i - 1]?.day ?? issued));
    if (total !== amount || !inOrder || payments.some((payment) => payment.amount <= 0)) faults.push(number);
  }
  t.same(faults.slice(0, 10), []);
});

t.test('customers are some six hundred, and new ones appear', async (t) => {
  const known = new Set<string>();
  const newcomers: number[] = [];
  for (const rows of months.values()) {
    const before = known.size;
    for (const row of rows) known.add(row.code);
    newcomers.push(known.size - before);
  }
  t.ok(known.size > 550 && known.size <= 600, `${known.size} customers`);
  t.ok(newcomers.slice(1).filter((count) => count > 0).length > 15, `new by month: ${newcomers}`);
});

t.test('in one month two regions report late, in a file of their own', async (t) => {
  const files = listStatements({ from, today }).filter(({ month }) => month === addMonths(from, 10));
  t.same(
    files.map(({ regions }) => regions.length),
    [16, 2],
  );
  t.equal(new Set(files.flatMap(({ regions }) => regions)).size, 18);
  t.equal(new Set(listStatements({ from, today }).map(({ name }) => name)).size, 21);
});

t.test('every role and region has a login, and names can be told apart by a part of them', async (t) => {
  const users = listDemoUsers();
  t.equal(users.length, 56);
  t.equal(new Set(users.map(({ email }) => email)).size, 56);
  for (const a of users) {
    for (const b of users) if (a !== b && a.name.includes(b.name)) t.fail(`${a.name} holds ${b.name}`);
  }
  for (const region of regionCodes) {
    const roles = users
      .filter(({ membership }) => membership.region === region)
      .map((user) => user.membership.role);
    t.same(roles, ['Manager', 'Engineer', 'Engineer'], region);
  }
  for (const email of [
    'country.manager',
    'manager.mumbai',
    'engineer.mumbai',
    'manager.delhi',
    'engineer.delhi',
  ]) {
    t.ok(
      users.some((user) => user.email === `${email}@example.com`),
      email,
    );
  }
  t.same(
    listAdministrators().map(({ email, membership }) => [email, membership.role]),
    [['admin@example.com', 'Admin']],
  );
});
