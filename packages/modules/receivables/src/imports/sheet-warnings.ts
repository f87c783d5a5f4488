import { CodedError, type DayNumber, isoDate } from '@backoffice/core';
import { cellReference } from '@backoffice/spreadsheet';
import type { Column, ColumnName, Header, HeaderCell, NearHeader } from './columns.ts';
import type { CellPlace } from './parsed.ts';
import type { Warning } from './warnings.ts';

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

export function headerChanged(sheet: string, row: number): Warning {
  return {
    code: 'HEADER_CHANGED',
    message: `Row ${row} of sheet "${sheet}" is a header with other columns than the one above; the rows below it were read by it.`,
    count: 1,
    details: { sheet, row },
  };
}

/** One warning for each meaning that two or more columns have. */
export function doubledColumns(sheet: string, row: number, header: Header): Warning[] {
  const name = (cell: HeaderCell) => `"${cell.header}" (${cellReference(row, cell.index)})`;
  const doubled = header.columns
    .filter((column) => column.twins.length > 0)
    .map((column) => ({
      code: 'COLUMN_DOUBLED',
      message: `Columns ${[column, ...column.twins].map(name).join(' and ')} of sheet "${sheet}" mean the same. Rows in which they differ are refused.`,
      details: { sheet, row, columns: [column, ...column.twins].map((cell) => cell.header) },
    }));
  if (header.otherMonths.length === 0) return doubled;
  const taken = header.byName.outstanding!;
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

export function otherSheetsFit(sheet: string, others: readonly string[]): Warning {
  const names = others.map((name) => `"${name}"`).join(', ');
  return {
    code: 'OTHER_SHEETS',
    message: `Only sheet "${sheet}" was read. These have a header that fits too: ${names}.`,
    count: others.length,
    details: { sheet, others: [...others] },
  };
}

export function hiddenRows(count: number): Warning {
  return {
    code: 'HIDDEN_ROWS',
    message: `${count} row(s) that are hidden, for example by a filter, were read like the others.`,
    count,
  };
}

export function noNumberColumn(sheet: string): Warning {
  return {
    code: 'NO_NUMBER_COLUMN',
    message: `Sheet "${sheet}" has no column of invoice numbers: every amount counts as the customer's on-account amount.`,
    details: { sheet },
  };
}

/** NO_HEADER_ROW with the row that came nearest, or the sheets that are hidden, so that it is found at once. */
export function noHeader(
  near: (NearHeader & { sheet: string; row: number }) | null,
  hiddenSheets: readonly string[],
): CodedError {
  if (!near && hiddenSheets.length > 0) {
    const names = hiddenSheets.slice(0, 5).map((name) => `"${name}"`);
    return new CodedError(
      'NO_HEADER_ROW',
      `No visible sheet has a row with the expected column names. Hidden sheets are not read: ${names.join(', ')}. Unhide the right one, save, and upload again.`,
      { hiddenSheets: hiddenSheets.slice(0, 5) },
    );
  }
  if (!near) return new CodedError('NO_HEADER_ROW');
  const missing = near.missing.map((name) => columnTitles[name]).join(' and ');
  return new CodedError(
    'NO_HEADER_ROW',
    `Row ${near.row} of sheet "${near.sheet}" looks like the header (${near.found.join(', ')}), but has no column for ${missing}.`,
    { sheet: near.sheet, row: near.row, missing: near.missing },
  );
}

const columnTitles: Partial<Record<ColumnName, string>> = {
  code: 'the customer code (Accode)',
  region: 'the region (Region)',
  outstanding: 'the outstanding amount (such as July.Outstg.Amt)',
};

/** Whether two headers of a sheet say the same: then the second is only a repetition. */
export function sameHeader(a: Header, b: Header): boolean {
  return signature(a) === signature(b);
}

function signature(header: Header): string {
  const column = ({ name, index, twins }: Column) => [name, index, ...twins.map((twin) => twin.index)];
  return JSON.stringify([header.month, header.columns.map(column)]);
}
