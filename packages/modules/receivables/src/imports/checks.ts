import type { Warning } from '@backoffice/spreadsheet';
import { keyOf } from '../model.ts';
import type { ParsedRow, RejectedRow } from './parsed.ts';
import type { RowErrorCode } from './row-errors.ts';
import { rowError } from './rows.ts';

export interface CheckedRows {
  /** In row order; `name` is the customer's last one. */
  accepted: ParsedRow[];
  /** Alike an accepted row in every recognised cell. */
  duplicates: ParsedRow[];
  rejected: RejectedRow[];
  warnings: Warning[];
}

/**
 * The checks across rows of one customer code (contract, decisions 18 and 19); `rows` are all accepted rows
 * of that code in row order. A row in another region than the customer's first row is refused; so is a
 * second row of an invoice number, except where it is alike in every recognised cell: that one is a
 * duplicate. Rows without a number are parts of the on-account amount and never duplicates. Of different
 * names the last of an accepted row wins, with a warning.
 */
export function checkCustomerRows(sheetName: string, rows: readonly ParsedRow[]): CheckedRows {
  const result: CheckedRows = { accepted: [], duplicates: [], rejected: [], warnings: [] };
  const first = rows[0];
  if (!first) return result;
  const byNumber = new Map<string, ParsedRow>();
  for (const row of rows) {
    if (row.region !== first.region) {
      const hint = `Row ${first.row} has ${first.cells.region?.value || first.region}.`;
      result.rejected.push(rejectRow(sheetName, row, 'region', 'CUSTOMER_IN_TWO_REGIONS', hint));
      continue;
    }
    const earlier = row.number === null ? undefined : byNumber.get(keyOf(row.number));
    if (!earlier) {
      result.accepted.push(row);
      if (row.number !== null) byNumber.set(keyOf(row.number), row);
    } else if (contentOf(row) === contentOf(earlier)) result.duplicates.push(row);
    else {
      const hint = `The first is row ${earlier.row}.`;
      result.rejected.push(rejectRow(sheetName, row, 'number', 'DUPLICATE_INVOICE', hint));
    }
  }
  nameOnce(result);
  return result;
}

/** The refusal of a row for which neither its date nor its age nor an earlier date is known (decision 10). */
export function rejectUndated(sheetName: string, row: ParsedRow): RejectedRow {
  return rejectRow(sheetName, row, 'date', 'DATE_OR_AGE_MISSING');
}

/** A row that was accepted so far, refused after all, with the cell that is to blame. */
export function rejectRow(
  sheetName: string,
  row: ParsedRow,
  cell: keyof ParsedRow['cells'],
  code: RowErrorCode,
  hint?: string,
): RejectedRow {
  return {
    error: rowError(sheetName, row.row, row.cells[cell] ?? null, code, hint),
    code: row.code,
    number: row.number,
    onAccount: row.number === null,
    department: row.department,
    region: row.region,
  };
}

/** Everything that the recognised cells of a row say, as one text. */
function contentOf(row: ParsedRow): string {
  const { row: _row, cells: _cells, ...content } = row;
  return JSON.stringify({ ...content, code: keyOf(row.code), number: row.number && keyOf(row.number) });
}

function nameOnce(result: CheckedRows): void {
  const named = result.accepted.filter((row) => row.name !== '');
  const last = named.at(-1);
  if (!last) return;
  const other = named.find((row) => keyOf(row.name) !== keyOf(last.name));
  if (other) {
    result.warnings.push({
      code: 'NAMES_DIFFER',
      message: `Customer ${last.code} has different names: "${other.name}" in row ${other.row} and "${last.name}" in row ${last.row}. The last one is used.`,
      count: 1,
      details: { code: last.code, row: other.row, lastRow: last.row },
    });
  }
  result.accepted = result.accepted.map((row) =>
    row.name === last.name ? row : { ...row, name: last.name },
  );
}
