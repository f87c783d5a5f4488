import { mergeWarnings } from '@backoffice/spreadsheet';
import t from 'tap';
import { checkCustomerRows, rejectUndated } from '../src/imports/sheet.ts';
import { readLines, type Written } from './sheet-reading.ts';

const header = [
  'Accode',
  'Party Name',
  'Region',
  'July.Outstg.Amt',
  'Inv.No',
  'Inv.Amt',
  'Inv.Date',
  'Status',
];

function check(lines: Written[][]) {
  const { rows, rejected } = readLines([header, ...lines]);
  t.same(rejected, [], 'the rows themselves are fine');
  return checkCustomerRows('Statement', rows);
}

const first: Written[] = ['C1', 'Acme', 'Pune', 100, 'I1', 100, '01/07/2025', 'unpaid'];

t.test('survives 14: a row alike in every recognised cell is a duplicate, however it is written', (t) => {
  const { accepted, duplicates, rejected, warnings } = check([
    first,
    ['c1 ', 'Acme', 'PUNE', '₹100.00', ' i1', '100', '2025-07-01', 'Unpaid'],
    first,
  ]);
  t.same([accepted.map(({ row }) => row), duplicates.map(({ row }) => row)], [[2], [3, 4]]);
  t.same([rejected, warnings], [[], []]);
  t.end();
});

t.test('survives 14: the same invoice with any other cell is an error that names the first row', (t) => {
  const others: [number, Written][] = [
    [1, 'Acme Ltd'],
    [3, 101],
    [5, 99],
    [5, null],
    [6, '02/07/2025'],
    [7, 'paid'],
    [7, null],
  ];
  const { accepted, duplicates, rejected } = check([
    first,
    ...others.map(([at, value]) => first.with(at, value)),
  ]);
  t.same([accepted.length, duplicates.length, rejected.length], [1, 0, others.length]);
  t.match(rejected[0], {
    error: {
      ...{ sheet: 'Statement', row: 3, column: 'Inv.No', cell: 'E3', code: 'DUPLICATE_INVOICE', value: 'I1' },
      message: /The first is row 2\./,
    },
    ...{ code: 'C1', number: 'I1', onAccount: false, region: 'pune' },
  });
  t.equal(accepted[0]?.name, 'Acme', 'a refused row does not name the customer');
  t.end();
});

t.test('decision 18: on-account rows are never duplicates', (t) => {
  const row = first.with(4, null);
  const { accepted, duplicates, rejected } = check([row, row, row.with(3, -5)]);
  t.same([accepted.length, duplicates.length, rejected.length], [3, 0, 0]);
  t.end();
});

t.test('decision 18: a customer in two regions: the later rows are errors', (t) => {
  const { accepted, rejected } = check([
    first,
    first.with(2, 'Goa').with(4, 'I2'),
    first.with(2, 'Goa'),
    first.with(2, 'Goa').with(4, null),
    first.with(4, 'I3'),
  ]);
  t.same(
    accepted.map(({ row }) => row),
    [2, 6],
  );
  t.same(
    rejected.map(({ error, onAccount }) => [error.row, error.cell, error.code, error.value, onAccount]),
    [
      [3, 'C3', 'CUSTOMER_IN_TWO_REGIONS', 'Goa', false],
      [4, 'C4', 'CUSTOMER_IN_TWO_REGIONS', 'Goa', false],
      [5, 'C5', 'CUSTOMER_IN_TWO_REGIONS', 'Goa', true],
    ],
  );
  t.match(rejected[0]?.error.message, /Row 2 has Pune/);
  t.end();
});

t.test('decision 18: of different names the last wins, with a warning', (t) => {
  const { accepted, warnings } = check([
    first,
    first.with(1, 'ACME').with(4, 'I2'),
    first.with(1, 'Acme Pvt').with(4, 'I3'),
    first.with(1, null).with(4, 'I4'),
  ]);
  t.same(
    accepted.map(({ name }) => name),
    ['Acme Pvt', 'Acme Pvt', 'Acme Pvt', 'Acme Pvt'],
  );
  t.match(warnings, [
    { code: 'NAMES_DIFFER', count: 1, message: /C1.*"Acme" in row 2.*"Acme Pvt" in row 4/ },
  ]);
  t.end();
});

t.test('decision 10: the refusal of a row without date and age names its cell', (t) => {
  const { rows } = readLines([header, first.with(6, null)]);
  t.match(rejectUndated('Statement', rows[0]!), {
    error: { code: 'DATE_OR_AGE_MISSING', column: 'Inv.Date', cell: 'G2', row: 2 },
    ...{ code: 'C1', number: 'I1', onAccount: false },
  });
  t.end();
});

t.test('warnings of one kind become one, with their number', (t) => {
  t.same(
    mergeWarnings([
      { code: 'A', message: 'first.', count: 1 },
      { code: 'B', message: 'kept' },
      { code: 'A', message: 'second.', count: 4 },
      { code: 'B', message: 'kept too' },
    ]),
    [
      { code: 'B', message: 'kept' },
      { code: 'B', message: 'kept too' },
      { code: 'A', message: 'first. (And 1 more like this.)', count: 5 },
    ],
  );
  t.end();
});
