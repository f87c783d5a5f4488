import { dayFromCivil } from '@backoffice/core';
import type { Cell } from '@backoffice/spreadsheet';
import fc from 'fast-check';
import t from 'tap';
import { rowErrorTexts } from '../src/imports/row-errors.ts';
import { regionLabels } from '../src/model.ts';
import { readLines, readSheets, type Written } from './sheet-reading.ts';

const header = [
  ...['Accode', 'Party Name', 'Region', 'July.Outstg.Amt', 'Inv.No', 'Inv.Amt', 'Inv.Date', 'Age'],
  ...['Status', 'Remarks', 'Notes', 'assignedEngineer', 'Department'],
];
type Name =
  | 'code'
  | 'name'
  | 'region'
  | 'amount'
  | 'number'
  | 'invoice'
  | 'date'
  | 'age'
  | 'status'
  | 'remark';
type More = 'notes' | 'engineer' | 'department';
const order: (Name | More)[] = [
  ...(['code', 'name', 'region', 'amount', 'number', 'invoice', 'date', 'age'] as const),
  ...(['status', 'remark', 'notes', 'engineer', 'department'] as const),
];

/** A row that is accepted, with overrides. */
function line(overrides: Partial<Record<Name | More, Written>> = {}): Written[] {
  const values: Partial<Record<Name | More, Written>> = {
    ...{ code: 'C1', name: 'Acme', region: 'Pune', amount: 100, number: 'I1', date: '01/07/2025' },
    ...overrides,
  };
  return order.map((name) => values[name] ?? null);
}

function readOne(overrides: Partial<Record<Name | More, Written>>) {
  const { rows, rejected, result } = readLines([header, line(overrides)]);
  return { row: rows[0], error: rejected[0]?.error, rejected: rejected[0], result };
}

t.test('decision 18: a full row becomes a statement row', (t) => {
  const { row } = readOne({
    ...{ invoice: 250, age: 30, status: 'Dispute', remark: 'Under Follow Up', notes: 'a\r\nb' },
    ...{ engineer: 'Asha  Rao', department: 'PUMP' },
  });
  const { cells, ...content } = row!;
  t.same(content, {
    ...{ row: 2, code: 'C1', name: 'Acme', region: 'pune', department: 'Pump', number: 'I1' },
    ...{ outstanding: 10000, invoiceAmount: 25000, date: dayFromCivil(2025, 7, 1), age: { days: 30 } },
    ...{ status: 'dispute', remark: 'under follow-up', notes: 'a\nb', engineer: 'Asha Rao' },
  });
  t.same(cells, {
    region: { column: 'Region', cell: 'C2', value: 'Pune' },
    number: { column: 'Inv.No', cell: 'E2', value: 'I1' },
    date: { column: 'Inv.Date', cell: 'G2', value: '01/07/2025' },
  });
  t.same(JSON.parse(JSON.stringify(row)), row, 'survives JSON');
  t.end();
});

t.test('decision 18: codes and numbers lose no digit and gain no .0', (t) => {
  const cases: [Written, string | null, string | undefined][] = [
    [123, '123', undefined],
    [999999999999999, '999999999999999', undefined],
    ['000123', '000123', undefined],
    [' C 1 ', 'C 1', undefined],
    ['12345678901234567890', '12345678901234567890', undefined],
    [12.5, '12.5', undefined],
    ['5E10', '5E10', undefined],
    ['A/C 7', 'A/C 7', undefined],
    [1234567890123456, null, 'NUMBER_LOST_DIGITS'],
    [1e22, null, 'NUMBER_LOST_DIGITS'],
    [1e-9, null, 'NUMBER_LOST_DIGITS'],
    [0.1 + 0.2, null, 'NUMBER_LOST_DIGITS'],
    ['1.23457E+11', null, 'NUMBER_LOST_DIGITS'],
    [{ kind: 'date', value: 45839 }, null, 'NUMBER_IS_DATE'],
    [{ kind: 'boolean', value: true }, null, 'TEXT_INVALID'],
    [{ kind: 'error', text: '#REF!' }, null, 'CELL_ERROR'],
    [{ kind: 'formula' }, null, 'FORMULA_WITHOUT_VALUE'],
    ['x'.repeat(101), null, 'TEXT_TOO_LONG'],
  ];
  for (const [value, text, code] of cases) {
    const asCode = readOne({ code: value });
    const asNumber = readOne({ number: value });
    t.same([asCode.row?.code ?? null, asCode.error?.code], [text, code], `code ${JSON.stringify(value)}`);
    t.same(
      [asNumber.row?.number ?? null, asNumber.error?.code],
      [text, code],
      `number ${JSON.stringify(value)}`,
    );
    if (code) t.equal(asNumber.rejected?.onAccount, false, 'an unreadable number is not "no number"');
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (value) => {
      return readOne({ number: value }).row?.number === String(value);
    }),
  );
  t.end();
});

