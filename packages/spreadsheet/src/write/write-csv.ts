import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isoDate } from '@backoffice/core';
import { stringify } from 'csv-stringify';
import { inertCsvText } from './inert.ts';
import type { CellValue, SheetContent } from './write-workbook.ts';

export const csvType = 'text/csv; charset=utf-8';

/**
 * Writes one sheet as comma-separated text (RFC 4180, UTF-8 with a mark, by which Excel knows it), as fast as the
 * target takes it. Every text is inert (see `inertCsvText`) and stands in quotation marks; numbers stay numbers,
 * days are ISO dates. Resolves when the target has everything; when the rows or the target fail, the target is
 * destroyed and the error comes out.
 */
export async function writeCsv(
  target: Writable,
  { columns, rows }: Omit<SheetContent, 'name'>,
): Promise<void> {
  const stringifier = stringify({ bom: true, record_delimiter: 'windows', quoted_string: true });
  async function* records(): AsyncGenerator<(string | number)[]> {
    yield columns.map((column) => plainValue(column.header));
    for await (const values of rows) yield values.map(plainValue);
  }
  await pipeline(Readable.from(records(), { highWaterMark: 100 }), stringifier, target);
}

function plainValue(value: CellValue): string | number {
  if (value === null || value === undefined || value === '') return '';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'string') return inertCsvText(value);
  if (typeof value === 'object') return isoDate(value.day);
  if (!Number.isFinite(value)) throw new RangeError(`a cell can't hold ${value}`);
  return value;
}
