import { CodedError } from '@backoffice/core';
import { isHeader } from '@backoffice/spreadsheet';
import fc from 'fast-check';
import t from 'tap';
import { outstandingMonth, readHeader } from '../src/imports/columns.ts';
import { cell, readLines, readSheets, type Written } from './sheet-reading.ts';

const A = ['Accode', 'Party Name', 'Region', 'July.Outstg.Amt', 'Inv.No', 'Inv.Amt', 'Age'];
const B = ['Customer Code', 'Customer Name', 'Region', 'Outstanding Amount', 'Invoice Number', 'invoiceDate'];
const C = ['customerCode', 'customerName', 'region', 'agePeriod', 'outstandingAmount', 'remarks', 'notes'];
const row: Written[] = ['C1', 'Acme', 'pune', 100, 'I1', 100, 10];

function found(header: Written[], month = '2025-07'): string[] | null {
  const read = readHeader(header.map(cell), month);
  return isHeader(read) ? read.columns.map((column) => column.name) : null;
}

function refusal(act: () => unknown): CodedError {
  try {
    act();
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

t.test('decision 17: the headers of all three sets are known, in any mix', (t) => {
  const setA = ['code', 'name', 'region', 'outstanding', 'number', 'invoiceAmount'];
  t.same(found(A), [...setA, 'age']);
  t.same(found(['Accode', 'Party Nam', 'Region', 'July.Outstg.Amt', 'Inv. No', 'Inv.Amt', 'Inv.Date']), [
    ...setA,
    'date',
  ]);
  t.same(found(B), ['code', 'name', 'region', 'outstanding', 'number', 'date']);
  t.same(found(C), ['code', 'name', 'region', 'age', 'outstanding', 'remark', 'notes']);
  t.same(
    found(['Accode', 'customerName', 'Region', 'Outstanding Amount', 'Inv.No', 'Invoice Date', 'status']),
    [...['code', 'name', 'region', 'outstanding', 'number', 'date', 'status']],
  );
  t.same(found(['Region', null, 'assignedEngineer', 'Department', 'Bill Date', 'Outstg.Amt', 'A/c Code']), [
    ...['region', 'engineer', 'department', 'date', 'outstanding', 'code'],
  ]);
  t.end();
});

t.test('decision 17: case, spaces of every kind, dots and underscores of a header do not count', async () => {
  const mark = fc.constantFrom(' ', '.', '_', '\u00a0', '\u2009', '\u3000', '\n', '\t', '\u200b', '');
  const letters = (header: string) => header.replace(/[ .]/g, '').split('');
  fc.assert(
    fc.property(fc.array(mark, { minLength: 40, maxLength: 40 }), fc.boolean(), (marks, upper) => {
      const disguised = [...A, 'Inv.Date'].map((header) =>
        letters(header)
          .map((letter, i) => (upper ? letter.toUpperCase() : letter.toLowerCase()) + marks[i % 40])
          .join(''),
      );
      return found(disguised)?.length === 8;
    }),
  );
});

t.test('decision 17: the outstanding column names its month in every spelling', (t) => {
  const cases: [string, number | undefined, number | null | undefined][] = [
    ['July.Outstg.Amt', 7, null],
    ['JUL OUTSTG AMT', 7, null],
    ['Sept.Outstg.Amt', 9, null],
    ['Sep_Outstanding Amount', 9, null],
    ["Apr'25 Outstg.Amt", 4, 2025],
    ['Apr-25.Outstg.Amt', 4, 2025],
    ['April 2025 Outstanding', 4, 2025],
    ['04.Outstg.Amt', 4, null],
    ['2025-04 Outstg.Amt', 4, 2025],
    ['Outstg.Amt', undefined, undefined],
    ['Outstanding Amount', undefined, undefined],
    ['Total.Outstg.Amt', undefined, undefined],
    ['13.Outstg.Amt', undefined, undefined],
  ];
  for (const [header, month, year] of cases) {
    const named = outstandingMonth(header);
    t.same([named?.month, named?.year], [month, year], header);
  }
  t.equal(readLines([A, row]).result.headerMonth, 7);
  t.equal(readLines([A.with(3, "July'24.Outstg.Amt"), row]).result.headerYear, 2024);
  t.equal(readLines([B, row.with(5, '01/07/2025')]).result.headerMonth, null);
  t.end();
});

t.test('decision 17: the header may stand under titles, within the first 50 rows', (t) => {
  const titles = (count: number) =>
    Array.from({ length: count }, (): Written[] => ['ACME', 'as on 31/07/2025']);
  t.equal(readLines([...titles(49), A, row]).result.rowsRead, 1);
  t.equal(refusal(() => readLines([...titles(50), A, row])).code, 'NO_HEADER_ROW');
  t.end();
});

t.test('survives 10: a missing column is named with the row that looks like the header', (t) => {
  const error = refusal(() => readLines([['ACME'], A.toSpliced(2, 1), row]));
  t.equal(error.code, 'NO_HEADER_ROW');
  t.match(error.message, /Row 2 of sheet "Statement".*no column for the region/);
  t.same(error.details, { sheet: 'Statement', row: 2, missing: ['region'] });
  t.equal(refusal(() => readLines([['nothing'], ['here', 5]])).code, 'NO_HEADER_ROW');
  t.equal(refusal(() => readLines([])).code, 'NO_HEADER_ROW');
  t.end();
});

t.test('decision 17: no data row is refused', (t) => {
  t.equal(refusal(() => readLines([A])).code, 'NO_ROWS');
  t.equal(refusal(() => readLines([A, ['', ' '], ['Total', null, null, 5], A])).code, 'NO_ROWS');
  t.end();
});

t.test('decision 17: the first visible sheet with a header is read, others that fit are named', (t) => {
  const { rows, result } = readSheets([
    { name: 'Old', lines: [A, row.with(0, 'hidden')], visible: false },
    { name: 'Cover', lines: [['Statement of July']] },
    { name: 'July', lines: [A, row, row.with(4, 'I2')] },
    { name: 'June', lines: [['ACME'], B, row] },
    { name: 'Very old', lines: [C, row], visible: false },
    { name: 'Customers', lines: [C, row] },
  ]);
  t.same(
    rows.map(({ code, number }) => [code, number]),
    [
      ['C1', 'I1'],
      ['C1', 'I2'],
    ],
  );
  t.equal(result.sheet, 'July');
  t.same(
    result.warnings.map(({ code, details }) => [code, details?.others]),
    [['OTHER_SHEETS', ['June', 'Customers']]],
  );
  t.end();
});

t.test('survives 12: a plain number is the same calendar date in a file of the 1904 epoch', (t) => {
  const days = (serial: number, date1904: boolean) =>
    readLines([B, row.with(5, serial)], { date1904 }).rows.map(({ date }) => date);
  t.same(days(45_839 - 1_462, true), days(45_839, false));
  t.not(days(45_839, true)[0], days(45_839, false)[0]);
  t.end();
});

t.test('decision 17: where only hidden sheets are left, they are named', (t) => {
  const error = refusal(() =>
    readSheets([
      { name: 'Cover', lines: [['Statement of July']] },
      { name: 'Data', lines: [A, row], visible: false },
    ]),
  );
  t.equal(error.code, 'NO_HEADER_ROW');
  t.match(error.message, /Hidden sheets are not read: "Data"\. Unhide/);
  t.end();
});

t.test('survives 10: of doubled columns, alike or half filled is right, different is an error', (t) => {
  const doubled = [...A, 'Invoice Number'];
  const { rows, rejected, result } = readLines([
    doubled,
    [...row, 'i1'],
    [...row, 'I1 '],
    [...row.with(4, null), 'I9'],
    [...row, null],
    [...row.with(4, 5), { kind: 'number', value: 5 }],
  ]);
  t.same(
    rows.map(({ number }) => number),
    ['I1', 'I9', 'I1', '5'],
  );
  t.match(rejected, [
    { error: { code: 'COLUMNS_DISAGREE', row: 2, cell: 'E2', column: 'Inv.No', value: 'I1' } },
  ]);
  t.match(rejected[0]?.error.message, /"Inv.No" and "Invoice Number" \(H2\)/);
  t.match(result.warnings, [
    { code: 'COLUMN_DOUBLED', message: /"Inv.No" \(E1\) and "Invoice Number" \(H1\)/ },
  ]);
  t.end();
});

t.test(
  'decision 17: of outstanding columns of several months the chosen one is read, with a warning',
  (t) => {
    const header = ['Accode', 'Region', 'June.Outstg.Amt', 'July.Outstg.Amt', 'Age'];
    const { rows, result } = readLines([header, ['C1', 'pune', 1, 2, 3]]);
    t.match(rows, [{ outstanding: 200 }]);
    t.equal(result.headerMonth, 7);
    t.match(result.warnings, [
      { code: 'COLUMN_DOUBLED', message: /"July.Outstg.Amt" \(D1\).*"June.Outstg.Amt" \(C1\) was not/ },
    ]);
    const august = readLines([header, ['C1', 'pune', 1, 2, 3]], { month: '2025-08' });
    t.match(
      august.rejected,
      [{ error: { code: 'COLUMNS_DISAGREE' } }],
      'neither is chosen: nothing is guessed',
    );
    t.end();
  },
);

t.test('a known header wins over an alias of the same meaning', (t) => {
  const { rows, result } = readLines([
    ['Bill No', 'agePeriod', 'Accode', 'Region', 'July.Outstg.Amt', 'Inv.No', 'Age'],
    ['B7', '0-30', 'C1', 'pune', 5, 'I1', 45],
  ]);
  t.match(rows, [{ number: 'I1', age: { days: 45 } }]);
  t.same(result.warnings, []);
  t.end();
});

t.test(
  'decision 17: a repeated header is skipped; one with other columns is followed, with a warning',
  (t) => {
    const other = ['Region', 'Accode', 'June.Outstg.Amt', 'Age'];
    const { rows, rejected, result } = readLines([A, row, A, row.with(4, 'I2'), other, ['goa', 'C2', 7, 8]]);
    t.same(rejected, []);
    t.same(
      rows.map(({ row: at, code, region, outstanding }) => [at, code, region, outstanding]),
      [
        [2, 'C1', 'pune', 10000],
        [4, 'C1', 'pune', 10000],
        [6, 'C2', 'goa', 700],
      ],
    );
    t.equal(result.headerMonth, 6, 'the month that is not the chosen one must be confirmed');
    t.match(result.warnings.find(({ code }) => code === 'HEADER_CHANGED')?.message, /Row 5 /);
    const back = readLines([A, row, other, ['goa', 'C2', 7, 8], A, row]);
    t.equal(back.result.headerMonth, 6, 'also when the chosen month comes again');
    t.end();
  },
);

t.test('a repeated header leaves no warning about what stands in it', (t) => {
  const header = ['Accode', 'Region', 'July.Outstg.Amt', 'Inv.No', 'Age', 'Remarks'];
  const line = ['C1', 'pune', 5, 'I1', 3, 'none'];
  const { rows, result } = readLines([header, line, header, line.with(3, 'I2')]);
  t.equal(rows.length, 2);
  t.same(result.warnings, []);
  t.end();
});
