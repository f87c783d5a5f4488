import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastDayOf, resolveMonth } from '@backoffice/core';
import { checkContainer, readWorkbook } from '@backoffice/spreadsheet';
import t from 'tap';
import { samples } from '../../../../samples/contents.ts';
import { type ExpectedSample, expectedOf, readmeOf } from '../../../../samples/expected.ts';
import { rowErrorTexts } from '../src/imports/row-errors.ts';
import {
  checkCustomerRows,
  createSheetReader,
  type ParsedRow,
  type RejectedRow,
  rejectUndated,
} from '../src/imports/sheet.ts';

const dir = join(import.meta.dirname, '../../../../samples');
const expected: Record<string, ExpectedSample> = JSON.parse(readFileSync(join(dir, 'expected.json'), 'utf8'));

/** What an empty system makes of a file: as the import does it, but in memory. */
async function readSample(file: string, { month, financialYear }: ExpectedSample) {
  const statementMonth = resolveMonth(month, financialYear)!;
  const rows: ParsedRow[] = [];
  const rejected: RejectedRow[] = [];
  const reader = createSheetReader({
    month: statementMonth,
    asOf: lastDayOf(statementMonth),
    department: null,
    onRow: (row) => rows.push(row),
    onRejected: (row) => rejected.push(row),
  });
  await checkContainer(join(dir, file));
  await readWorkbook(join(dir, file), reader);
  const result = reader.finish();

  const accepted: ParsedRow[] = [];
  let duplicates = 0;
  for (const code of new Set(rows.map((row) => row.code))) {
    const checked = checkCustomerRows(
      result.sheet,
      rows.filter((row) => row.code === code),
    );
    for (const row of checked.accepted) {
      if (row.date === null && row.age === null) rejected.push(rejectUndated(result.sheet, row));
      else accepted.push(row);
    }
    duplicates += checked.duplicates.length;
    rejected.push(...checked.rejected);
  }
  const errors = rejected.map(({ error }) => error).sort((a, b) => a.row - b.row);
  return { result, accepted, duplicates, errors };
}

t.test('what the samples promise is what was put into them', async (t) => {
  t.same(expected, Object.fromEntries(samples.map((sample) => [sample.file, expectedOf(sample)])));
  t.equal(readFileSync(join(dir, 'README.md'), 'utf8'), readmeOf(expected));
});

for (const [file, promised] of Object.entries(expected)) {
  t.test(`${file} is read as promised`, async (t) => {
    const { result, accepted, duplicates, errors } = await readSample(file, promised);
    t.same(
      errors.map(({ row, column, cell, code, value }) => ({ row, column, cell, code, value })),
      promised.errors,
    );
    t.same(
      result.warnings.map(({ code }) => code),
      promised.warnings,
    );
    t.equal(result.rowsRead, promised.counts.read);
    t.equal(accepted.length, promised.counts.inserted);
    t.equal(duplicates, promised.counts.duplicates);
    t.equal(result.headerMonth, 3, 'no confirmation is needed: the header names the month');
  });
}

t.test('the second sample has a row error of every kind', async (t) => {
  const codes = expected['statement-with-errors.xlsx']!.errors.map(({ code }) => code);
  t.same(codes.sort(), Object.keys(rowErrorTexts).sort());
});

t.test('the first sample is a statement worth looking at', async (t) => {
  const { accepted } = await readSample('clean-statement.xlsx', expected['clean-statement.xlsx']!);
  t.equal(new Set(accepted.map((row) => row.region)).size, 7);
  t.ok(
    accepted.some((row) => row.number === null && row.outstanding < 0),
    'money on account',
  );
  t.ok(accepted.some((row) => row.status === 'dispute'));
  t.ok(accepted.some((row) => row.remark === 'under follow-up'));
});
