import type { DayNumber } from '@backoffice/core';
import {
  type CellPlace,
  cellText,
  cleanText,
  isBlank,
  isDash,
  isProblem,
  placeOf,
  readWithTwins,
  type SheetRow,
} from '@backoffice/spreadsheet';
import type { Department, RowError } from '../model.ts';
import type { Column, ColumnName, Header } from './columns.ts';
import { blankFields, type Fields, readers, requiredFields } from './fields.ts';
import type { NamedCell, ParsedRow, RejectedRow } from './parsed.ts';
import { type RowErrorCode, rowErrorTexts } from './row-errors.ts';
import type { Notices } from './sheet-warnings.ts';

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
    const reading = readWithTwins(row, column, readers[name], 'COLUMNS_DISAGREE');
    if (isProblem(reading)) faults.push({ column, ...reading });
    else fields[name] = reading.value;
    if (name === 'remark' && fields.remark === null && !isBlank(row.cells[column.index])) {
      if (!isDash(cleanText(cellText(row.cells[column.index]))))
        context.notices.note('remark', placeOf(row, column));
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
    context.notices.note('age', placeOf(row, faults[ageFault]!.column));
    faults.splice(ageFault, 1);
  }
  if (fields.date !== null && fields.date > context.asOf) {
    context.notices.note('future', placeOf(row, header.byName.date!));
  }

  const departmentRead = !faults.some((fault) => fault.column.name === 'department');
  const department = departmentRead ? (fields.department ?? context.department) : null;
  if (faults.length > 0) {
    const first = faults.reduce((a, b) => (b.column.index < a.column.index ? b : a));
    const numberRead = !faults.some((fault) => fault.column.name === 'number');
    return {
      error: rowError(context.sheet, row.row, placeOf(row, first.column), first.problem, first.hint),
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

function namedCells(row: SheetRow, header: Header): Partial<Record<NamedCell, CellPlace>> {
  const cells: Partial<Record<NamedCell, CellPlace>> = {};
  for (const name of ['region', 'number'] as const) {
    const column = header.byName[name];
    if (column) cells[name] = placeOf(row, column);
  }
  const dated = header.byName.date ?? header.byName.age;
  if (dated) cells.date = placeOf(row, dated);
  return cells;
}
