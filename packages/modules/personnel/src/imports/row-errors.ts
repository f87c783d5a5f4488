import type { RowError } from '@backoffice/platform';
import type { CellPlace, Reading as SheetReading } from '@backoffice/spreadsheet';

/** Why a row is refused. Codes are stable; each text names what to do. */
export const rowErrorTexts = {
  NUMBER_LOST_DIGITS:
    'The spreadsheet program has dropped digits of this number. Format the column as text and enter it again.',
  NUMBER_NOT_WHOLE:
    'This is not a whole number, so zeros or digits may be missing. Format the column as text and enter it again.',
  NUMBER_IS_DATE:
    'The spreadsheet program has turned this into a date. Format the column as text and enter it again.',
  TEXT_INVALID: 'The cell holds TRUE or FALSE where a text or number belongs. Correct it.',
  STATUS_UNKNOWN:
    'This is not a status. Use active, inactive, awol, death, rtu, posted or cse, or leave the cell blank.',
  CELL_ERROR: 'The cell shows an error. Correct its formula, or enter the value itself.',
  FORMULA_WITHOUT_VALUE:
    'The formula has no stored value. Open the workbook in a spreadsheet program, save it and upload it again.',
  COLUMNS_DISAGREE: 'Two columns with the same meaning hold different values. Delete one of them.',
} as const;

/** Beside those: what does not fit the field, a number that stands already, and one that is in the file twice. */
export type RowErrorCode = keyof typeof rowErrorTexts | 'FIELD_INVALID' | 'NUMBER_EXISTS' | 'NUMBER_TWICE';
export type CellProblem = keyof typeof rowErrorTexts;
export type Reading<T> = SheetReading<T, CellProblem>;

/** A refused row. `index`: its place among the data rows, from 0, as a list that is uploaded counts. */
export interface RecordRowError extends RowError {
  index: number;
  code: RowErrorCode;
}

export interface RowPlace {
  sheet: string;
  row: number;
  index: number;
}

export function rowError(
  at: RowPlace,
  place: CellPlace,
  code: RowErrorCode,
  message: string,
): RecordRowError {
  const { sheet, row, index } = at;
  const { column, cell, value } = place;
  return { sheet, row, column, cell, code, message, value, index };
}

/** In the words of the contract. */
export const existsAlready = (armyNumber: string) =>
  `Personnel with army_number ${armyNumber} already exists`;
