import type { DayNumber, Paise } from '@backoffice/core';
import { type Cell, cellReference, type SheetRow } from '@backoffice/spreadsheet';
import {
  type Department,
  departments,
  type InvoiceStatus,
  invoiceStatuses,
  type Region,
  type Remark,
  type RowError,
  regionLabels,
  remarks,
} from '../model.ts';
import { readAmount } from './amounts.ts';
import type { Column, ColumnName, Header } from './columns.ts';
import { type Age, readAge, readDate } from './dates.ts';
import type { CellPlace, NamedCell, ParsedRow, RejectedRow } from './parsed.ts';
import { isProblem, type Reading, type RowErrorCode, rowErrorTexts } from './row-errors.ts';
import type { Notices } from './sheet-warnings.ts';
import {
  cellText,
  cleanText,
  isBlank,
  isDash,
  readIdentifier,
  readName,
  readNotes,
  shownText,
} from './texts.ts';

interface Fields {
  code: string | null;
  name: string;
  region: Region | null;
  outstanding: Paise | null;
  number: string | null;
  invoiceAmount: Paise | null;
  date: DayNumber | null;
  age: Age | null;
  status: InvoiceStatus | null;
  remark: Remark | null;
  notes: string | null;
  engineer: string;
  department: Department | null;
}

/** What is compared when a cell holds one of a few words: case, spaces, hyphens and underscores don't count. */
function word(text: string): string {
  return cleanText(text)
    .toLowerCase()
    .replace(/[\s_\-\u2010-\u2015]/g, '');
}

const regionsByWord = new Map<string, Region>([
  ...Object.entries(regionLabels).flatMap(([code, label]): [string, Region][] => [
    [code, code as Region],
    [label.toLowerCase(), code as Region],
  ]),
  ['bengaluru', 'banglore'],
]);
const departmentsByWord = new Map(departments.map((value) => [word(value), value]));
const statusesByWord = new Map(invoiceStatuses.map((value) => [word(value), value]));
const remarksByWord = new Map(remarks.map((value) => [word(value), value]));

const readers: { [K in ColumnName]: (cell: Cell | undefined) => Reading<Fields[K]> } = {
  code: readIdentifier,
  name: readName,
  region: (cell) => oneOf(cell, 'REGION_UNKNOWN', (text) => regionsByWord.get(text.toLowerCase())),
  outstanding: readAmount,
  number: readIdentifier,
  invoiceAmount: readAmount,
  date: readDate,
  age: readAge,
  status: (cell) => oneOf(cell, 'STATUS_UNKNOWN', (text) => statusesByWord.get(word(text))),
  // A remark is a help for people: an unknown one is left out with a warning, not worth refusing an invoice.
  remark: (cell) => oneOf(cell, null, (text) => remarksByWord.get(word(text))),
  notes: readNotes,
  engineer: readName,
  department: (cell) => oneOf(cell, 'DEPARTMENT_UNKNOWN', (text) => departmentsByWord.get(word(text))),
};

function oneOf<T>(
  cell: Cell | undefined,
  unknown: RowErrorCode | null,
  find: (text: string) => T | undefined,
): Reading<T | null> {
  if (cell === undefined) return { value: null };
  const text = readName(cell);
  if (isProblem(text)) return text;
  if (text.value === '') return { value: null };
  const found = find(text.value);
  if (found !== undefined) return { value: found };
  return unknown === null ? { value: null } : { problem: unknown };
}

export interface RowContext {
  sheet: string;
  header: Header;
  /** Of the upload form: fills blank department cells. */
  department: Department | null;
  /** The statement's as-of day: dates after it are noted. */
  asOf: DayNumber;
  notices: Notices;
}

/** Whether nothing stands in the columns that have a meaning. */
export function isBlankRow(row: SheetRow, header: Header): boolean {
  return header.columns.every(
    (column) =>
      isBlank(row.cells[column.index]) && column.twins.every((twin) => isBlank(row.cells[twin.index])),
  );
}

const TOTAL = /^(?:grand|sub|net)?totals?$/;

/**
 * Whether a row is a total: `Total` or `Grand Total` as code or name (case, spaces, colons and the like don't
 * count), or such a text, also with the region before it (`Pune Total`), as the region of a row without both.
 */
export function isTotalRow(row: SheetRow, header: Header): boolean {
  const text = (name: ColumnName) => {
    const column = header.byName[name];
    const cell = column && row.cells[column.index];
    return cell?.kind === 'text' && cell.text.length < 60 && /total/i.test(cell.text) ? cell.text : '';
  };
  const isTotal = (value: string) => TOTAL.test(value.toLowerCase().replace(/[\s\p{P}\p{S}\p{Cf}]/gu, ''));
  if (isTotal(text('code')) || isTotal(text('name'))) return true;
  const region = cleanText(text('region'));
  if (region === '' || !columnBlank(row, header, 'code') || !columnBlank(row, header, 'name')) return false;
  const before = region.replace(/ *total:?$/i, '').toLowerCase();
  return isTotal(region) || regionsByWord.has(before);
}

/** Whether the column is not there or its cell is blank. */
export function columnBlank(row: SheetRow, header: Header, name: ColumnName): boolean {
  const column = header.byName[name];
  return !column || isBlank(row.cells[column.index]);
}

