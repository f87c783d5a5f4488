import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { DayNumber } from '@backoffice/core';
import type exceljs from 'exceljs';
import { inertText, sheetName } from './inert.ts';

/** A calendar day in a cell: it becomes a real date, without a time or zone. */
export interface DayValue {
  day: DayNumber;
}

/** Null and undefined leave the cell blank. */
export type CellValue = string | number | boolean | DayValue | null | undefined;

export interface SheetColumn {
  header: string;
  /** In characters. */
  width: number;
  /**
   * Number format of its numbers and days, `#,##0.00`; days are `dd/mm/yyyy` without one. `@` is that of the whole
   * column, also of what is entered later: text, whose leading zeros stay.
   */
  format?: string;
}

export interface SheetContent {
  /** Cut and cleaned to what Excel takes as a sheet's name. */
  name: string;
  columns: SheetColumn[];
  rows: Iterable<CellValue[]> | AsyncIterable<CellValue[]>;
}

const DAY_FORMAT = 'dd/mm/yyyy';
const asText = '@';
/** Serial of 1970-01-01 in the 1900 system. */
const EPOCH = 25_569;
/** Rows between two looks at whether the target keeps up. */
const PACE = 200;

/**
 * Writes a workbook to a stream, row by row, as fast as the target takes it. Every text is inert (see
 * `inertText`); numbers stay numbers. The header is bold and stays in sight. Resolves when the target has
 * everything; when the rows or the target fail, the target is destroyed and the error comes out.
 */
export async function writeWorkbook(
  target: Writable,
  sheets: Iterable<SheetContent> | AsyncIterable<SheetContent>,
): Promise<void> {
  const taken = finished(target, { readable: false });
  taken.catch(() => undefined);
  // The archive would hold a megabyte back before it lets anybody wait.
  const zip = { zlib: { level: 6 }, highWaterMark: 64 * 1024 };
  try {
    // A tenth of what a process loads at its start; most of them never write a workbook.
    const { stream } = (await import('exceljs')).default;
    const workbook = new stream.xlsx.WorkbookWriter({ stream: target, useStyles: true, zip });
    for await (const sheet of sheets) await writeSheet(workbook, sheet, taken);
    await Promise.race([workbook.commit(), failureOf(taken)]);
    await taken;
  } catch (error) {
    target.destroy(error as Error);
    throw error;
  }
}

async function writeSheet(
  workbook: exceljs.stream.xlsx.WorkbookWriter,
  { name, columns, rows }: SheetContent,
  taken: Promise<void>,
): Promise<void> {
  const sheet = workbook.addWorksheet(sheetName(name), { views: [{ state: 'frozen', ySplit: 1 }] });
  sheet.columns = columns.map(({ width, format }) => ({
    width,
    ...(format === asText ? { style: { numFmt: asText } } : {}),
  }));
  const header = sheet.addRow(columns.map((column) => plainValue(column.header)));
  const bold = { font: { bold: true, name: 'Calibri', size: 11 } };
  header.eachCell((cell) => {
    cell.style = bold;
  });
  header.commit();

  const styles = columns.map(({ format }) => (format ? { numFmt: format } : undefined));
  const dayStyle = { numFmt: DAY_FORMAT };
  let count = 0;
  for await (const values of rows) {
    const row = sheet.addRow(values.map(plainValue));
    values.forEach((value, i) => {
      const style = isDay(value)
        ? (styles[i] ?? dayStyle)
        : typeof value === 'number' || columns[i]?.format === asText
          ? styles[i]
          : undefined;
      if (style) row.getCell(i + 1).style = style;
    });
    row.commit();
    count += 1;
    if (count % PACE === 0) await keepPace(sheet, taken);
  }
  sheet.commit();
}

function isDay(value: CellValue): value is DayValue {
  return typeof value === 'object' && value !== null;
}

function plainValue(value: CellValue): exceljs.CellValue {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'boolean') return value;
  // exceljs writes a bare text as the result of a formula, whose outer blanks other programs drop; a rich
  // one becomes an inline string.
  if (typeof value === 'string') return { richText: [{ text: inertText(value) }] };
  const number = typeof value === 'number' ? value : value.day + EPOCH;
  if (!Number.isFinite(number)) throw new RangeError(`a cell can't hold ${number}`);
  return number;
}

/**
 * exceljs writes on without looking whether anybody takes it. What it has written and the archive has not
 * taken yet lies in the one stream that its sheet pipes to: an old kind of stream, which shows whether it
 * wants a pause only in its state.
 */
async function keepPace(sheet: exceljs.Worksheet, taken: Promise<void>): Promise<void> {
  const { pipes } = (sheet as unknown as { stream: { pipes?: PacedStream[] } }).stream;
  const archive = pipes?.[0];
  if (archive?._writableState?.needDrain) await Promise.race([once(archive, 'drain'), failureOf(taken)]);
}

type PacedStream = Writable & { _writableState?: { needDrain?: boolean } };

/** Never resolves; rejects when the target fails. */
function failureOf(taken: Promise<void>): Promise<never> {
  return taken.then(() => new Promise<never>(() => undefined));
}
