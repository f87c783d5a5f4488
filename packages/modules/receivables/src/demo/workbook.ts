import { createWriteStream } from 'node:fs';
import { access, rename, rm } from 'node:fs/promises';
import { type DayNumber, isoDate, rupeesFromPaise } from '@backoffice/core';
import { type CellValue, type SheetColumn, writeWorkbook } from '@backoffice/spreadsheet';
import { regionLabels } from '../model.ts';
import type { DemoRow, DemoStatement } from './statements.ts';

const firmName = 'Sahyadri Construction Equipment Pvt Ltd';
const money = '#,##,##0.00';

/**
 * Writes a statement as the clerk's workbook, unless the file is there: a file of the same name has the same
 * content, and only an unchanged file is recognised when it is uploaded again.
 */
export async function writeStatement(
  path: string,
  statement: DemoStatement,
  rowsOf: (statement: DemoStatement) => DemoRow[],
  signal: AbortSignal,
): Promise<void> {
  if (await exists(path)) return;
  // Under another name until it is complete, so that a kill leaves no half of a file behind.
  const part = `${path}.part`;
  try {
    const sheet = { name: 'Outstanding', ...sheetOf(statement, rowsOf(statement)) };
    await writeWorkbook(createWriteStream(part, { signal }), [sheet]);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Titles, header, a row for each line, and the grand total, as cells. The first title is the first row. */
export function sheetOf(statement: DemoStatement, lines: readonly DemoRow[]) {
  const widths = [12, 44, 14, 18, 18, 16, 12, 16, ...(statement.withStatus ? [10] : [])];
  if (statement.withRemarks) widths.push(18);
  const columns = widths.map((width, index): SheetColumn => {
    const header = index === 0 ? firmName : '';
    return index === 3 || index === 5 ? { header, width, format: money } : { header, width };
  });
  return { columns, rows: cellRows(statement, lines) };
}

function* cellRows(statement: DemoStatement, lines: readonly DemoRow[]): Generator<CellValue[]> {
  const { asOf, withStatus, withRemarks } = statement;
  const [year, monthNumber, day] = isoDate(asOf).split('-');
  yield [`Party wise outstanding as on ${day}.${monthNumber}.${year}`];
  yield [];
  const header = ['Accode', 'Party Name', 'Region', `${monthName(asOf)}.Outstg.Amt`, 'Inv.No', 'Inv.Amt'];
  header.push('Inv.Date', 'Department');
  if (withStatus) header.push('Status');
  if (withRemarks) header.push('Remarks');
  yield header;
  let total = 0;
  for (const line of lines) {
    total += line.outstanding;
    const cells: CellValue[] = [
      line.code,
      line.name,
      regionLabels[line.region],
      rupeesFromPaise(line.outstanding),
      line.number,
      line.invoiceAmount === null ? null : rupeesFromPaise(line.invoiceAmount),
      { day: line.date },
      line.department,
    ];
    if (withStatus) cells.push(statusOf(line));
    if (withRemarks) cells.push(line.remark);
    yield cells;
  }
  yield ['Grand Total', null, null, rupeesFromPaise(total)];
}

/** The clerk writes it for every invoice: a blank cell would leave an earlier dispute as it was. */
function statusOf({ number, disputed }: DemoRow): string | null {
  if (number === null) return null;
  return disputed ? 'Dispute' : 'Unpaid';
}

function monthName(day: DayNumber): string {
  return new Date(day * 86_400_000).toLocaleString('en', { month: 'long', timeZone: 'UTC' });
}
