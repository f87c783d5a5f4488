import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dayFromCivil } from '@backoffice/core';
import { checkContainer, readWorkbook } from '@backoffice/spreadsheet';
import t from 'tap';
import {
  createStatementRows,
  type DemoStatement,
  firstMonth,
  listStatements,
} from '../src/demo/statements.ts';
import { writeStatement } from '../src/demo/workbook.ts';
import { createSheetReader, type ParsedRow, type RejectedRow } from '../src/imports/sheet.ts';

t.setTimeout(120_000);

const today = dayFromCivil(2026, 11, 25)!;
const from = firstMonth(today);
const rowsOf = createStatementRows({ from, today });
const statements = listStatements({ from, today });
const dir = mkdtempSync(join(tmpdir(), 'demo-workbook-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

async function readBack(path: string, { month, asOf }: DemoStatement) {
  const rows: ParsedRow[] = [];
  const rejected: RejectedRow[] = [];
  const reader = createSheetReader({
    month,
    asOf,
    department: null,
    onRow: (row) => rows.push(row),
    onRejected: (row) => rejected.push(row),
  });
  await checkContainer(path);
  await readWorkbook(path, reader);
  return { ...reader.finish(), rows, rejected };
}

// With a status column, with remarks, the late part, and the running month.
const chosen = [statements[0]!, statements[2]!, statements.find(({ name }) => name.endsWith('late'))!];
for (const statement of [...chosen, statements.at(-1)!]) {
  t.test(`${statement.name} is read as it was meant, without a warning`, async (t) => {
    const path = join(dir, `${statement.name}.xlsx`);
    await writeStatement(path, statement, rowsOf, new AbortController().signal);
    const { rows, rejected, warnings, headerMonth } = await readBack(path, statement);
    t.same(rejected, []);
    t.same(warnings, []);
    t.equal(headerMonth, Number(statement.month.slice(5)));
    t.same(
      rows.map(
        ({ code, name, region, department, number, outstanding, invoiceAmount, date, status, remark }) => {
          return { code, name, region, department, number, outstanding, invoiceAmount, date, status, remark };
        },
      ),
      rowsOf(statement).map(({ disputed, remark, ...row }) => ({
        ...row,
        status: !statement.withStatus || row.number === null ? null : disputed ? 'dispute' : 'unpaid',
        remark: statement.withRemarks ? remark : null,
      })),
    );
  });
}

t.test('a file that is there is left as it is, and one that was broken off leaves nothing', async (t) => {
  const [statement] = statements as [DemoStatement];
  const path = join(dir, 'again.xlsx');
  await writeStatement(path, statement, rowsOf, new AbortController().signal);
  const before = readFileSync(path);
  await writeStatement(path, statement, () => [], new AbortController().signal);
  t.ok(readFileSync(path).equals(before));

  await t.rejects(writeStatement(join(dir, 'broken.xlsx'), statement, rowsOf, AbortSignal.abort()));
  await t.rejects(
    writeStatement(
      join(dir, 'broken.xlsx'),
      statement,
      () => {
        throw new Error('no rows');
      },
      new AbortController().signal,
    ),
    { message: 'no rows' },
  );
  t.same(
    readdirSync(dir).filter((name) => name.includes('broken')),
    [],
  );
});
