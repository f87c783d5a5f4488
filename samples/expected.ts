import { isoDate } from '@backoffice/core';
import { cellReference } from '@backoffice/spreadsheet';
import type { SampleCell, SampleSheet } from './contents.ts';

/** Title and a blank row stand above the header. */
export const headerRow = 3;

export interface ExpectedSample {
  month: string;
  financialYear: string;
  counts: Record<'read' | 'inserted' | 'updated' | 'unchanged' | 'duplicates' | 'rejected', number>;
  warnings: string[];
  /** What the dashboard shows of it, where the file is without errors; `total` in rupees. */
  figures?: { total: number; invoices: number; disputed: number; customers: number };
  errors: { row: number; column: string; cell: string; code: string; value: string }[];
}

/** What an upload of a sample gives, told from what was put into it and not from what the import makes of it. */
export function expectedOf(sample: SampleSheet): ExpectedSample {
  const { month, financialYear, header, rows, errors, duplicates, warnings } = sample;
  const inserted = rows.length - errors.length - duplicates;
  return {
    month,
    financialYear,
    counts: { read: rows.length, inserted, updated: 0, unchanged: 0, duplicates, rejected: errors.length },
    warnings,
    ...(errors.length === 0 ? { figures: figuresOf(rows) } : {}),
    errors: errors.map(({ index, column, code }) => ({
      row: headerRow + 1 + index,
      column: header[column]!,
      cell: cellReference(headerRow + 1 + index, column),
      code,
      value: textOf(rows[index]![column] ?? null),
    })),
  };
}

function figuresOf(rows: readonly SampleCell[][]) {
  const paise = rows.reduce((sum, row) => sum + Math.round((row[3] as number) * 100), 0);
  return {
    total: paise / 100,
    invoices: rows.filter((row) => row[4] !== null).length,
    disputed: rows.filter((row) => row[8] === 'Dispute').length,
    customers: new Set(rows.map((row) => row[0])).size,
  };
}

function textOf(cell: SampleCell): string {
  if (cell === null) return '';
  if (typeof cell === 'boolean') return String(cell).toUpperCase();
  if (typeof cell !== 'object') return String(cell);
  if ('day' in cell) return isoDate(cell.day);
  return 'error' in cell ? cell.error : '';
}

/** `samples/README.md`. */
export function readmeOf(expected: Record<string, ExpectedSample>): string {
  const lines = [
    '# Samples',
    '',
    'Two statements to try an upload with. This file, `expected.json` and the workbooks are written by',
    '`npx tsx samples/make.ts`; a test uploads what they promise.',
    '',
    'Their month is March 2024, which lies before the demo data: an upload gives what stands here with the',
    'demo data and without it, and none of its totals changes (only what is new and recovered in its first',
    'month, which is then compared with these statements). A second upload of the same file is answered as a',
    'duplicate. The second sample speaks for the pumps of Pune alone, so both can stand side by side.',
    '',
    '```sh',
    'TOKEN=$(curl -s localhost:5000/api/auth/login -H "content-type: application/json" \\',
    '  -d \'{"email":"country.manager@example.com","password":"…"}\' | node -pe "JSON.parse(fs.readFileSync(0)).token")',
    'curl -s localhost:5000/api/upload -H "authorization: Bearer $TOKEN" \\',
    '  -F month=Mar-24 -F financialYear=2023-2024 -F file=@samples/clean-statement.xlsx',
    '```',
  ];
  for (const [file, sample] of Object.entries(expected)) {
    const { month, financialYear, counts, warnings, figures, errors } = sample;
    lines.push(
      '',
      `## ${file}`,
      '',
      `Month ${month}, financial year ${financialYear}. The import counts:`,
      '',
    );
    lines.push(...tableOf([Object.keys(counts), Object.values(counts).map(String)]), '');
    const list = warnings.map((code) => `\`${code}\``).join(', ');
    lines.push(warnings.length === 0 ? 'No warning.' : `Warnings of the sheet: ${list}.`);
    if (figures) {
      const { total, invoices, disputed, customers } = figures;
      const facts = `${invoices} invoices, ${disputed} of them disputed, ${customers} customers`;
      lines.push(`No row error. On its own it makes a dashboard of ₹${total} outstanding, ${facts}.`);
    }
    if (errors.length > 0) {
      lines.push('', 'Row errors:', '');
      const rows = errors.map(({ cell, column, code, value }) => [cell, column, `\`${code}\``, shown(value)]);
      lines.push(...tableOf([['Cell', 'Column', 'Code', 'Value'], ...rows]));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** With padded cells, as the formatter wants a table. */
function tableOf(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const [header, ...body] = rows as [string[], ...string[][]];
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)];
}

function shown(value: string): string {
  if (value === '') return '(blank)';
  return value.length > 40 ? `${value.slice(0, 10)}… (${value.length} characters)` : value;
}
