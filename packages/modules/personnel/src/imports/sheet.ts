import {
  columnsOf,
  createTableSearch,
  createWarningList,
  doubledColumns,
  headerChanged,
  isBlankRow,
  isHeader,
  normalHeader,
  type SheetRow,
  type TableSearch,
  type Warning,
} from '@backoffice/spreadsheet';
import { columnTitles, type RecordHeader, readHeader } from './columns.ts';
import type { RecordRowError } from './row-errors.ts';
import { isRejected, type ParsedRow, parseRow } from './rows.ts';

export interface SheetResult {
  /** The name of the sheet that was read. */
  sheet: string;
  warnings: Warning[];
  /** Data rows: accepted and rejected, without blank and header rows. */
  rowsRead: number;
}

export interface SheetReader extends Pick<TableSearch, 'onSheet' | 'onRows'> {
  /** After the last sheet. Throws NO_HEADER_ROW and NO_ROWS. */
  finish(): SheetResult;
}

/** Turns the sheets of a workbook into rows of records, as they stream by. Holds no rows. */
export function createSheetReader(
  onRow: (row: ParsedRow) => void,
  onRejected: (error: RecordRowError) => void,
): SheetReader {
  const warnings = createWarningList();
  let sheet = '';
  let header: RecordHeader | null = null;
  let rowsRead = 0;
  let hidden = 0;

  function adopt(next: RecordHeader, row: number): void {
    if (header) warnings.add(headerChanged(sheet, row));
    header = next;
    for (const warning of doubledColumns(sheet, row, next)) warnings.add(warning);
  }

  function readRow(row: SheetRow, current: RecordHeader): void {
    if (isBlankRow(row, current)) return;
    // A header would pass for a record: all its cells are texts.
    const repeated = isHeaderLike(row) ? readHeader(row.cells) : null;
    if (isHeader(repeated)) {
      const same = JSON.stringify(columnsOf(repeated)) === JSON.stringify(columnsOf(current));
      if (!same) adopt(repeated, row.row);
      return;
    }
    const parsed = parseRow(row, current, { sheet, row: row.row, index: rowsRead });
    rowsRead += 1;
    if (row.hidden) hidden += 1;
    if (isRejected(parsed)) onRejected(parsed);
    else onRow(parsed);
  }

  const search = createTableSearch({
    readHeader,
    onHeader(found, row, info) {
      sheet = info.name;
      adopt(found, row);
    },
    onRow: (row) => readRow(row, header!),
    titles: columnTitles,
  });

  return {
    onSheet: search.onSheet,
    onRows: search.onRows,
    finish() {
      search.finish({ rowsRead, hidden }, warnings);
      return { sheet, warnings: warnings.list(), rowsRead };
    },
  };
}

/** Whether it is worth comparing with header names: every header has a column for the rank. */
function isHeaderLike({ cells }: SheetRow): boolean {
  return cells.some(
    (cell) => cell?.kind === 'text' && cell.text.length < 60 && normalHeader(cell.text) === 'rank',
  );
}
