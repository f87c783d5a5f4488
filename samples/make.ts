/** Writes the samples, what they give, and the README: `npx tsx samples/make.ts`. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type SampleCell, samples } from './contents.ts';
import { expectedOf, headerRow, readmeOf } from './expected.ts';

// The product's own writer makes only good cells; error cells and formulas need the library below it.
const require = createRequire(new URL('../packages/spreadsheet/package.json', import.meta.url));
const exceljs = require('exceljs');
// The same bytes whenever they are made, so that the files only change with their content.
const made = new Date(Date.UTC(2024, 2, 31));
createRequire(require.resolve('exceljs'))('jszip').defaults.date = made;
const dir = import.meta.dirname;

for (const { file, title, header, rows } of samples) {
  const workbook = new exceljs.Workbook();
  workbook.created = made;
  workbook.modified = made;
  const sheet = workbook.addWorksheet('Outstanding');
  sheet.columns = header.map((name) => ({ width: Math.max(12, name.length + 2) }));
  sheet.addRow([title]).font = { bold: true };
  sheet.getRow(headerRow).values = header;
  sheet.getRow(headerRow).font = { bold: true };
  for (const row of rows) sheet.addRow(row.map(cellValue));
  const total = rows.reduce(
    (sum, row) => sum + (typeof row[3] === 'number' && row[3] < 1e12 ? row[3] : 0),
    0,
  );
  sheet.addRow(['Grand Total', null, null, Math.round(total * 100) / 100]).font = { bold: true };
  sheet.eachRow((row: { eachCell: (each: (cell: { value: unknown; numFmt: string }) => void) => void }) => {
    row.eachCell((cell) => {
      if (cell.value instanceof Date) cell.numFmt = 'dd/mm/yyyy';
    });
  });
  await workbook.xlsx.writeFile(join(dir, file));
}

const expected = Object.fromEntries(samples.map((sample) => [sample.file, expectedOf(sample)]));
writeFileSync(join(dir, 'expected.json'), `${JSON.stringify(expected, null, 2)}\n`);
writeFileSync(join(dir, 'README.md'), readmeOf(expected));
execFileSync('npx', ['biome', 'format', '--write', join(dir, 'expected.json')], { stdio: 'inherit' });

function cellValue(cell: SampleCell): unknown {
  if (typeof cell === 'object' && cell !== null && 'day' in cell) return new Date(cell.day * 86_400_000);
  return cell;
}
