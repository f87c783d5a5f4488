import type { DayNumber, Month } from '@backoffice/core';
import {
  columnBlank,
  createTableSearch,
  createWarningList,
  days1904,
  headerChanged,
  isBlankRow,
  isHeader,
  type SheetRow,
  type TableSearch,
  type Warning,
} from '@backoffice/spreadsheet';
import type { Department } from '../model.ts';
import { type Header, isMonth, readHeader } from './columns.ts';
import type { ParsedRow, RejectedRow } from './parsed.ts';
import { isTotalRow } from './row-kinds.ts';
import { isRejected, parseRow, type RowContext } from './rows.ts';
import {
  columnTitles,
  createNotices,
  doubledColumns,
  noNumberColumn,
  sameHeader,
  totalWithCode,
} from './sheet-warnings.ts';

export { checkCustomerRows, rejectRow, rejectUndated } from './checks.ts';
export type { ParsedRow, RejectedRow } from './parsed.ts';

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

export interface SheetReader extends Pick<TableSearch, 'onSheet' | 'onRows'> {
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
  let sheet = '';
  let date1904 = false;
  let context: RowContext | null = null;
  /** The outstanding column that speaks for the month of the whole sheet. */
  let monthOf: Header | null = null;
  let rowsRead = 0;
  let hidden = 0;
  let dated = false;

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

  const search = createTableSearch({
    readHeader: (cells) => readHeader(cells, month),
    onHeader(header, row, info) {
      sheet = info.name;
      date1904 = info.date1904;
      adopt(header, row);
    },
    onRow: (row) => readRow(row, context!),
    titles: columnTitles,
  });

  return {
    onSheet: search.onSheet,
    onRows: search.onRows,
    finish() {
      search.finish({ rowsRead, hidden }, warnings);
      const { sheet: name, header } = context!;
      const { month: named, byName } = monthOf!;
      if (!header.byName.number) warnings.add(noNumberColumn(name));
      for (const warning of notices.warnings(asOf)) warnings.add(warning);
      return {
        sheet: name,
        headerMonth: named?.month ?? null,
        headerYear: named?.year ?? null,
        headerText: byName.outstanding!.header,
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
