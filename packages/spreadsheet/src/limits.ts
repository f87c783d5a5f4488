/** What a workbook may cost. All caps are documented; going beyond one is an error, never a silent cut. */
export interface ReadLimits {
  /** Rows of a sheet (Excel's own limit). */
  maxRows: number;
  /** Columns that are read; what stands further right is ignored. */
  maxColumns: number;
  /** Inflated bytes of all parts together, as declared and as counted while reading. */
  maxInflatedBytes: number;
  /** Inflated to compressed bytes of one part… */
  maxRatio: number;
  /** …checked only for parts larger than this: small ones may well compress better. */
  ratioFromBytes: number;
  /** Files inside the container. */
  maxEntries: number;
  /** Texts in the workbook's shared table, and their bytes as UTF-8. */
  maxSharedStrings: number;
  maxSharedStringBytes: number;
  /** Characters of one cell (Excel's own limit). */
  maxCellText: number;
  /** Milliseconds that the caller waits for the parser in all; the caller's own handlers don't count. */
  maxMs: number;
  /** Heap of the parsing process in MB. The table of shared texts lies outside of it, bounded on its own. */
  maxHeapMb: number;
}

export const defaultReadLimits: Readonly<ReadLimits> = Object.freeze({
  maxRows: 1_048_576,
  maxColumns: 256,
  maxInflatedBytes: 1024 ** 3,
  maxRatio: 100,
  ratioFromBytes: 16 * 1024 ** 2,
  maxEntries: 4096,
  maxSharedStrings: 3_000_000,
  maxSharedStringBytes: 200 * 1024 ** 2,
  maxCellText: 32_767,
  maxMs: 300_000,
  maxHeapMb: 256,
});
