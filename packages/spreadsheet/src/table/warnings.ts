import { cellReference } from '../cells.ts';
import type { Header, HeaderCell } from './headers.ts';

/** Something the uploader should know; nothing was refused for it. */
export interface Warning {
  code: string;
  message: string;
  /** How many rows, customers or cells it is about. */
  count?: number;
  details?: Record<string, unknown>;
}

/** More of those that are kept each, nobody reads. */
const MAX_SINGLE = 100;

export interface WarningList {
  add(warning: Warning): void;
  list(): Warning[];
}

/**
 * Collects warnings. Those with a count are one for each code: counts add up and the first message stands,
 * so that ten thousand alike stay one line and take no memory. Those without a count are kept each.
 */
export function createWarningList(): WarningList {
  const single: Warning[] = [];
  const counted = new Map<string, { first: Warning; count: number; times: number }>();
  return {
    add(warning) {
      if (warning.count === undefined) {
        if (single.length < MAX_SINGLE) single.push(warning);
        return;
      }
      const known = counted.get(warning.code);
      if (known) {
        known.count += warning.count;
        known.times += 1;
      } else counted.set(warning.code, { first: warning, count: warning.count, times: 1 });
    },
    list() {
      const merged = [...counted.values()].map(({ first, count, times }) =>
        times === 1
          ? first
          : { ...first, count, message: `${first.message} (And ${times - 1} more like this.)` },
      );
      return [...single, ...merged];
    },
  };
}

/** The same for a list at hand. */
export function mergeWarnings(warnings: Iterable<Warning>): Warning[] {
  const list = createWarningList();
  for (const warning of warnings) list.add(warning);
  return list.list();
}

export function headerChanged(sheet: string, row: number): Warning {
  return {
    code: 'HEADER_CHANGED',
    message: `Row ${row} of sheet "${sheet}" is a header with other columns than the one above; the rows below it were read by it.`,
    count: 1,
    details: { sheet, row },
  };
}

/** A column as warnings name it. */
export const columnLabel = (row: number) => (cell: HeaderCell) =>
  `"${cell.header}" (${cellReference(row, cell.index)})`;

/** One warning for each meaning that two or more columns have. */
export function doubledColumns<N extends string>(sheet: string, row: number, header: Header<N>): Warning[] {
  return header.columns
    .filter((column) => column.twins.length > 0)
    .map((column) => ({
      code: 'COLUMN_DOUBLED',
      message: `Columns ${[column, ...column.twins].map(columnLabel(row)).join(' and ')} of sheet "${sheet}" mean the same. Rows in which they differ are refused.`,
      details: { sheet, row, columns: [column, ...column.twins].map((cell) => cell.header) },
    }));
}

export function otherSheetsFit(sheet: string, others: readonly string[]): Warning {
  const names = others.map((name) => `"${name}"`).join(', ');
  return {
    code: 'OTHER_SHEETS',
    message: `Only sheet "${sheet}" was read. These have a header that fits too: ${names}.`,
    count: others.length,
    details: { sheet, others: [...others] },
  };
}

export function hiddenRows(count: number): Warning {
  return {
    code: 'HIDDEN_ROWS',
    message: `${count} row(s) that are hidden, for example by a filter, were read like the others.`,
    count,
  };
}
