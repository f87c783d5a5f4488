import type { CellValue, SheetContent } from './write-workbook.ts';

/** Rows of one sheet; Excel takes 1,048,576 with the header. */
const rowsOfSheet = 1_000_000;

/**
 * A sheet as one after the other, of as many rows as a sheet may have: `Audit`, `Audit 2`, … The rows are taken as
 * they come, one in memory at a time.
 */
export async function* sheetParts(
  { name, columns, rows }: SheetContent & { rows: AsyncIterable<CellValue[]> },
  most = rowsOfSheet,
): AsyncGenerator<SheetContent> {
  const all = rows[Symbol.asyncIterator]();
  let next = await all.next();
  async function* part(): AsyncGenerator<CellValue[]> {
    for (let count = 0; count < most && !next.done; count += 1) {
      yield next.value;
      next = await all.next();
    }
  }
  try {
    for (let sheet = 1; sheet === 1 || !next.done; sheet += 1) {
      yield { name: sheet === 1 ? name : `${name} ${sheet}`, columns, rows: part() };
    }
  } finally {
    await all.return?.(undefined);
  }
}
