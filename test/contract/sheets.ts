import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  addMonths,
  type DayNumber,
  dayInZone,
  financialYearOf,
  lastDayOf,
  type Month,
  monthNames,
  monthOfDay,
  wireMonth,
  wireYear,
} from '@backoffice/core';
import { type CellValue, writeWorkbook } from '@backoffice/spreadsheet';

export const zone = 'Asia/Kolkata';
export const today = (): DayNumber => dayInZone(new Date(), zone);
/** The running month, fixed for a test file: who starts at midnight of a month's last day is unlucky. */
export const running: Month = monthOfDay(today());
/** The financial year before the running one; its twelve months have all begun and ended. */
export const lastYear = financialYearOf(addMonths(running, -12));
/** The nth month of that year: 0 is April. */
export const monthAt = (nth: number): Month => addMonths(`${lastYear.slice(0, 4)}-04`, nth);
/** A day of a month: 1 is its first, -1 its last, 0 the last of the month before. */
export function dayOf(month: Month, nth: number): DayNumber {
  return nth < 0 ? lastDayOf(month) + 1 + nth : lastDayOf(addMonths(month, -1)) + nth;
}
export const wire = wireMonth;
/** The financial year of a month on the wire: `2025-2026`. */
export const yearOf = (month: Month) => wireYear(financialYearOf(month));

/** A row of a statement, in rupees; what is left out is a blank cell. */
export interface SheetRow {
  code: string | number;
  name?: string;
  region: string;
  amount: CellValue;
  number?: string | number;
  invoiceAmount?: CellValue;
  date?: CellValue;
  age?: string | number;
  status?: string;
  remark?: string;
  notes?: string;
  engineer?: string;
  department?: string;
}

const columns = [
  ...['Accode', 'Party Name', 'Region', '', 'Inv.No', 'Inv.Amt', 'Inv.Date', 'Age'],
  ...['Department', 'Status', 'Remarks', 'Notes', 'Assigned Engineer'],
];

/** The column's header as the real sheet has it: `July.Outstg.Amt`. */
export const outstandingHeader = (month: Month) => `${monthNames[Number(month.slice(5)) - 1]}.Outstg.Amt`;

/** A statement in header set A. Rows without date and age are 10 days old. */
export function statement(month: Month, rows: readonly SheetRow[]): Promise<Buffer> {
  const headers = columns.map((header) => header || outstandingHeader(month));
  const lines = rows.map((row): CellValue[] => {
    const aged = row.date !== undefined || row.age !== undefined;
    const { code, name = `Firm ${code}`, region, amount, number, invoiceAmount, date } = row;
    const age = aged ? row.age : 10;
    const { department, status, remark, notes, engineer } = row;
    return [
      ...[code, name, region, amount, number, invoiceAmount, date, age],
      ...[department, status, remark, notes, engineer],
    ];
  });
  return book(headers, lines);
}

export interface ExtraSheet {
  name: string;
  headers: string[];
  rows: CellValue[][];
}

/** A workbook with one sheet of these headers and rows, and more sheets behind it. */
export async function book(
  headers: string[],
  rows: Iterable<CellValue[]>,
  more: ExtraSheet[] = [],
): Promise<Buffer> {
  const stream = new PassThrough();
  const made = buffer(stream);
  const sheets = [{ name: 'Statement', headers, rows }, ...more].map((sheet) => ({
    name: sheet.name,
    columns: sheet.headers.map((header) => ({ header, width: 15 })),
    rows: sheet.rows,
  }));
  await writeWorkbook(stream, sheets);
  return made;
}

/** `count` open invoices of one customer code each, 100 rupees apiece. */
export function manyRows(count: number, region: string, prefix = 'M'): SheetRow[] {
  return Array.from({ length: count }, (_, index) => ({
    code: `${prefix}${index}`,
    region,
    number: `${prefix}-${index}`,
    amount: 100,
  }));
}
