import { dayFromCivil } from '@backoffice/core';
import { type Cell, readWorkbook, type SheetRow } from '@backoffice/spreadsheet';
import {
  createSheetReader,
  type ParsedRow,
  type RejectedRow,
  type SheetReaderOptions,
  type SheetResult,
} from '../src/imports/sheet.ts';

export interface Read {
  rows: ParsedRow[];
  rejected: RejectedRow[];
  result: SheetResult;
}

const defaults = { month: '2025-07', asOf: dayFromCivil(2025, 7, 31)!, department: null };
type Options = Partial<Pick<SheetReaderOptions, 'month' | 'asOf' | 'department'>>;

/** A cell from what a test writes: text, a number, nothing, or the cell itself. */
export type Written = string | number | null | Cell;

export function cell(value: Written): Cell | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return { kind: 'text', text: value };
  return typeof value === 'number' ? { kind: 'number', value } : value;
}

/** Lines as rows 1, 2, 3 … of a sheet. */
export function sheetRows(lines: Written[][], hidden: number[] = []): SheetRow[] {
  return lines.map((line, i) => ({ row: i + 1, hidden: hidden.includes(i + 1), cells: line.map(cell) }));
}

/** Reads sheets as the reader gets them, each `{ name, lines }`; the file-less way. */
export function readSheets(
  sheets: { name: string; lines: Written[][]; visible?: boolean; hidden?: number[] }[],
  options: Options & { date1904?: boolean } = {},
): Read {
  const { date1904 = false, ...rest } = options;
  const { reader, read } = collecting(rest);
  sheets.forEach(({ name, lines, visible = true, hidden }, index) => {
    if (reader.onSheet({ name, index, visible, date1904 }) === 'skip') return;
    // In batches of two: what a reader remembers between batches is tested with it.
    const rows = sheetRows(lines, hidden);
    for (let at = 0; at < rows.length; at += 2) {
      if (reader.onRows(rows.slice(at, at + 2)) === 'enough') break;
    }
  });
  return { ...read, result: reader.finish() };
}

/** One sheet called `Statement`. */
export function readLines(lines: Written[][], options: Options & { date1904?: boolean } = {}): Read {
  return readSheets([{ name: 'Statement', lines }], options);
}

/** A workbook on disk. */
export async function readFileRows(path: string, options: Options = {}): Promise<Read> {
  const { reader, read } = collecting(options);
  await readWorkbook(path, { onSheet: reader.onSheet, onRows: reader.onRows });
  return { ...read, result: reader.finish() };
}

function collecting(options: Options) {
  const rows: ParsedRow[] = [];
  const rejected: RejectedRow[] = [];
  const reader = createSheetReader({
    ...defaults,
    ...options,
    onRow: (row) => rows.push(row),
    onRejected: (row) => rejected.push(row),
  });
  return { reader, read: { rows, rejected } };
}