t.test('decision 18: a row without a number, or with a dash there, is on account', (t) => {
  for (const number of [null, '', ' ', '-', '–']) t.equal(readOne({ number }).row?.number, null);
  const refused = readOne({ number: null, amount: 'x' }).rejected;
  t.match(refused, { number: null, onAccount: true, code: 'C1', region: 'pune' });
  t.end();
});

t.test('decision 18: regions by code or label in any case, and Bengaluru', (t) => {
  for (const [code, label] of Object.entries(regionLabels)) {
    for (const text of [code, label, label.toUpperCase(), ` ${label}\u00a0`]) {
      t.equal(readOne({ region: text }).row?.region, code, text);
    }
  }
  t.equal(readOne({ region: 'BENGALURU' }).row?.region, 'banglore');
  t.equal(readOne({ region: 'Poona' }).error?.code, 'REGION_UNKNOWN');
  t.equal(readOne({ region: 7 }).error?.code, 'REGION_UNKNOWN');
  t.equal(readOne({ region: ' ' }).error?.code, 'REGION_MISSING');
  t.end();
});

t.test('decision 22: the form fills blank departments only; unknown words are errors', (t) => {
  const { rows, rejected } = readLines(
    [header, line(), line({ department: 'batching  plant' }), line({ department: 'Crane' })],
    { department: 'Pump' },
  );
  t.same(
    rows.map(({ department }) => department),
    ['Pump', 'Batching Plant'],
  );
  t.match(rejected, [{ error: { code: 'DEPARTMENT_UNKNOWN', value: 'Crane' }, department: null }]);
  t.equal(readOne({}).row?.department, null);
  t.equal(readOne({ status: 'open' }).error?.code, 'STATUS_UNKNOWN');
  t.equal(readOne({ status: '-' }).row?.status, null);
  t.end();
});

t.test('an unknown remark is left out with a warning that names the first', (t) => {
  const { rows, result } = readLines([
    header,
    line({ remark: 'call them' }),
    line({ remark: 'x'.repeat(999) }),
    line(),
  ]);
  t.same(
    rows.map(({ remark }) => remark),
    [null, null, null],
  );
  t.match(result.warnings, [{ code: 'REMARK_UNKNOWN', count: 2, message: /"call them" in J2/ }]);
  t.end();
});

t.test('decision 20: a missing, unreadable or lost amount is an error of its cell', (t) => {
  t.match(readOne({ amount: null }).error, {
    code: 'AMOUNT_MISSING',
    cell: 'D2',
    column: 'July.Outstg.Amt',
    value: '',
  });
  t.match(readOne({ amount: { kind: 'formula' } }).error, { code: 'FORMULA_WITHOUT_VALUE', cell: 'D2' });
  t.match(readOne({ amount: { kind: 'error', text: '#DIV/0!' } }).error, {
    code: 'CELL_ERROR',
    value: '#DIV/0!',
  });
  t.match(readOne({ invoice: 'about 5' }).error, { code: 'AMOUNT_INVALID', cell: 'F2', column: 'Inv.Amt' });
  t.equal(readOne({ invoice: null }).row?.invoiceAmount, null);
  t.end();
});

t.test('decision 10: a row with neither date nor age is passed on with the cell to blame', (t) => {
  const { row } = readOne({ date: null });
  t.match(row, { date: null, age: null, cells: { date: { column: 'Inv.Date', cell: 'G2', value: '' } } });
  t.end();
});

t.test('decision 10: an age that can not be read is no reason to refuse a dated row', (t) => {
  const lines = [
    line({ age: -3 }),
    line({ age: { kind: 'error', text: '#VALUE!' } }),
    line({ age: 1.5, date: null }),
  ];
  const { rows, rejected, result } = readLines([header, ...lines]);
  t.match(rows, [{ age: null }, { age: null }]);
  t.match(rejected, [{ error: { code: 'AGE_INVALID', cell: 'H4', value: '1.5' } }]);
  t.match(result.warnings, [{ code: 'AGE_IGNORED', count: 2, message: /"-3" in H2/ }]);
  t.equal(readOne({ age: 5, date: '99/99/2025' }).error?.code, 'DATE_INVALID');
  t.end();
});

t.test('decision 10: dates after the as-of day are accepted, with one warning', (t) => {
  const { rows, result } = readLines([header, line({ date: '01/08/2025' }), line({ date: '31/07/2025' })]);
  t.equal(rows.length, 2);
  t.match(result.warnings, [{ code: 'DATE_AFTER_STATEMENT', count: 1, message: /after 2025-07-31.*G2/ }]);
  t.end();
});

