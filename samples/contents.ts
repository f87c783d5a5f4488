import { dayFromCivil } from '@backoffice/core';

/** What a cell of a sample holds; `formula` is one that was never calculated, `error` an error cell. */
export type SampleCell =
  | string
  | number
  | boolean
  | null
  | { day: number }
  | { error: string }
  | { formula: string };

/** A row that is refused: its place among the rows, the cell that is to blame, and the code. */
export interface SampleError {
  index: number;
  column: number;
  code: string;
}

export interface SampleSheet {
  file: string;
  title: string;
  errors: SampleError[];
  /** Rows that are alike an earlier one. */
  duplicates: number;
  /** Codes of the warnings that the sheet itself gives rise to. */
  warnings: string[];
  /** For the form of the upload. */
  month: string;
  financialYear: string;
  header: string[];
  rows: SampleCell[][];
}

/** The month lies before all demo data, so the samples can be tried beside it without touching a figure. */
const form = { month: 'Mar-24', financialYear: '2023-2024' };

function on(month: number, day: number, year = 2024): { day: number } {
  return { day: dayFromCivil(year, month, day)! };
}

const header = [
  'Accode',
  'Party Name',
  'Region',
  'March.Outstg.Amt',
  'Inv.No',
  'Inv.Amt',
  'Inv.Date',
  'Department',
  'Status',
  'Remarks',
];

const customers = [
  ['S1001', 'Konark Ready Mix Pvt Ltd', 'Mumbai', 'Batching Plant'],
  ['S1002', 'Hill Road Builders & Developers', 'Mumbai', 'Pump'],
  ['S1003', 'Yamuna Infra Projects Ltd', 'Delhi', 'Batching Plant'],
  ['S1004', 'Aravalli Concrete Solutions LLP', 'Jaipur', 'Pump'],
  ['S1005', 'Cubbon Constructions', 'Bengaluru', 'Batching Plant'],
  ['S1006', 'Marina RMC Plants Pvt Ltd', 'Chennai', 'Batching Plant'],
  ['S1007', 'Hooghly Highways Ltd', 'Kolkata', 'Pump'],
  ['S1008', 'Deccan Precast & Co', 'Pune', 'Batching Plant'],
] as const;

/** Five invoices of each of eight customers; one of the forty rows is money on account. */
function cleanRows(): SampleCell[][] {
  const rows: SampleCell[][] = [];
  for (const [place, [code, name, region, department]] of customers.entries()) {
    for (let nth = 0; nth < 5; nth += 1) {
      const amount = 18_250.5 + place * 7_310.25 + nth * 12_499.99;
      const invoice = Math.round(amount * 100) / 100;
      const number = `SMP-${String(place * 5 + nth + 1).padStart(4, '0')}`;
      const date = nth === 4 ? on(2, 3 + place, 2023) : on(3 - (nth % 3), 4 + place * 2 + nth);
      const partPaid = nth === 1 ? Math.round(invoice * 40) / 100 : invoice;
      const status = nth === 2 && place % 4 === 0 ? 'Dispute' : 'Unpaid';
      rows.push([code, name, region, partPaid, number, invoice, date, department, status, null]);
    }
  }
  // The last row of the last customer: an advance, without a number.
  rows[39] = [...customers[7].slice(0, 3), -25_000, null, null, on(3, 21), 'Batching Plant', null, null];
  rows[4]![9] = 'under follow-up';
  return rows;
}

/** A good row to spoil; each has a customer and a number of its own. */
function good(nth: number, change: Record<number, SampleCell> = {}): SampleCell[] {
  const row: SampleCell[] = [
    `S2${String(nth).padStart(3, '0')}`,
    `Sample Party ${nth}`,
    'Pune',
    1_000 * nth + 0.5,
    `ERR-${String(nth).padStart(4, '0')}`,
    1_000 * nth + 0.5,
    on(3, 1 + (nth % 28)),
    null,
    'Pump',
    'Unpaid',
    null,
    null,
  ];
  for (const [column, cell] of Object.entries(change)) row[Number(column)] = cell;
  return row;
}

/** Columns of the second sample by what they mean. */
const at = {
  code: 0,
  region: 2,
  outstanding: 3,
  number: 4,
  date: 6,
  age: 7,
  department: 8,
  status: 9,
  remark: 10,
  secondNumber: 11,
} as const;

