import {
  type Cell,
  type Column,
  type Header,
  meaningsOf,
  type NearHeader,
  readHeaderRow,
} from '@backoffice/spreadsheet';

/**
 * What a column may mean, with the headers that say so, lower case and without spaces, dots and underscores; the
 * names of the wire are among them. A list counts only where those before it give no column: beside "Phone" a
 * column "GSM" is another number, which nothing of the record takes.
 */
const columnHeaders = {
  army_number: [
    ['armyno', 'armynumber'],
    ['svcno', 'serviceno', 'svcnumber', 'servicenumber'],
  ],
  last_name: [['surname', 'lastname'], ['familyname']],
  first_name: [['firstname'], ['forename', 'givenname']],
  middle_name: [['othernames', 'othername', 'middlename', 'middlenames']],
  rank: [['rank']],
  phone_number: [
    ['phone', 'phonenumber', 'phoneno'],
    ['gsm', 'gsmno', 'gsmnumber'],
    ['mobile', 'mobileno', 'mobilenumber'],
  ],
  'bank.name': [['bank', 'bankname', 'nameofbank']],
  'bank.sort_code': [['sortcode'], ['banksortcode', 'banksort']],
  acct_number: [
    ['accountno', 'accountnumber', 'acctno', 'acctnumber', 'a/cno', 'a/cnumber'],
    ['account', 'acct', 'a/c'],
  ],
  sub_sector: [['subsector', 'sub-sector']],
  location: [['location']],
  status: [['status']],
  remark: [['remark', 'remarks']],
} as const satisfies Record<string, readonly (readonly string[])[]>;

export type ColumnName = keyof typeof columnHeaders;
export const columnNames = Object.keys(columnHeaders) as ColumnName[];
/** May be missing: then a record keeps what it has, and a new one has none. */
export const optionalColumns = ['middle_name', 'location', 'status', 'remark'] as const;

export type RecordHeader = Header<ColumnName>;
export type RecordColumn = Column<ColumnName>;

/** What a column that is missing is called. */
export const columnTitles: Record<ColumnName, string> = {
  army_number: 'the army number (Army No)',
  last_name: 'the surname (Surname)',
  first_name: 'the first name (First Name)',
  middle_name: 'other names (Other Names)',
  rank: 'the rank (Rank)',
  phone_number: 'the phone number (Phone)',
  'bank.name': 'the bank (Bank)',
  'bank.sort_code': 'the sort code (Sort Code)',
  acct_number: 'the account number (Account No)',
  sub_sector: 'the sub sector (Sub Sector)',
  location: 'the location (Location)',
  status: 'the status (Status)',
  remark: 'the remark (Remark)',
};

const rules = {
  names: columnNames,
  required: columnNames.filter((name) => !(optionalColumns as readonly string[]).includes(name)),
  meaningOf: meaningsOf(columnHeaders),
};

/** Reads a row as a header: needs every column but the optional ones. */
export function readHeader(
  cells: readonly (Cell | undefined)[],
): RecordHeader | NearHeader<ColumnName> | null {
  return readHeaderRow(cells, rules);
}
