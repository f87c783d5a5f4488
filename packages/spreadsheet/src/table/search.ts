import { CodedError } from '@backoffice/core';
import type { Cell, SheetInfo, SheetRow } from '../cells.ts';
import { type Column, type Header, isHeader, type NearHeader } from './headers.ts';
import { hiddenRows, otherSheetsFit, type WarningList } from './warnings.ts';

/** A header must stand among the first rows of its sheet. */
const HEADER_ROWS = 50;

export interface TableHandlers<N extends string, H extends Header<N>> {
  readHeader: (cells: readonly (Cell | undefined)[]) => H | NearHeader<N> | null;
  /** The header of the one sheet that is read. */
  onHeader: (header: H, row: number, info: SheetInfo) => void;
  /** Each filled row below it, in order; headers that are repeated are among them. */
  onRow: (row: SheetRow) => void;
  /** What a column that is missing is called, for whoever is to add it. */
  titles: Readonly<Partial<Record<N, string>>>;
}

/** What was read of the table: rows of data, and how many of them the sheet hides. */
export interface RowsRead {
  rowsRead: number;
  hidden: number;
}

export interface TableSearch {
  /** For each sheet in workbook order; hidden ones are skipped. */
  onSheet(info: SheetInfo): 'read' | 'skip';
  /** Rows of the sheet named last, in order; `enough` when the rest of the sheet is of no interest. */
  onRows(rows: SheetRow[]): 'enough' | undefined;
  /** After the last sheet: what was left aside becomes warnings. Throws NO_HEADER_ROW and NO_ROWS. */
  finish(read: RowsRead, warnings: Pick<WarningList, 'add'>): void;
}

/**
 * Finds the table in a workbook while its sheets stream by: the first visible sheet with a recognised header is
 * read to its end, the others are only searched for a header. Holds no rows.
 */
export function createTableSearch<N extends string, H extends Header<N>>({
  readHeader,
  onHeader,
  onRow,
  titles,
}: TableHandlers<N, H>): TableSearch {
  const otherSheets: string[] = [];
  const hiddenSheets: string[] = [];
  let info: SheetInfo = { name: '', index: 0, visible: true, date1904: false };
  /** Of the sheet named last: not looked at any more, searched for a header, or the one that is read. */
  let state: 'done' | 'search' | 'read' = 'done';
  /** The sheet that is read. */
  let found: string | null = null;
  let near: (NearHeader<N> & { sheet: string; row: number }) | null = null;

  function search(row: SheetRow): H | null {
    const read = readHeader(row.cells);
    if (isHeader<N, H>(read)) return read;
    if (read && (!near || read.found.length > near.found.length)) {
      near = { ...read, sheet: info.name, row: row.row };
    }
    return null;
  }

  return {
    onSheet(next) {
      info = next;
      if (!info.visible) hiddenSheets.push(info.name);
      state = info.visible ? 'search' : 'done';
      return info.visible ? 'read' : 'skip';
    },
    onRows(rows) {
      for (const row of rows) {
        if (state === 'read') {
          onRow(row);
          continue;
        }
        if (state === 'done' || row.row > HEADER_ROWS) return 'enough';
        const header = search(row);
        if (header && found !== null) {
          otherSheets.push(info.name);
          state = 'done';
        } else if (header) {
          found = info.name;
          onHeader(header, row.row, info);
          state = 'read';
        }
      }
      return state === 'done' ? 'enough' : undefined;
    },
    finish({ rowsRead, hidden }, warnings) {
      if (found === null) throw noHeader(near, hiddenSheets, titles);
      if (rowsRead === 0) throw noRows(found);
      if (otherSheets.length > 0) warnings.add(otherSheetsFit(found, otherSheets));
      if (hidden > 0) warnings.add(hiddenRows(hidden));
    },
  };
}

/** NO_HEADER_ROW with the row that came nearest, or the sheets that are hidden, so that it is found at once. */
function noHeader<N extends string>(
  near: (NearHeader<N> & { sheet: string; row: number }) | null,
  hiddenSheets: readonly string[],
  titles: Readonly<Partial<Record<N, string>>>,
): CodedError {
  if (!near && hiddenSheets.length > 0) {
    const names = hiddenSheets.slice(0, 5).map((name) => `"${name}"`);
    return new CodedError(
      'NO_HEADER_ROW',
      `No visible sheet has a row with the expected column names. Hidden sheets are not read: ${names.join(', ')}. Unhide the right one, save, and upload again.`,
      { hiddenSheets: hiddenSheets.slice(0, 5) },
    );
  }
  if (!near) return new CodedError('NO_HEADER_ROW');
  const missing = near.missing.map((name) => titles[name]).join(' and ');
  return new CodedError(
    'NO_HEADER_ROW',
    `Row ${near.row} of sheet "${near.sheet}" looks like the header (${near.found.join(', ')}), but has no column for ${missing}.`,
    { sheet: near.sheet, row: near.row, missing: near.missing },
  );
}

function noRows(sheet: string): CodedError {
  const message = `There is no data row below the header of sheet "${sheet}".`;
  return new CodedError('NO_ROWS', message, { sheet });
}

/** Which columns a header has and where: the same again is only a repetition. */
export function columnsOf<N extends string>({ columns }: Header<N>): (string | number)[][] {
  return columns.map(({ name, index, twins }: Column<N>) => [
    name,
    index,
    ...twins.map((twin) => twin.index),
  ]);
}