/** One good row made bad for every code, by one cell each. */
const spoilt: [code: string, column: number, cells: Record<number, SampleCell>][] = [
  ['CODE_MISSING', at.code, { [at.code]: null }],
  ['REGION_MISSING', at.region, { [at.region]: null }],
  ['REGION_UNKNOWN', at.region, { [at.region]: 'Bombay' }],
  ['DEPARTMENT_UNKNOWN', at.department, { [at.department]: 'Crane' }],
  ['STATUS_UNKNOWN', at.status, { [at.status]: 'open' }],
  ['AMOUNT_MISSING', at.outstanding, { [at.outstanding]: null }],
  ['AMOUNT_INVALID', at.outstanding, { [at.outstanding]: 'to be confirmed' }],
  ['AMOUNT_GROUPING', at.outstanding, { [at.outstanding]: '1,2345.00' }],
  ['AMOUNT_SIGN', at.outstanding, { [at.outstanding]: '-(500.00)' }],
  ['AMOUNT_DIGITS', at.outstanding, { [at.outstanding]: '१२३४' }],
  ['AMOUNT_TOO_LARGE', at.outstanding, { [at.outstanding]: 100_000_000_000_000 }],
  ['DATE_INVALID', at.date, { [at.date]: '31/02/2024' }],
  ['DATE_IMPLAUSIBLE', at.date, { [at.date]: '01/01/1900' }],
  ['AGE_INVALID', at.age, { [at.date]: null, [at.age]: 'old' }],
  ['DATE_OR_AGE_MISSING', at.date, { [at.date]: null }],
  ['NUMBER_LOST_DIGITS', at.number, { [at.number]: '1.23457E+15' }],
  ['NUMBER_IS_DATE', at.number, { [at.number]: on(4, 3) }],
  ['TEXT_INVALID', at.number, { [at.number]: true }],
  ['TEXT_TOO_LONG', at.number, { [at.number]: 'X'.repeat(101) }],
  ['CELL_ERROR', at.outstanding, { [at.outstanding]: { error: '#N/A' } }],
  ['FORMULA_WITHOUT_VALUE', at.outstanding, { [at.outstanding]: { formula: 'F26*0.4' } }],
  ['COLUMNS_DISAGREE', at.number, { [at.secondNumber]: 'ERR-9999' }],
];

function errorSheet(): Pick<SampleSheet, 'rows' | 'errors' | 'duplicates'> {
  const rows = [good(1), good(2, { [at.outstanding]: '₹ 1,23,456.50', [at.date]: '15/03/2024' })];
  const errors: SampleError[] = [];
  const addBad = (code: string, column: number, row: SampleCell[]) => {
    errors.push({ index: rows.length, column, code });
    rows.push(row);
  };
  for (const [code, column, cells] of spoilt) addBad(code, column, good(rows.length + 1, cells));
  rows.push(good(30), good(30));
  rows.push(good(31));
  addBad('DUPLICATE_INVOICE', at.number, good(31, { [at.outstanding]: 999 }));
  rows.push(good(32));
  addBad('CUSTOMER_IN_TWO_REGIONS', at.region, good(32, { [at.region]: 'Delhi', [at.number]: 'ERR-0132' }));
  rows.push(good(33, { [at.date]: null, [at.age]: 400 }), good(34, { [at.remark]: 'Partial Payment' }));
  return { rows, errors, duplicates: 1 };
}

const errorHeader = [...header.slice(0, 7), 'Age', ...header.slice(7), 'Invoice Number'];

export const samples: readonly SampleSheet[] = [
  {
    file: 'clean-statement.xlsx',
    title: 'Sample: party wise outstanding as on 31.03.2024',
    ...form,
    header,
    rows: cleanRows(),
    errors: [],
    duplicates: 0,
    warnings: [],
  },
  {
    file: 'statement-with-errors.xlsx',
    title: 'Sample: outstanding as on 31.03.2024, with a row error of every kind',
    ...form,
    header: errorHeader,
    ...errorSheet(),
    // Inv.No and Invoice Number.
    warnings: ['COLUMN_DOUBLED'],
  },
];
