import { type Month, monthNumber, parseNamedMonth } from '@backoffice/core';
import type { Cell } from '@backoffice/spreadsheet';

/**
 * What a column may mean, with the headers that say so, lower case and without spaces, dots and underscores.
 * The first list holds the headers of the known sheets (contract, section 8); a header of a later list counts
 * only where the earlier ones give no column, so that a friendly alias never competes with a known header.
 */
const columnHeaders = {
  code: [
    ['accode', 'customercode'],
    ['a/ccode', 'acccode', 'accountcode', 'partycode', 'custcode'],
  ],
  name: [['partyname', 'partynam', 'customername'], ['custname', 'nameoftheparty', 'nameofparty'], ['party']],
  region: [['region']],
  outstanding: [
    ['outstandingamount', 'outstgamt'],
    ['outstandingamt', 'outstamt'],
    ['outstanding', 'outstg'],
  ],
  number: [
    ['invno', 'invoicenumber', 'invoiceno'],
    ['invnumber', 'invoice#', 'inv#', 'billno', 'billnumber'],
  ],
  invoiceAmount: [
    ['invamt', 'invoiceamount'],
    ['invoiceamt', 'invamount', 'billamt', 'billamount'],
  ],
  date: [
    ['invdate', 'invoicedate'],
    ['invdt', 'invoicedt', 'dateofinvoice', 'billdate', 'billdt'],
  ],
  age: [['age'], ['ageperiod'], ['age(days)', 'ageindays', 'agedays', 'ageing', 'aging']],
  status: [['status'], ['invoicestatus', 'invstatus']],
  remark: [['remarks'], ['remark']],
  notes: [['notes'], ['note']],
  engineer: [['assignedengineer'], ['engineer', 'engineername']],
  department: [['department'], ['dept']],
} as const satisfies Record<string, readonly (readonly string[])[]>;

export type ColumnName = keyof typeof columnHeaders;
export const columnNames = Object.keys(columnHeaders) as ColumnName[];

/** Without these a row is no header. */
const REQUIRED: readonly ColumnName[] = ['code', 'region', 'outstanding'];

const byHeader = new Map<string, { name: ColumnName; rank: number }>(
  columnNames.flatMap((name) =>
    columnHeaders[name].flatMap((headers, rank) =>
      headers.map((header) => [header, { name, rank }] as [string, { name: ColumnName; rank: number }]),
    ),
  ),
);

export interface HeaderCell {
  /** 0-based column. */
  index: number;
  /** The header as written, spaces tidied. */
  header: string;
}

export interface Column extends HeaderCell {
  name: ColumnName;
  /** Further columns of the same meaning: a row in which they differ is refused. */
  twins: HeaderCell[];
}

export interface Header {
  /** From left to right. */
  columns: Column[];
  byName: Partial<Record<ColumnName, Column>>;
  /** What the outstanding column's header says of its month, null when it names none. */
  month: { month: number; year: number | null } | null;
  /** Outstanding columns of other months, left aside because one names the chosen month. */
  otherMonths: HeaderCell[];
}

/** A row that knows some of the columns but is no header: the best guess of what went wrong. */
export interface NearHeader {
  found: string[];
  missing: ColumnName[];
}

/** A header's text as it is compared: without case, spaces of every kind, invisible marks, dots, underscores. */
export function normalHeader(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{Cf}\p{Cc}._]/gu, '');
}

const MONTH_FIRST =
  /^([a-z]{3,9}|\d{1,2}|\d{4}-\d{1,2})[-'’/]?(\d{4}|\d{2})?(?:outst|outstg|outstanding)(?:amt|amount)?$/;

/** The month that an outstanding column names (`July.Outstg.Amt`, `Jul-25 Outstg. Amt`); null when it is none. */
export function outstandingMonth(header: string): { month: number; year: number | null } | null {
  const match = MONTH_FIRST.exec(normalHeader(header));
  if (!match) return null;
  const [, first, year] = match as unknown as [string, string, string | undefined];
  const month = monthNumber(first);
  if (month === null) return year === undefined ? parseNamedMonth(first) : null;
  return { month, year: year === undefined ? null : year.length === 4 ? Number(year) : 2000 + Number(year) };
}

type Found = HeaderCell & { name: ColumnName; rank: number; month: Header['month'] };

/**
 * Reads a row as a header: needs a code, a region and an outstanding column. Of several outstanding columns
 * the one that names the chosen month is taken, if exactly one does. Gives what is missing where the row
 * knows two columns or more, null where it has nothing of a header.
 */
export function readHeader(cells: readonly (Cell | undefined)[], chosen: Month): Header | NearHeader | null {
  const found: Found[] = [];
  cells.forEach((cell, index) => {
    if (cell?.kind !== 'text' || cell.text.length > 200) return;
    const month = outstandingMonth(cell.text);
    const known = month ? { name: 'outstanding' as const, rank: 0 } : byHeader.get(normalHeader(cell.text));
    if (known) found.push({ index, header: cell.text.replace(/\s+/g, ' ').trim(), ...known, month });
  });
  const missing = REQUIRED.filter((name) => !found.some((cell) => cell.name === name));
  if (missing.length > 0) {
    return found.length < 2 ? null : { found: found.map((cell) => cell.header), missing };
  }

  const byName: Header['byName'] = {};
  let month: Header['month'] = null;
  let otherMonths: HeaderCell[] = [];
  for (const name of columnNames) {
    const all = found.filter((cell) => cell.name === name);
    const rank = Math.min(...all.map((cell) => cell.rank));
    let best = all.filter((cell) => cell.rank === rank);
    const ofChosen = best.filter((cell) => cell.month && isMonth(cell.month, chosen));
    if (ofChosen.length === 1 && best.length > 1) {
      otherMonths = best.filter((cell) => cell !== ofChosen[0]).map(place);
      best = ofChosen;
    }
    const [main, ...twins] = best;
    if (!main) continue;
    byName[name] = { ...place(main), name, twins: twins.map(place) };
    if (name === 'outstanding') month = main.month;
  }
  const columns = Object.values(byName).sort((a, b) => a.index - b.index);
  return { columns, byName, month, otherMonths };
}

export function isHeader(read: Header | NearHeader | null): read is Header {
  return read !== null && 'columns' in read;
}

/** Whether a header's month is a given one; a header without a year fits every year. */
export function isMonth(named: { month: number; year: number | null }, month: Month): boolean {
  const year = Number(month.slice(0, 4));
  return named.month === Number(month.slice(5)) && (named.year === null || named.year === year);
}

function place(cell: HeaderCell): HeaderCell {
  return { index: cell.index, header: cell.header };
}
