import { CodedError } from '@backoffice/core';
import fc from 'fast-check';
import t from 'tap';
import { readHeader } from '../src/imports/columns.ts';
import { recordsTemplate, templateExample } from '../src/imports/template.ts';
import { buildFields } from './engine.ts';
import { header, lineOf, readLines, sheetRows, type Written } from './sheets.ts';

function refusal(act: () => unknown): CodedError {
  try {
    act();
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const plain = lineOf(buildFields({ army_number: 'NA/1' }), 'active');
/** The row under `header` with one cell replaced. */
const row = (column: string, value: Written) => plain.map((each, i) => (header[i] === column ? value : each));
const one = (column: string, value: Written) => readLines([header, row(column, value)]);

t.test('columns are known by what their headers mean, whatever they are called', async (t) => {
  const names = [
    ['Army Number', 'Svc No', 'SERVICE NO.', 'army_number'],
    ['Last Name', 'surname', 'LAST_NAME'],
    ['FirstName', 'First  Name', 'first_name'],
    ['Middle Name', 'Other Name', 'OTHER NAMES'],
    ['RANK', ' Rank '],
    ['GSM', 'Phone Number', 'Phone No.', 'Mobile'],
    ['Bank Name', 'bank'],
    ['Sort code', 'SORT_CODE'],
    ['Account Number', 'Acct No', 'A/C No.', 'acct_number'],
    ['Sub-Sector', 'sub_sector'],
    ['location'],
    ['STATUS'],
    ['Remarks', 'remark'],
  ];
  fc.assert(
    fc.property(fc.tuple(...names.map((each) => fc.constantFrom(...each))), (headers) => {
      const read = readHeader(sheetRows([['S/No', ...headers]])[0]!.cells);
      return read !== null && 'columns' in read && read.columns.length === names.length;
    }),
  );
  t.pass();
});

t.test('the first column counts where a friendly name stands beside it', async (t) => {
  const { rows, result } = readLines([
    [...header, 'GSM'],
    [...plain, '0999'],
  ]);
  t.equal(rows[0]?.fields.phone_number, '08031234567');
  t.same(result.warnings, []);
});

t.test('two columns of one meaning: a row in which they differ is refused', async (t) => {
  const { rows, errors, result } = readLines([
    [...header, 'Phone No'],
    [...plain, '08031234567'],
    [...plain, '0999'],
  ]);
  t.equal(rows.length, 1);
  t.equal(errors[0]?.code, 'COLUMNS_DISAGREE');
  t.equal(result.warnings[0]?.code, 'COLUMN_DOUBLED');
});

t.test('a header without a required column is named with what it lacks', async (t) => {
  const error = refusal(() => readLines([header.filter((each) => each !== 'Rank'), ['x']]));
  t.equal(error.code, 'NO_HEADER_ROW');
  t.match(error.message, /no column for the rank \(Rank\)/);
  t.equal(refusal(() => readLines([header])).code, 'NO_ROWS');
});

t.test(
  'columns that may be missing leave a record as it is; blank cells say that there is nothing',
  async (t) => {
    const few = header.filter((each) => !['Other Names', 'Location', 'Status', 'Remark'].includes(each));
    const cells = plain.filter((_each, i) => few.includes(header[i]!));
    t.notOk('remark' in readLines([few, cells]).rows[0]!.fields);
    t.equal(one('Remark', null).rows[0]?.fields.remark, null);
    t.equal(one('Phone', null).rows[0]?.fields.phone_number, '');
  },
);

t.test(
  'leading zeros stay, and digits that the program has dropped are an error that says what to do',
  async (t) => {
    const { fields } = one('Phone', '08031234567').rows[0]!;
    t.same(
      [fields.phone_number, fields.bank.sort_code, fields.acct_number],
      ['08031234567', '011', '0012345678'],
    );
    t.equal(one('Phone', 8_031_234_567).rows[0]?.fields.phone_number, '8031234567');
    t.equal(one('Account No', 999_999_999_999_999).rows[0]?.fields.acct_number, '999999999999999');
    for (const [value, code] of [
      ['8.03E+09', 'NUMBER_LOST_DIGITS'],
      [1e15, 'NUMBER_LOST_DIGITS'],
      [8.5, 'NUMBER_NOT_WHOLE'],
      [-5, 'NUMBER_NOT_WHOLE'],
      [{ kind: 'date', value: 45_383 }, 'NUMBER_IS_DATE'],
      [{ kind: 'boolean', value: true }, 'TEXT_INVALID'],
      [{ kind: 'error', text: '#N/A' }, 'CELL_ERROR'],
      [{ kind: 'formula' }, 'FORMULA_WITHOUT_VALUE'],
    ] as [Written, string][]) {
      const [error] = one('Phone', value).errors;
      t.same([error?.code, error?.column, error?.cell], [code, 'Phone', 'F2'], `${JSON.stringify(value)}`);
      t.equal(one('Army No', value).errors[0]?.code, code);
    }
    t.match(one('Phone', '8.03E+09').errors[0]?.message, /Format the column as text/);
  },
);

t.test('zeros that only the format of a number shows are kept; they are what people see', async (t) => {
  const shown = (value: number, digits: number) => one('Phone', { kind: 'number', value, digits });
  t.equal(shown(8_031_234_567, 11).rows[0]?.fields.phone_number, '08031234567');
  t.equal(shown(8_031_234_567, 3).rows[0]?.fields.phone_number, '8031234567');
  t.equal(shown(1e15, 20).errors[0]?.code, 'NUMBER_LOST_DIGITS');
});

t.test('a text in scientific form is no phone or account number, whichever program wrote it', async (t) => {
  for (const text of ['8.03e9', '8E9', '803E7', '1,2E+3', '8.03 E+09', '+8.03E+09', '1e5']) {
    for (const column of ['Phone', 'Account No', 'Sort Code']) {
      t.equal(one(column, text).errors[0]?.code, 'NUMBER_LOST_DIGITS', `${column} ${text}`);
    }
  }
  t.equal(one('Army No', '12E34').rows[0]?.fields.army_number, '12E34', 'an army number may have an E');
  t.equal(one('Phone', 'E12').rows[0]?.fields.phone_number, 'E12');
});

t.test('the rules of the fields hold, with the place in the sheet', async (t) => {
  for (const [column, value, cell] of [
    ['First Name', ' ', 'D2'],
    ['Surname', null, 'C2'],
    ['Army No', null, 'A2'],
    ['Rank', 'x'.repeat(201), 'B2'],
    ['Bank', 'x'.repeat(201), 'G2'],
    ['Remark', 'x'.repeat(2_001), 'M2'],
  ] as [string, Written, string][]) {
    const [error] = one(column, value).errors;
    t.same([error?.code, error?.column, error?.cell, error?.row], ['FIELD_INVALID', column, cell, 2], column);
  }
  t.equal(one('Remark', 'x'.repeat(2_000)).errors.length, 0);
});

t.test('a status in any letter case, blank for none, else an error', async (t) => {
  t.equal(one('Status', ' AWOL ').rows[0]?.status, 'awol');
  t.equal(one('Status', null).rows[0]?.status, null);
  t.equal(one('Status', 'retired').errors[0]?.code, 'STATUS_UNKNOWN');
});

t.test('blank rows and repeated headers are no data rows; places count data rows from 0', async (t) => {
  const { rows, result } = readLines([['Title'], header, plain, [], header, row('Army No', 'NA/2')]);
  t.same(
    rows.map(({ row: number, index }) => [number, index]),
    [
      [3, 0],
      [6, 1],
    ],
  );
  t.equal(result.rowsRead, 2);
});

t.test('the template can be filled in: its headers are known, its numbers are text', async (t) => {
  const [sheet, notes] = recordsTemplate();
  const read = readLines([sheet!.columns.map((column) => column.header), templateExample as Written[]]);
  t.equal(read.rows.length, 1);
  t.ok(sheet!.columns.every(({ format }) => format === '@'));
  t.equal(notes!.name, 'Notes');
});
