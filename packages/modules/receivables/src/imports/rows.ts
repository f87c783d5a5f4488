import type { DayNumber } from '@backoffice/core';
import { type Cell, cellReference, type SheetRow } from '@backoffice/spreadsheet';
import type { Department, RowError } from '../model.ts';
import type { Column, ColumnName, Header } from './columns.ts';
import { blankFields, type Fields, readers, requiredFields } from './fields.ts';
import type { CellPlace, NamedCell, ParsedRow, RejectedRow } from './parsed.ts';
import { isProblem, type Reading, type RowErrorCode, rowErrorTexts } from './row-errors.ts';
import type { Notices } from './sheet-warnings.ts';
import { cellText, cleanText, isBlank, isDash, shownText } from './texts.ts';

export interface RowContext {
  sheet: string;
  header: Header;
  /** Of the upload form: fills blank department cells. */
  department: Department | null;
  /** The statement's as-of day: dates after it are noted. */
  asOf: DayNumber;
  notices: Notices;
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

  for (const [name, problem] of requiredFields) {
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
