import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { CodedError, dayFromCivil } from '@backoffice/core';
import { writeWorkbook } from '@backoffice/spreadsheet';
import t from 'tap';
import { statementTemplate, templateExample } from '../src/imports/template.ts';
import { readFileRows } from './sheet-reading.ts';

t.test('decision 26: the template, filled in, reads back; left blank, it has no row', async (t) => {
  const folder = t.testdir();
  const filled = join(folder, 'filled.xlsx');
  await writeWorkbook(createWriteStream(filled), statementTemplate([templateExample]));
  const { rows, rejected, result } = await readFileRows(filled);
  t.same(rejected, []);
  t.same(result.warnings, []);
  t.match(rows, [
    {
      ...{ row: 2, code: 'C-1001', name: 'Acme Builders Pvt. Ltd.', region: 'pune', department: 'Pump' },
      ...{ number: 'INV-2025/001', outstanding: 4500050, invoiceAmount: 6000000, status: 'unpaid' },
      ...{ date: dayFromCivil(2025, 7, 15)!, age: null },
    },
  ]);
  t.equal(rows.length, 1, 'the notes are not read');

  const blank = join(folder, 'blank.xlsx');
  await writeWorkbook(createWriteStream(blank), statementTemplate());
  const refused = await readFileRows(blank).then(
    () => null,
    (error) => error,
  );
  t.ok(refused instanceof CodedError && refused.code === 'NO_ROWS', `${refused}`);
});