t.test('survives 10: one error for each row, the first from left to right', (t) => {
  const { error } = readOne({
    amount: 'x',
    region: 'nowhere',
    date: 'soon',
    code: { kind: 'error', text: '#N/A' },
  });
  t.match(error, {
    code: 'CELL_ERROR',
    column: 'Accode',
    cell: 'A2',
    value: '#N/A',
    sheet: 'Statement',
    row: 2,
  });
  t.equal(readOne({ amount: 'x', date: 'soon' }).error?.cell, 'D2');
  t.equal(readOne({ code: null, name: { kind: 'formula' } }).error?.code, 'CODE_MISSING');
  t.end();
});

t.test(
  'survives 10: whatever a cell holds, the value shown is a text of at most 200 characters',
  async () => {
    const any: fc.Arbitrary<Cell> = fc.oneof(
      fc
        .string({ maxLength: 500, minLength: 1, unit: 'binary' })
        .map((text): Cell => ({ kind: 'text', text })),
      fc.double().map((value): Cell => ({ kind: 'number', value })),
      fc.double().map((value): Cell => ({ kind: 'date', value })),
      fc.boolean().map((value): Cell => ({ kind: 'boolean', value })),
      fc.constantFrom<Cell>({ kind: 'error', text: '#N/A' }, { kind: 'formula' }),
    );
    fc.assert(
      fc.property(fc.array(any, { minLength: 13, maxLength: 13 }), (cells) => {
        let read: ReturnType<typeof readLines>;
        try {
          read = readLines([header, cells, line()]);
        } catch {
          return false;
        }
        return read.rejected.every(
          ({ error }) =>
            error.value.length <= 200 &&
            !error.value.includes('[object') &&
            error.code in rowErrorTexts &&
            error.message,
        );
      }),
      { numRuns: 2000 },
    );
  },
);

t.test('survives 10: numbers, dates and booleans in text columns become text', (t) => {
  const { row } = readOne({
    name: 42,
    notes: { kind: 'date', value: 45839.5 },
    engineer: { kind: 'boolean', value: true },
  });
  t.match(row, { name: '42', notes: '2025-07-01', engineer: 'TRUE' });
  t.end();
});

t.test('decision 17: blank, total and repeated header rows are not counted', (t) => {
  const total = (code: Written, name: Written, region: Written = null) =>
    line({ code, name, region, number: null, date: null });
  const { rows, rejected, result } = readLines([
    header,
    line(),
    order.map(() => ' \u00a0'),
    [...order.map(() => null), 'a remark beside the table'],
    total('Total', null),
    total(null, 'Grand  Total:'),
    total('GRAND TOTAL', null),
    total(null, 'Sub-Total'),
    total(null, null, 'Pune Total'),
    total(null, null, 'Total'),
    header,
    line({ number: 'I2' }),
  ]);
  t.same(
    rows.map(({ row }) => row),
    [2, 12],
  );
  t.same(rejected, []);
  t.same(result.warnings, []);
  t.equal(result.rowsRead, 2);
  t.end();
});

t.test('decision 17: a name that only contains "total" is a customer', (t) => {
  const { rows } = readLines([
    header,
    line({ name: 'Total Energies' }),
    line({ code: 'TOTAL-1', number: 'I2' }),
  ]);
  t.equal(rows.length, 2);
  t.end();
});

t.test('a total by its name that has a code and a number is skipped with a warning', (t) => {
  const { rows, result } = readLines([header, line(), line({ name: 'Total', number: 'I2' })]);
  t.equal(rows.length, 1);
  t.match(result.warnings, [{ code: 'TOTAL_WITH_CODE', message: /Row 3 / }]);
  t.end();
});

t.test('an unlabelled sum is an error, not an invoice', (t) => {
  const { rejected } = readLines([header, line(), order.map((name) => (name === 'amount' ? 100 : null))]);
  t.match(rejected, [{ error: { code: 'CODE_MISSING', cell: 'A3' }, code: null }]);
  t.end();
});

t.test('decision 17: hidden rows count, with one warning', (t) => {
  const lines = [header, line(), line({ number: 'I2' }), line({ number: 'I3', amount: 'x' }), ['Total']];
  const { rows, result } = readSheets([{ name: 'S', lines, hidden: [2, 4, 5] }]);
  t.equal(rows.length, 2);
  t.equal(result.rowsRead, 3);
  t.match(result.warnings, [{ code: 'HIDDEN_ROWS', count: 2 }]);
  t.end();
});

t.test('a sheet without a column of invoice numbers says that all is on account', (t) => {
  const { rows, result } = readLines([
    ['customerCode', 'region', 'outstandingAmount', 'agePeriod'],
    ['C1', 'pune', 5, '31-90'],
  ]);
  t.match(rows, [{ number: null, age: { bucket: '31-90' } }]);
  t.match(result.warnings, [{ code: 'NO_NUMBER_COLUMN' }]);
  t.end();
});

t.test('whether rows have dates of their own', (t) => {
  t.equal(readOne({}).result.dated, true);
  t.equal(readOne({ date: null, age: 5 }).result.dated, false);
  t.end();
});