type Fault = { column: Column; problem: RowErrorCode; hint?: string };

/** Reads one row that is neither blank nor a header nor a total. The first fault from left to right counts. */
export function parseRow(row: SheetRow, context: RowContext): ParsedRow | RejectedRow {
  const { header } = context;
  const fields: Fields = { ...blankFields };
  const faults: Fault[] = [];
  for (const column of header.columns) readColumn(column.name);

  function readColumn<K extends ColumnName>(name: K): void {
    const column = header.byName[name]!;
    const reading = readWithTwins(row, column, readers[name]);
    if (isProblem(reading)) faults.push({ column, ...reading });
    else fields[name] = reading.value;
    if (name === 'remark' && fields.remark === null && !isBlank(row.cells[column.index])) {
      if (!isDash(cleanText(cellText(row.cells[column.index]))))
        context.notices.note('remark', place(row, column));
    }
  }

  for (const [name, problem] of required) {
    const column = header.byName[name]!;
    if (fields[name] === null && !faults.some((fault) => fault.column === column))
      faults.push({ column, problem });
  }
  // Age counts only where there is no date. A formula that counts days from a future date or from a text
  // gives -3 or #VALUE!: with a good date beside it that is no reason to refuse the invoice.
  const ageFault = faults.findIndex((fault) => fault.column.name === 'age');
  if (ageFault >= 0 && fields.date !== null) {
    context.notices.note('age', place(row, faults[ageFault]!.column));
    faults.splice(ageFault, 1);
  }
  if (fields.date !== null && fields.date > context.asOf) {
    context.notices.note('future', place(row, header.byName.date!));
  }

  const departmentRead = !faults.some((fault) => fault.column.name === 'department');
  const department = departmentRead ? (fields.department ?? context.department) : null;
  if (faults.length > 0) {
    const first = faults.reduce((a, b) => (b.column.index < a.column.index ? b : a));
    const numberRead = !faults.some((fault) => fault.column.name === 'number');
    return {
      error: rowError(context.sheet, row.row, place(row, first.column), first.problem, first.hint),
      code: fields.code,
      number: fields.number,
      onAccount: numberRead && fields.number === null,
      department,
      region: fields.region,
    };
  }
  return {
    row: row.row,
    code: fields.code!,
    name: fields.name,
    region: fields.region!,
    department,
    number: fields.number,
    outstanding: fields.outstanding!,
    invoiceAmount: fields.invoiceAmount,
    date: fields.date,
    age: fields.age,
    status: fields.status,
    remark: fields.remark,
    notes: fields.notes,
    engineer: fields.engineer === '' ? null : fields.engineer,
    cells: namedCells(row, header),
  };
}

export function isRejected(row: ParsedRow | RejectedRow): row is RejectedRow {
  return 'error' in row;
}

/** The error of a row: `place` names the cell, null the whole row; `hint` is added to the code's text. */
export function rowError(
  sheet: string,
  row: number,
  place: CellPlace | null,
  code: RowErrorCode,
  hint?: string,
): RowError {
  const message = hint ? `${rowErrorTexts[code]} ${hint}` : rowErrorTexts[code];
  return { sheet, row, ...(place ?? { column: '', cell: '', value: '' }), code, message };
}

const blankFields: Fields = {
  code: null,
  name: '',
  region: null,
  outstanding: null,
  number: null,
  invoiceAmount: null,
  date: null,
  age: null,
  status: null,
  remark: null,
  notes: null,
  engineer: '',
  department: null,
};

const required = [
  ['code', 'CODE_MISSING'],
  ['region', 'REGION_MISSING'],
  ['outstanding', 'AMOUNT_MISSING'],
] as const satisfies [ColumnName, RowErrorCode][];

/** The one filled cell of a column and its twins; several filled ones must say the same. */
function readWithTwins<T>(
  row: SheetRow,
  column: Column,
  read: (cell: Cell | undefined) => Reading<T>,
): Reading<T> {
  if (column.twins.length === 0) return read(row.cells[column.index]);
  const filled = [column, ...column.twins].filter((each) => !isBlank(row.cells[each.index]));
  const readings = filled.map((each) => read(row.cells[each.index]));
  const [first, ...others] = readings;
  if (!first) return read(undefined);
  const bad = readings.find(isProblem);
  if (bad) return bad;
  const text = JSON.stringify(first);
  const differs = others.findIndex((other) => JSON.stringify(other) !== text);
  if (differs < 0) return first;
  const other = filled[differs + 1]!;
  return {
    problem: 'COLUMNS_DISAGREE',
    hint: `"${filled[0]!.header}" and "${other.header}" (${cellReference(row.row, other.index)}) differ.`,
  };
}

function place(row: SheetRow, column: Column): CellPlace {
  return {
    column: column.header,
    cell: cellReference(row.row, column.index),
    value: shownText(row.cells[column.index]),
  };
}

function namedCells(row: SheetRow, header: Header): Partial<Record<NamedCell, CellPlace>> {
  const cells: Partial<Record<NamedCell, CellPlace>> = {};
  for (const name of ['region', 'number'] as const) {
    const column = header.byName[name];
    if (column) cells[name] = place(row, column);
  }
  const dated = header.byName.date ?? header.byName.age;
  if (dated) cells.date = place(row, dated);
  return cells;
}
