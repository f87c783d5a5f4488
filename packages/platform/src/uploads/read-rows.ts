import { readWorkbook, type TableSearch } from '@backoffice/spreadsheet';
import type { ImportRun } from './model.ts';

/**
 * Hands the sheets and rows of an import's workbook to a reader, to the end, and says meanwhile that it goes on: up
 * to half of the import's progress. `settle` is awaited after each batch, so that no more than one is in memory.
 */
export async function readRows(
  { path, signal, progress }: Pick<ImportRun, 'path' | 'signal' | 'progress'>,
  reader: Pick<TableSearch, 'onSheet' | 'onRows'>,
  settle: () => Promise<void>,
): Promise<void> {
  let rows = 0;
  await readWorkbook(
    path,
    {
      onSheet: (info) => reader.onSheet(info),
      async onRows(batch) {
        const answer = reader.onRows(batch);
        await settle();
        rows += batch.length;
        // How many there will be is not known before the end; this only shows that it goes on.
        await progress(0.5 * (1 - 1 / (1 + rows / 20_000)));
        return answer;
      },
    },
    { signal },
  );
}
