import { CodedError, type DayNumber, type Month } from '@backoffice/core';
import { days1904, type SheetInfo, type SheetRow } from '@backoffice/spreadsheet';
import type { Department } from '../model.ts';
import { type Header, isHeader, isMonth, type NearHeader, readHeader } from './columns.ts';
import type { ParsedRow, RejectedRow } from './parsed.ts';
import { columnBlank, isBlankRow, isTotalRow } from './row-kinds.ts';
import { isRejected, parseRow, type RowContext } from './rows.ts';
import {
  createNotices,
  doubledColumns,
  headerChanged,
  hiddenRows,
  noHeader,
  noNumberColumn,
  otherSheetsFit,
  sameHeader,
  totalWithCode,
} from './sheet-warnings.ts';
import { createWarningList, type Warning } from './warnings.ts';

export { checkCustomerRows, rejectRow, rejectUndated } from './checks.ts';
export type { CellPlace, ParsedRow, RejectedRow } from './parsed.ts';
export { mergeWarnings, type Warning } from './warnings.ts';

/** A header must stand among the first rows of its sheet (contract, decision 17). */
const HEADER_ROWS = 50;

export interface SheetReaderOptions {
  /** The statement's month: decides between outstanding columns of several months. */
  month: Month;
  /** The statement's as-of day: later invoice dates are worth a warning. */
  asOf: DayNumber;
  /** Of the upload form: fills blank department cells. */
  department: Department | null;
  onRow(row: ParsedRow): void;
  onRejected(row: RejectedRow): void;
}

export interface SheetResult {
  /** The name of the sheet that was read. */
  sheet: string;
  /** 1–12 as the outstanding column's header names it, null when it names none. Where several headers of the sheet differ, the one that is not the chosen month. */
  headerMonth: number | null;
  /** The year beside it, where the header has one. */
  headerYear: number | null;
  /** That header's text. */
  headerText: string;
  warnings: Warning[];
  /** Data rows: accepted and rejected, without blank, header and total rows. */
  rowsRead: number;
  /** Whether an accepted row has an invoice date of its own. */
  dated: boolean;
}

export interface SheetReader {
  /** For each sheet in workbook order; hidden ones are skipped. */
  onSheet(info: SheetInfo): 'read' | 'skip';
  /** Rows of the sheet named last, in order; `enough` when the rest of the sheet is of no interest. */
  onRows(rows: SheetRow[]): 'enough' | undefined;
  /** After the last sheet. Throws NO_HEADER_ROW and NO_ROWS. */
  finish(): SheetResult;
}

/**
 * Turns the sheets of a workbook into statement rows, as they stream by: the first visible sheet with a
 * recognised header is read to its end, the others are only searched for a header. Holds no rows.
 */
export function createSheetReader(options: SheetReaderOptions): SheetReader {
  const { month, department, asOf } = options;
  const warnings = createWarningList();
  const notices = createNotices();
  const otherSheets: string[] = [];
  const hiddenSheets: string[] = [];
  let sheet = '';
  let date1904 = false;
  /** Of the sheet named last: not looked at any more, searched for a header, or the one that is read. */
  let state: 'done' | 'search' | 'read' = 'done';
  let context: RowContext | null = null;
  /** The outstanding column that speaks for the month of the whole sheet. */
  let monthOf: Header | null = null;
  let near: (NearHeader & { sheet: string; row: number }) | null = null;
  let rowsRead = 0;
  let hidden = 0;
  let dated = false;

  function search(row: SheetRow): Header | null {
    const read = readHeader(row.cells, month);
    if (isHeader(read)) return read;
    if (read && (!near || read.found.length > near.found.length)) near = { ...read, sheet, row: row.row };
    return null;
  }

  function adopt(header: Header, row: number): void {
    if (context) warnings.add(headerChanged(sheet, row));
    context = { sheet, header, department, asOf, notices };
    const misfit = monthOf?.month && !isMonth(monthOf.month, month);
    if (!monthOf || (!misfit && header.month)) monthOf = header;
    for (const warning of doubledColumns(sheet, row, header)) warnings.add(warning);
  }

  function readRow(row: SheetRow, current: RowContext): void {
    const { header } = current;
    if (isBlankRow(row, header)) return;
    if (isTotalRow(row, header)) {
      // Skipped by its name alone; with a code and a number it may be an invoice of someone called so.
      const invoice = !columnBlank(row, header, 'code') && !columnBlank(row, header, 'number');
      if (invoice) warnings.add(totalWithCode(sheet, row.row));
      return;
    }
    const parsed = parseRow(date1904 ? withDates1904(row, header) : row, current);
    // Only a row that fails can be a repeated header: good rows need not be compared with header names.
    const repeated = isRejected(parsed) ? readHeader(row.cells, month) : null;
    if (isHeader(repeated)) {
      notices.drop();
      if (!sameHeader(repeated, header)) adopt(repeated, row.row);
      return;
    }
    notices.keep();
    rowsRead += 1;
    if (row.hidden) hidden += 1;
    if (isRejected(parsed)) options.onRejected(parsed);
    else {
      dated ||= parsed.date !== null;
      options.onRow(parsed);
    }
  }

  return {
    onSheet(info) {
      sheet = info.name;
      date1904 = info.date1904;
      if (!info.visible) hiddenSheets.push(info.name);
      state = info.visible ? 'search' : 'done';
      return info.visible ? 'read' : 'skip';
    },
    onRows(rows) {
      for (const row of rows) {
        if (state === 'read') {
          readRow(row, context!);
          continue;
        }
        if (state === 'done' || row.row > HEADER_ROWS) return 'enough';
        const header = search(row);
        if (header && context) {
          otherSheets.push(sheet);
          state = 'done';
        } else if (header) {
          adopt(header, row.row);
          state = 'read';
        }
      }
      return state === 'done' ? 'enough' : undefined;
    },
    finish() {
      if (!context || !monthOf) throw noHeader(near, hiddenSheets);
      const { sheet: name, header } = context;
      if (rowsRead === 0) {
        const message = `There is no data row below the header of sheet "${name}".`;
        throw new CodedError('NO_ROWS', message, { sheet: name });
      }
      if (otherSheets.length > 0) warnings.add(otherSheetsFit(name, otherSheets));
      if (hidden > 0) warnings.add(hiddenRows(hidden));
      if (!header.byName.number) warnings.add(noNumberColumn(name));
      for (const warning of notices.warnings(asOf)) warnings.add(warning);
      return {
        sheet: name,
        headerMonth: monthOf.month?.month ?? null,
        headerYear: monthOf.month?.year ?? null,
        headerText: monthOf.byName.outstanding!.header,
        warnings: warnings.list(),
        rowsRead,
        dated,
      };
    },
  };
}

/** Dates that nobody formatted as such are plain numbers, and in a file of the 1904 system four years early. */
function withDates1904(row: SheetRow, { byName }: Header): SheetRow {
  const cells = [...row.cells];
  for (const column of byName.date ? [byName.date, ...byName.date.twins] : []) {
    const cell = cells[column.index];
    if (cell?.kind === 'number') cells[column.index] = { kind: 'date', value: cell.value + days1904 };
  }
  return { ...row, cells };
}
