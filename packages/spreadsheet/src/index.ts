export { type Cell, cellReference, type SheetInfo, type SheetRow } from './cells.ts';
export { defaultReadLimits, type ReadLimits } from './limits.ts';
export { checkContainer } from './read/check-container.ts';
export { type ReadOptions, readWorkbook, type WorkbookHandlers } from './read/read-workbook.ts';
export { days1904 } from './read/serials.ts';
export { csvType, writeCsv } from './write/write-csv.ts';
export {
  type CellValue,
  type DayValue,
  type SheetColumn,
  type SheetContent,
  writeWorkbook,
} from './write/write-workbook.ts';
