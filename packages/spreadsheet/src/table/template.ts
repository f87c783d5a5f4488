import type { CellValue, SheetContent } from '../write/write-workbook.ts';

/** A column of the workbook that people fill in, and what its notes say of it. */
export interface TemplateColumn {
  header: string;
  width: number;
  format?: string;
  /** In which case it must be filled; empty: never. */
  needed: string;
  about: string;
  example: CellValue;
}

/**
 * The workbook that people fill in, for `writeWorkbook`: a sheet of headers only, so that no example is ever
 * uploaded as if it were meant, and one of notes, which holds an example and is not read. `rows` fills the first.
 */
export function templateSheets(
  name: string,
  columns: readonly TemplateColumn[],
  rows: Iterable<CellValue[]> = [],
): SheetContent[] {
  return [
    {
      name,
      columns: columns.map(({ header, width, format }) => ({ header, width, ...(format && { format }) })),
      rows,
    },
    {
      name: 'Notes',
      columns: [
        { header: 'Column', width: 14 },
        { header: 'Needed', width: 18 },
        { header: 'What stands in it', width: 90 },
        { header: 'Example', width: 26 },
      ],
      rows: columns.map(({ header, needed, about, example }) => [header, needed, about, example]),
    },
  ];
}
