import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isoDate, lastDayOf } from '@backoffice/core';
import t from 'tap';
import { checkCustomerRows, type ParsedRow } from '../src/imports/sheet.ts';
import { keyOf } from '../src/model.ts';
import { readFileRows } from './sheet-reading.ts';

const workbooks = join(import.meta.dirname, 'fixtures', 'workbooks');
const statements = join(import.meta.dirname, 'fixtures', 'statements');

interface Expected {
  row?: Record<string, string | number>;
}

async function json<T>(folder: string, name: string): Promise<T> {
  return JSON.parse(await readFile(join(folder, name), 'utf8'));
}

/** What a row says in the columns of a layout, in the form of rows.json; nothing where there is nothing. */
function said(row: ParsedRow, columns: string[]): Record<string, unknown> {
  const age = row.age && ('days' in row.age ? row.age.days : row.age.bucket);
  const all: Record<string, unknown> = {
    ...{
      code: row.code,
      name: row.name,
      region: row.region,
      outstanding: row.outstanding,
      number: row.number,
    },
    ...{
      invoiceAmount: row.invoiceAmount,
      date: row.date === null ? null : isoDate(row.date),
      age,
      bucket: age,
    },
    ...{ status: row.status, remark: row.remark, notes: row.notes, engineer: row.engineer },
    department: row.department,
  };
  return Object.fromEntries(columns.filter((name) => all[name] != null).map((name) => [name, all[name]]));
}

t.test('decision 17: workbooks of four programs with three header sets give the same rows', async (t) => {
  const rows = (await json<Expected[]>(workbooks, 'rows.json')).flatMap(({ row }) => (row ? [row] : []));
  const layouts = await json<Record<string, { columns: [string, string][] }>>(workbooks, 'layouts.json');
  for (const program of ['openpyxl', 'xlsxwriter', 'libreoffice', 'sheetjs']) {
    for (const [key, layout] of Object.entries(layouts)) {
      await t.test(`${program}, header set ${key.toUpperCase()}`, async (t) => {
        const read = await readFileRows(join(workbooks, `${program}-${key}.xlsx`));
        t.same(read.rejected, []);
        const columns = layout.columns.map(([, name]) => name);
        const only = (row: Record<string, unknown>) =>
          Object.fromEntries(columns.filter((name) => name in row).map((name) => [name, row[name]]));
        t.same(
          read.rows.map((row) => said(row, columns)),
          rows.map(only),
        );
        const codes = read.result.warnings.map(({ code }) => code).sort();
        const copy = program === 'xlsxwriter' && key === 'a' ? ['OTHER_SHEETS'] : [];
        t.same(codes, ['DATE_AFTER_STATEMENT', 'HIDDEN_ROWS', ...copy]);
        t.equal(read.result.headerMonth, key === 'a' ? 7 : null);
        t.equal(read.result.sheet, 'Statement');

        const codesRead = [...new Set(read.rows.map((row) => keyOf(row.code)))];
        const checked = codesRead.map((code) =>
          checkCustomerRows(
            'Statement',
            read.rows.filter((row) => keyOf(row.code) === code),
          ),
        );
        t.same(
          checked.flatMap(({ duplicates }) => duplicates.map(({ number }) => number)),
          ['t-1'],
        );
        t.same(
          checked.flatMap((each) => each.warnings.map(({ code }) => code)),
          ['NAMES_DIFFER'],
        );
        t.same(
          checked.flatMap((each) => each.rejected),
          [],
        );
      });
    }
  }
});

t.test(
  'survives 12, 13: a year of statements gives the published totals, invoices, customers and ages',
  async (t) => {
    type Figures = Record<string, number>;
    const expected = await json<Record<string, Record<string, Figures>>>(statements, 'expected.json');
    const files = (await readdir(statements)).filter((name) => name.endsWith('.xlsx'));
    t.equal(files.length, 12);
    for (const file of files.sort()) {
      const month = file.slice(0, 7);
      const asOf = lastDayOf(month);
      const { rows, rejected, result } = await readFileRows(join(statements, file), { month, asOf });
      t.same(rejected, [], month);
      t.same(result.warnings, [], month);
      t.equal(result.headerMonth, Number(month.slice(5)));
      for (const [region, wanted] of Object.entries(expected[month]!)) {
        const own = rows.filter((row) => region === 'All' || row.region === region);
        const sum = (of: ParsedRow[]) => of.reduce((total, row) => total + row.outstanding, 0);
        const aged = (from: number, to: number) =>
          sum(own.filter((row) => asOf - row.date! >= from && asOf - row.date! <= to));
        const figures: Figures = {
          total: sum(own),
          invoices: own.length,
          customers: new Set(own.map((row) => keyOf(row.code))).size,
          'age 0-30': aged(Number.NEGATIVE_INFINITY, 30),
          'age 31-90': aged(31, 90),
          'age 91-180': aged(91, 180),
          'age 181-365': aged(181, 365),
          'age >365': aged(366, Number.POSITIVE_INFINITY),
        };
        // New and Recovered compare two months: not a matter of reading.
        const { new: _new, recovered: _recovered, ...read } = wanted;
        t.same(figures, read, `${month} ${region}`);
      }
    }
  },
);
