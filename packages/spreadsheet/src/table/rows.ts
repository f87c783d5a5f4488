import { type Cell, cellReference, type SheetRow } from '../cells.ts';
import type { Column, Header, HeaderCell } from './headers.ts';
import { isBlank, shownText } from './texts.ts';

/** What a cell gives: a value, or why it gives none. */
export type Reading<T, Problem extends string> = { value: T } | { problem: Problem; hint?: string };

export function isProblem<T, P extends string>(
  reading: Reading<T, P>,
): reading is { problem: P; hint?: string } {
  return 'problem' in reading;
}

/** Where a value of a row stands in the sheet, as errors name it. */
export interface CellPlace {
  /** The header's text. */
  column: string;
  /** The A1 reference. */
  cell: string;
  /** The cell as text, at most 200 characters. */
  value: string;
}

export function placeOf(row: SheetRow, column: HeaderCell): CellPlace {
  return {
    column: column.header,
    cell: cellReference(row.row, column.index),
    value: shownText(row.cells[column.index]),
  };
}

/** Whether nothing stands in the columns that have a meaning. */
export function isBlankRow<N extends string>(row: SheetRow, header: Header<N>): boolean {
  return header.columns.every(
    (column) =>
      isBlank(row.cells[column.index]) && column.twins.every((twin) => isBlank(row.cells[twin.index])),
  );
}

/** Whether the column is not there or its cell is blank. */
export function columnBlank<N extends string>(row: SheetRow, header: Header<N>, name: N): boolean {
  const column = header.byName[name];
  return !column || isBlank(row.cells[column.index]);
}

/** The one filled cell of a column and its twins; several filled ones must say the same, else `disagreement`. */
export function readWithTwins<T, P extends string>(
  row: SheetRow,
  column: Column<string>,
  read: (cell: Cell | undefined) => Reading<T, P>,
  disagreement: P,
): Reading<T, P> {
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
    problem: disagreement,
    hint: `"${filled[0]!.header}" and "${other.header}" (${cellReference(row.row, other.index)}) differ.`,
  };
}
