import { createWriteStream } from 'node:fs';
import { type DayNumber, lastDayOf, type Month, type Paise, rupeesFromPaise } from '@backoffice/core';
import { type CellValue, writeWorkbook } from '@backoffice/spreadsheet';

/** Labels as they stand in sheets, with the code that the API uses. */
const regions = [
  ...['Ahmedabad', 'Chennai', 'Delhi', 'Export', 'Goa', 'Hyderabad', 'Indore', 'Jaipur', 'Kolkata'],
  ...['Mumbai', 'Nagpur', 'Odisha', 'Pune', 'Punjab', 'Raipur', 'Vizag', 'WIE'],
].map((label) => ({ label, code: label.toLowerCase() }));
regions.push({ label: 'Bangalore', code: 'banglore' });
const departments = ['Batching Plant', 'Pump'] as const;

const invoicesOfCustomer = 12;

/** One row of a statement, as the plain stores that are compared with keep it: one document a row. */
export interface RowDocument {
  month: Month;
  region: string;
  department: string;
  customerCode: string;
  customerName: string;
  invoiceNumber: string;
  /** Paise. */
  invoiceAmount: Paise;
  outstanding: Paise;
  date: DayNumber;
  status: 'unpaid' | 'paid' | 'dispute';
}

/** A number from 0 to 2^32 that looks like chance and is always the same. */
function scatter(index: number): number {
  let mixed = Math.imul(index ^ 0x9e3779b9, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function rowAt(index: number, month: Month, newestDay: DayNumber, oldest: number): RowDocument {
  const customer = Math.floor(index / invoicesOfCustomer);
  const chance = scatter(index);
  const invoiceAmount = 100_000 + (chance % 50_000_000);
  return {
    month,
    region: regions[customer % regions.length]!.code,
    department: departments[index % 2]!,
    customerCode: `C${String(customer).padStart(6, '0')}`,
    customerName: `Builders and Contractors ${customer} Private Limited`,
    invoiceNumber: `INV/${String(index).padStart(7, '0')}`,
    invoiceAmount,
    outstanding: chance % 3 === 0 ? Math.floor(invoiceAmount / 2) : invoiceAmount,
    date: newestDay - (chance % oldest),
    status: 'unpaid',
  };
}

/** The first statement of a firm: so many rows, about twelve a customer, up to 500 days old. */
export function firstStatement(rows: number, month: Month): RowDocument[] {
  return Array.from({ length: rows }, (_, index) => rowAt(index, month, lastDayOf(month), 500));
}

/** The month after: a seventh is paid, an eleventh of the rest in part, and about as many rows are new. */
export function nextStatement(first: readonly RowDocument[], month: Month): RowDocument[] {
  const rows: RowDocument[] = [];
  for (const [index, row] of first.entries()) {
    if (index % 7 === 0) continue;
    const outstanding = index % 11 === 0 ? Math.floor(row.outstanding / 2) : row.outstanding;
    rows.push({ ...row, month, outstanding });
  }
  for (let index = rows.length; index < first.length; index += 1) {
    rows.push(rowAt(first.length + index, month, lastDayOf(month), 28));
  }
  return rows;
}

/** Writes rows as the clerk's workbook, with the headers of the widest of the known sheets. */
export async function writeSheet(path: string, rows: readonly RowDocument[]): Promise<void> {
  const headers = ['Accode', 'Party Name', 'Region', 'Outstg.Amt', 'Inv.No', 'Inv.Amt', 'Inv.Date'];
  const columns = [...headers, 'Department'].map((header) => ({ header, width: 16 }));
  await writeWorkbook(createWriteStream(path), [{ name: 'Outstanding', columns, rows: cellsOf(rows) }]);
}

function* cellsOf(rows: readonly RowDocument[]): Generator<CellValue[]> {
  const labels = new Map(regions.map(({ code, label }) => [code, label]));
  for (const row of rows) {
    yield [
      row.customerCode,
      row.customerName,
      labels.get(row.region),
      rupeesFromPaise(row.outstanding),
      row.invoiceNumber,
      rupeesFromPaise(row.invoiceAmount),
      { day: row.date },
      row.department,
    ];
  }
}
