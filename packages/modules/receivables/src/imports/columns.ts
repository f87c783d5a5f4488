import { type Month, monthNumber, parseNamedMonth } from '@backoffice/core';
import {
  type Cell,
  type HeaderCell,
  isHeader as isSheetHeader,
  type Meaning,
  meaningsOf,
  type NearHeader as NearSheetHeader,
  normalHeader,
  readHeaderRow,
  type Column as SheetColumn,
  type Header as SheetHeader,
} from '@backoffice/spreadsheet';

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

const meaningOf = meaningsOf(columnHeaders);

export type Column = SheetColumn<ColumnName>;
export type NearHeader = NearSheetHeader<ColumnName>;

export interface Header extends SheetHeader<ColumnName> {
  /** What the outstanding column's header says of its month, null when it names none. */
  month: { month: number; year: number | null } | null;
  /** Outstanding columns of other months, left aside because one names the chosen month. */
  otherMonths: HeaderCell[];
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

type Found = Meaning<ColumnName> & Pick<Header, 'month'>;

function foundIn(header: string): Found | undefined {
  const month = outstandingMonth(header);
  if (month) return { name: 'outstanding', rank: 0, month };
  const known = meaningOf(header);
  return known && { ...known, month: null };
}

/**
 * Reads a row as a header: needs a code, a region and an outstanding column. Of several outstanding columns
 * the one that names the chosen month is taken, if exactly one does. Gives what is missing where the row
 * knows two columns or more, null where it has nothing of a header.
 */
export function readHeader(cells: readonly (Cell | undefined)[], chosen: Month): Header | NearHeader | null {
  let month: Header['month'] = null;
  let otherMonths: HeaderCell[] = [];
  const read = readHeaderRow<ColumnName, Found>(cells, {
    names: columnNames,
    required: REQUIRED,
    meaningOf: foundIn,
    choose(name, columns) {
      let best = columns;
      const ofChosen = columns.filter((cell) => cell.month && isMonth(cell.month, chosen));
      if (ofChosen.length === 1 && columns.length > 1) {
        otherMonths = columns
          .filter((cell) => cell !== ofChosen[0])
          .map(({ index, header }) => ({ index, header }));
        best = ofChosen;
      }
      if (name === 'outstanding') month = best[0]?.month ?? null;
      return best;
    },
  });
  return isSheetHeader(read) ? { ...read, month, otherMonths } : read;
}

/** Whether a header's month is a given one; a header without a year fits every year. */
export function isMonth(named: { month: number; year: number | null }, month: Month): boolean {
  const year = Number(month.slice(0, 4));
  return named.month === Number(month.slice(5)) && (named.year === null || named.year === year);
}
