/** One cell as the file says it. Numbers keep the double that is stored; its shortest decimal is what a person reads. */
export type Cell =
  /** Shared, inline or rich text (its runs joined, reading aids left out), or a formula's stored text. Never empty. */
  | { kind: 'text'; text: string }
  /**
   * A number, also one that a formula left. `digits`: its format shows at least so many, so that zeros stand in
   * front which are not stored.
   */
  | { kind: 'number'; value: number; digits?: number }
  /**
   * A number whose style is a date or time, or an ISO date cell: days of the 1900 system (1 = 1 January 1900,
   * 45383 = 1 April 2024), files of the 1904 system already shifted. Neither clipped nor checked. `text` is
   * the source text of an ISO cell.
   */
  | { kind: 'date'; value: number; text?: string }
  | { kind: 'boolean'; value: boolean }
  /** `#N/A`, `#REF!`, … */
  | { kind: 'error'; text: string }
  /** A formula without a stored value: the program that wrote the file never calculated it. */
  | { kind: 'formula' };

/** A row that has at least one filled cell. */
export interface SheetRow {
  /** The sheet's own number, from 1. */
  row: number;
  /** Hidden by a filter or by hand. */
  hidden: boolean;
  /** By column from 0; a blank cell is undefined. */
  cells: (Cell | undefined)[];
}

export interface SheetInfo {
  name: string;
  /** Place among all sheets of the workbook, from 0, hidden ones included. */
  index: number;
  visible: boolean;
  /** The file counts days from 1904: a date that is a plain number is `days1904` less than in a `date` cell. */
  date1904: boolean;
}

/** The letters of a 0-based column: 0 → `A`, 26 → `AA`. */
export function columnLetters(column: number): string {
  let letters = '';
  for (let rest = column + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    letters = String.fromCharCode(65 + ((rest - 1) % 26)) + letters;
  }
  return letters;
}

/** The A1 reference of a 1-based row and a 0-based column: (2, 3) → `D2`. */
export function cellReference(row: number, column: number): string {
  return `${columnLetters(column)}${row}`;
}
