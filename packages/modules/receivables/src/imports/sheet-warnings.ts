import { type DayNumber, isoDate } from '@backoffice/core';
import {
  type CellPlace,
  columnLabel,
  doubledColumns as columnsDoubled,
  columnsOf,
  type Warning,
} from '@backoffice/spreadsheet';
import type { ColumnName, Header } from './columns.ts';

/** What a row may have that is worth a word at the end, without being refused for it. */
export type NoticeKind = 'remark' | 'age' | 'future';

export interface Notices {
  /** Remembers something about the row that is being read. */
  note(kind: NoticeKind, place: CellPlace): void;
  /** The row counts: what was noted about it stays. */
  keep(): void;
  /** The row turned out to be none. */
  drop(): void;
  warnings(asOf: DayNumber): Warning[];
}

/** Counts what is noted, with the first place of each kind. */
export function createNotices(): Notices {
  const kept = new Map<NoticeKind, { count: number; first: CellPlace }>();
  let pending: { kind: NoticeKind; place: CellPlace }[] = [];
  return {
    note(kind, place) {
      pending.push({ kind, place });
    },
    keep() {
      if (pending.length === 0) return;
      for (const { kind, place } of pending) {
        const known = kept.get(kind);
        if (known) known.count += 1;
        else kept.set(kind, { count: 1, first: place });
      }
      pending = [];
    },
    drop() {
      pending = [];
    },
    warnings(asOf) {
      return [...kept].map(([kind, { count, first }]) => ({
        ...noticeTexts[kind](`${count}`, `"${first.value}" in ${first.cell}`, isoDate(asOf)),
        count,
        details: { column: first.column, cell: first.cell, value: first.value },
      }));
    },
  };
}

const noticeTexts: Record<NoticeKind, (count: string, first: string, asOf: string) => Warning> = {
  remark: (count, first) => ({
    code: 'REMARK_UNKNOWN',
    message: `${count} remark(s) are none of the six and were left out; the first is ${first}.`,
  }),
  age: (count, first) => ({
    code: 'AGE_IGNORED',
    message: `${count} age(s) can't be read and were left out, since the invoice date stands beside; the first is ${first}.`,
  }),
  future: (count, first, asOf) => ({
    code: 'DATE_AFTER_STATEMENT',
    message: `${count} invoice date(s) lie after ${asOf} and count as 0 days old; the first is ${first}. Dates are read day first.`,
  }),
};

/** One warning for each meaning that two or more columns have, and for the months that were not chosen. */
export function doubledColumns(sheet: string, row: number, header: Header): Warning[] {
  const doubled = columnsDoubled(sheet, row, header);
  if (header.otherMonths.length === 0) return doubled;
  const taken = header.byName.outstanding!;
  const name = columnLabel(row);
  return [
    ...doubled,
    {
      code: 'COLUMN_DOUBLED',
      message: `Column ${name(taken)} of sheet "${sheet}" is the chosen month's and was read; ${header.otherMonths.map(name).join(' and ')} was not.`,
      details: { sheet, row, columns: [taken, ...header.otherMonths].map((cell) => cell.header) },
    },
  ];
}

/** A row that is named like a total but has a code and an invoice number. */
export function totalWithCode(sheet: string, row: number): Warning {
  return {
    code: 'TOTAL_WITH_CODE',
    message: `Row ${row} of sheet "${sheet}" was skipped as a total because of its name, but has a customer code and an invoice number. If it is an invoice, write the name differently.`,
    count: 1,
    details: { sheet, row },
  };
}

export function noNumberColumn(sheet: string): Warning {
  return {
    code: 'NO_NUMBER_COLUMN',
    message: `Sheet "${sheet}" has no column of invoice numbers: every amount counts as the customer's on-account amount.`,
    details: { sheet },
  };
}

/** What a column that is missing is called. */
export const columnTitles: Partial<Record<ColumnName, string>> = {
  code: 'the customer code (Accode)',
  region: 'the region (Region)',
  outstanding: 'the outstanding amount (such as July.Outstg.Amt)',
};

/** Whether two headers of a sheet say the same: then the second is only a repetition. */
export function sameHeader(a: Header, b: Header): boolean {
  return signature(a) === signature(b);
}

function signature(header: Header): string {
  return JSON.stringify([header.month, columnsOf(header)]);
}
