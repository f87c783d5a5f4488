export { type Cell, cellReference, type SheetInfo, type SheetRow } from './cells.ts';
export { defaultReadLimits, type ReadLimits } from './limits.ts';
export { checkContainer } from './read/check-container.ts';
export { type ReadOptions, readWorkbook, type WorkbookHandlers } from './read/read-workbook.ts';
export { days1904 } from './read/serials.ts';
export * from './table/headers.ts';
export * from './table/rows.ts';
export * from './table/search.ts';
export * from './table/template.ts';
export * from './table/texts.ts';
export * from './table/warnings.ts';
export { inertText, withoutGuards } from './write/inert.ts';
export { sheetParts } from './write/sheet-parts.ts';
export { csvType, writeCsv } from './write/write-csv.ts';
export {
  type CellValue,
  type DayValue,
  type SheetColumn,
  type SheetContent,
  writeWorkbook,
} from './write/write-workbook.ts';
