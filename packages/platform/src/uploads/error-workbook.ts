import type { SheetContent } from '@backoffice/spreadsheet';
import type { RowError } from './model.ts';

/** All row errors as a sheet that one can work through beside the file. */
export function errorSheet(errors: AsyncIterable<RowError>): SheetContent {
  return {
    name: 'Errors',
    columns: [
      { header: 'Sheet', width: 16 },
      { header: 'Row', width: 8 },
      { header: 'Column', width: 20 },
      { header: 'Cell', width: 8 },
      { header: 'Code', width: 24 },
      { header: 'Message', width: 70 },
      { header: 'Value', width: 30 },
    ],
    rows: rowsOf(errors),
  };
}

async function* rowsOf(errors: AsyncIterable<RowError>) {
  for await (const { sheet, row, column, cell, code, message, value } of errors) {
    yield [sheet, row, column, cell, code, message, value];
  }
}
