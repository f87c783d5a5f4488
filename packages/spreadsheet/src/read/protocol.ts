import type { ErrorCode } from '@backoffice/core';
import type { Cell, SheetInfo, SheetRow } from '../cells.ts';
import type { ReadLimits } from '../limits.ts';

/**
 * How the parsing process talks: one JSON text per line on its output. It answers to one word per line on
 * its input. Cells travel in a short form, since they are nearly all of the traffic.
 */
export type Message =
  /** A sheet; answered by `read` or `skip`. */
  | { sheet: SheetInfo }
  /** Rows of it; answered by `more` or `enough`. At most IN_FLIGHT of them are unanswered. */
  | { rows: WireRow[] }
  | { done: true; peakRssKb: number }
  | { failed: Failed; peakRssKb: number };

/** Without a code it is not the workbook's fault: the file is gone, the disk fails. */
export interface Failed {
  code?: ErrorCode;
  message: string;
  details?: Record<string, unknown>;
}

export type Answer = 'read' | 'skip' | 'more' | 'enough';

/** The first line that the parsing process gets. */
export interface ReadRequest {
  path: string;
  limits: ReadLimits;
}

export const IN_FLIGHT = 3;
/** A batch is sent when it holds so many rows or about so many characters. */
export const BATCH_ROWS = 512;
export const BATCH_CHARACTERS = 256 * 1024;

/**
 * Text, number and boolean as themselves; null is blank; [] a formula without value; [0, …] date, [1, …] error,
 * [2, …] a number and its digits.
 */
export type WireCell =
  | null
  | string
  | number
  | boolean
  | []
  | [0, number]
  | [0, number, string]
  | [1, string]
  | [2, number, number];
/** Row number, hidden as 0 or 1, cells. */
export type WireRow = [number, 0 | 1, WireCell[]];

export function rowFromWire([row, hidden, cells]: WireRow): SheetRow {
  return { row, hidden: hidden === 1, cells: cells.map(cellFromWire) };
}

function cellFromWire(cell: WireCell): Cell | undefined {
  if (cell === null) return undefined;
  if (typeof cell === 'string') return { kind: 'text', text: cell };
  if (typeof cell === 'number') return { kind: 'number', value: cell };
  if (typeof cell === 'boolean') return { kind: 'boolean', value: cell };
  if (cell.length === 0) return { kind: 'formula' };
  if (cell[0] === 1) return { kind: 'error', text: cell[1] };
  if (cell[0] === 2) return { kind: 'number', value: cell[1], digits: cell[2] };
  return cell.length === 3
    ? { kind: 'date', value: cell[1], text: cell[2] }
    : { kind: 'date', value: cell[1] };
}
