import type { CellPlace } from '@backoffice/spreadsheet';
import type { Department, Region, RowError, StatementRow } from '../model.ts';

/** The cells that a check across rows, or against what is known, may have to name. */
export type NamedCell = 'region' | 'number' | 'date';

/**
 * A row that passed every check which needs no other row. Plain data: survives JSON. `cells.date` is the
 * date column, or the age column where there is no date column; a cell is absent where its column is.
 */
export interface ParsedRow extends StatementRow {
  cells: Partial<Record<NamedCell, CellPlace>>;
}

/** A refused row with what could still be read of it: decision 5 keeps the earlier line of such an invoice. */
export interface RejectedRow {
  error: RowError;
  code: string | null;
  /** Null when the cell is blank (`onAccount`) or can't be read. */
  number: string | null;
  onAccount: boolean;
  /** The row's own, else the one of the upload form; null as well when the cell can't be read. */
  department: Department | null;
  region: Region | null;
}
