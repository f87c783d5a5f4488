import { CodedError } from '@backoffice/core';
import {
  type Cell,
  type CellPlace,
  cellText,
  cleanText,
  hasExponent,
  hasLostDigits,
  isProblem,
  isScientific,
  numberText,
  placeOf,
  readWithTwins,
  type SheetRow,
  withoutGuards,
  withoutInvisible,
} from '@backoffice/spreadsheet';
import { readFields } from '../fields.ts';
import { armyKey, type PersonnelFields, type Status, statuses } from '../model.ts';
import { type ColumnName, optionalColumns, type RecordColumn, type RecordHeader } from './columns.ts';
import {
  type CellProblem,
  type Reading,
  type RecordRowError,
  type RowPlace,
  rowError,
  rowErrorTexts,
} from './row-errors.ts';

/** What a row says of a record: optional fields are absent where their columns are. */
export type RowFields = Omit<PersonnelFields, 'middle_name' | 'location' | 'remark'> &
  Partial<Pick<PersonnelFields, 'middle_name' | 'location' | 'remark'>>;

/** A row that passed every check which needs no other row. Plain data: survives JSON. */
export interface ParsedRow {
  row: number;
  /** Among the data rows, from 0. */
  index: number;
  key: string;
  fields: RowFields;
  /** Null: not said. */
  status: Status | null;
  /** The army number's cell, for errors that are found later. */
  place: CellPlace;
}

/** Digits, with nothing but signs between them. */
const digitColumns: readonly ColumnName[] = ['phone_number', 'bank.sort_code', 'acct_number'];

type Fault = { column: RecordColumn; problem: CellProblem; hint?: string };

/** Reads one row that is neither blank nor a header. The first fault from left to right counts. */
export function parseRow(row: SheetRow, header: RecordHeader, at: RowPlace): ParsedRow | RecordRowError {
  const given: Partial<Record<ColumnName, string>> = {};
  const faults: Fault[] = [];
  for (const column of header.columns) {
    const reading = readWithTwins<string, CellProblem>(
      row,
      column,
      readerOf(column.name),
      'COLUMNS_DISAGREE',
    );
    if (isProblem(reading)) faults.push({ column, ...reading });
    else given[column.name] = reading.value;
  }
  const status = given.status === undefined ? '' : cleanText(given.status).toLowerCase();
  const known = statuses.find((each) => each === status);
  if (status !== '' && known === undefined) {
    faults.push({ column: header.byName.status!, problem: 'STATUS_UNKNOWN' });
  }
  if (faults.length > 0) {
    const first = faults.reduce((a, b) => (b.column.index < a.column.index ? b : a));
    const text = rowErrorTexts[first.problem];
    const message = first.hint === undefined ? text : `${text} ${first.hint}`;
    return rowError(at, placeOf(row, first.column), first.problem, message);
  }
  const place = placeOf(row, header.byName.army_number!);
  try {
    const fields = fieldsOf(given);
    const { row: number, index } = at;
    return { row: number, index, key: armyKey(fields.army_number), fields, status: known ?? null, place };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const column = header.byName[error.details?.field as ColumnName];
    return rowError(at, column ? placeOf(row, column) : place, 'FIELD_INVALID', error.message);
  }
}

export function isRejected(row: ParsedRow | RecordRowError): row is RecordRowError {
  return 'code' in row;
}

/** By the rules of every other way in. INVALID_REQUEST that names the field. */
function fieldsOf(given: Partial<Record<ColumnName, string>>): RowFields {
  const { 'bank.name': name, 'bank.sort_code': sort_code, status: _status, ...texts } = given;
  const blank = optionalColumns.filter((column) => given[column] === '').map((column) => [column, null]);
  const fields = readFields({ ...texts, bank: { name, sort_code }, ...Object.fromEntries(blank) });
  const absent = optionalColumns.filter((column) => given[column] === undefined);
  const kept = Object.entries(fields).filter(([field]) => !(absent as string[]).includes(field));
  return Object.fromEntries(kept) as unknown as RowFields;
}

/** The text of a cell, without marks that nobody sees and without what an export put in front of it. */
function tidy(text: string): string {
  return withoutGuards(withoutInvisible(text)).replace(/\r\n?/g, '\n').trim();
}

function readPlain(cell: Cell | undefined): Reading<string> {
  if (cell?.kind === 'error') return { problem: 'CELL_ERROR' };
  if (cell?.kind === 'formula') return { problem: 'FORMULA_WITHOUT_VALUE' };
  return { value: tidy(cellText(cell)) };
}

function readerOf(name: ColumnName): (cell: Cell | undefined) => Reading<string> {
  // An army number may have an E among its digits: there only what a spreadsheet program shows is a lost number.
  if (name === 'army_number') return (cell) => readNumber(cell, isScientific);
  return digitColumns.includes(name) ? (cell) => readNumber(cell, hasExponent) : readPlain;
}

/**
 * A number that is a name for something: leading zeros count. A text is taken as it is. Of a number cell the zeros
 * are gone but for those that its format shows, and of one of more than 15 digits, or in scientific form, others too.
 */
function readNumber(cell: Cell | undefined, isLost: (text: string) => boolean): Reading<string> {
  switch (cell?.kind) {
    case 'text': {
      const value = tidy(cell.text);
      return isLost(value) ? { problem: 'NUMBER_LOST_DIGITS' } : { value };
    }
    case 'number':
      if (hasLostDigits(cell.value)) return { problem: 'NUMBER_LOST_DIGITS' };
      return Number.isInteger(cell.value) && cell.value >= 0
        ? { value: numberText(cell.value).padStart(cell.digits ?? 0, '0') }
        : { problem: 'NUMBER_NOT_WHOLE' };
    case 'date':
      return { problem: 'NUMBER_IS_DATE' };
    case 'boolean':
      return { problem: 'TEXT_INVALID' };
    default:
      return readPlain(cell);
  }
}
