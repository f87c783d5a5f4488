import type { DayNumber, Paise } from '@backoffice/core';
import { type Cell, cellText, cleanText, isDash } from '@backoffice/spreadsheet';
import {
  type Department,
  departments,
  type InvoiceStatus,
  invoiceStatuses,
  type Region,
  type Remark,
  regionLabels,
  remarks,
} from '../model.ts';
import { readAmount } from './amounts.ts';
import type { ColumnName } from './columns.ts';
import { type Age, readAge, readDate } from './dates.ts';
import type { Reading, RowErrorCode } from './row-errors.ts';
import { readIdentifier, readName, readNotes, unreadable } from './texts.ts';

/** What the cells of a row say, by meaning; null (or `''` for a name) where nothing stands. */
export interface Fields {
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

const LONGEST_WORD = 60;

/** What is compared when a cell holds one of a few words: case, spaces, hyphens and underscores don't count. */
function word(text: string): string {
  return cleanText(text)
    .toLowerCase()
    .replace(/[\s_\-\u2010-\u2015]/g, '');
}

/** By code and label in lower case. */
export const regionsByWord = new Map<string, Region>([
  ...Object.entries(regionLabels).flatMap(([code, label]): [string, Region][] => [
    [code, code as Region],
    [label.toLowerCase(), code as Region],
  ]),
  ['bengaluru', 'banglore'],
]);
const departmentsByWord = new Map(departments.map((value) => [word(value), value]));
const statusesByWord = new Map(invoiceStatuses.map((value) => [word(value), value]));
const remarksByWord = new Map(remarks.map((value) => [word(value), value]));

/** How each column is read. */
export const readers: { [K in ColumnName]: (cell: Cell | undefined) => Reading<Fields[K]> } = {
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
  if (cell.kind === 'error' || cell.kind === 'formula') return unreadable(cell);
  const text = cleanText(cellText(cell));
  if (text === '' || isDash(text)) return { value: null };
  const found = text.length <= LONGEST_WORD ? find(text) : undefined;
  if (found !== undefined) return { value: found };
  return unknown === null ? { value: null } : { problem: unknown };
}

export const blankFields: Fields = {
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

/** A row needs these. */
export const requiredFields = [
  ['code', 'CODE_MISSING'],
  ['region', 'REGION_MISSING'],
  ['outstanding', 'AMOUNT_MISSING'],
] as const satisfies [ColumnName, RowErrorCode][];
