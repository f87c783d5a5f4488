import {
  type CellValue,
  type SheetContent,
  type TemplateColumn,
  templateSheets,
} from '@backoffice/spreadsheet';
import { statuses } from '../model.ts';
import type { RowFields } from './rows.ts';

/** Tells the spreadsheet program to leave what is entered as it is: leading zeros stay. */
const text = '@';

type Written = RowFields & { status: string };

const columns: (TemplateColumn & { of: (record: Written) => CellValue })[] = [
  {
    header: 'Army No',
    width: 16,
    format: text,
    needed: 'yes',
    about:
      'The army number. Spaces and letter case make no difference; it may stand only once in a database.',
    example: 'NA/123456',
    of: (record) => record.army_number,
  },
  {
    header: 'Rank',
    width: 14,
    format: text,
    needed: 'yes',
    about: 'The rank.',
    example: 'Sgt',
    of: (record) => record.rank,
  },
  {
    header: 'Surname',
    width: 20,
    format: text,
    needed: 'yes',
    about: 'The last name.',
    example: 'Kumar',
    of: (record) => record.last_name,
  },
  {
    header: 'First Name',
    width: 20,
    format: text,
    needed: 'yes',
    about: 'The first name.',
    example: 'Ravi',
    of: (record) => record.first_name,
  },
  {
    header: 'Other Names',
    width: 20,
    format: text,
    needed: '',
    about: 'Middle names. The column may be left out.',
    example: null,
    of: (record) => record.middle_name,
  },
  {
    header: 'Phone',
    width: 18,
    format: text,
    needed: 'column',
    about: 'The phone number, as text, so that leading zeros stay. The cell may be blank.',
    example: '08031234567',
    of: (record) => record.phone_number,
  },
  {
    header: 'Bank',
    width: 24,
    format: text,
    needed: 'column',
    about: 'The name of the bank. The cell may be blank.',
    example: 'State Bank',
    of: (record) => record.bank.name,
  },
  {
    header: 'Sort Code',
    width: 14,
    format: text,
    needed: 'column',
    about: 'The sort code of the bank, as text. The cell may be blank.',
    example: '011',
    of: (record) => record.bank.sort_code,
  },
  {
    header: 'Account No',
    width: 18,
    format: text,
    needed: 'column',
    about: 'The account number, as text. The cell may be blank.',
    example: '0012345678',
    of: (record) => record.acct_number,
  },
  {
    header: 'Sub Sector',
    width: 18,
    format: text,
    needed: 'column',
    about: 'The sub sector. The cell may be blank.',
    example: 'North',
    of: (record) => record.sub_sector,
  },
  {
    header: 'Location',
    width: 20,
    format: text,
    needed: '',
    about: 'The location. The column may be left out.',
    example: null,
    of: (record) => record.location,
  },
  {
    header: 'Status',
    width: 12,
    format: text,
    needed: '',
    about: `One of ${statuses.join(', ')}; blank means active, or leaves it as it is. The column may be left out.`,
    example: 'active',
    of: (record) => record.status,
  },
  {
    header: 'Remark',
    width: 40,
    format: text,
    needed: '',
    about: 'A remark. The column may be left out.',
    example: null,
    of: (record) => record.remark,
  },
];

/** A filled row of the template, as its notes show it. */
export const templateExample: CellValue[] = columns.map((column) => column.example);

/** The workbook that people fill in; `rows` fills its first sheet. */
export function recordsTemplate(rows: Iterable<CellValue[]> = []): SheetContent[] {
  return templateSheets('Personnel', columns, rows);
}

/** Records as a sheet that can be imported again, in the order in which they come; one in memory at a time. */
export function recordsSheet(records: AsyncIterable<Written>) {
  async function* rows(): AsyncGenerator<CellValue[]> {
    for await (const record of records) yield columns.map((column) => column.of(record));
  }
  const [sheet] = templateSheets('Personnel', columns);
  return { ...sheet!, rows: rows() };
}
