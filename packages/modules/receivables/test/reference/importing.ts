import { type DayNumber, dayInZone, type ErrorCode, lastDayOf, type Month } from '@backoffice/core';
import type { Department, Pair, Region, StatementRow } from '../../src/model.ts';
import { keyOf, regionCodes } from '../../src/model.ts';
import {
  type Counts,
  hasBegun,
  type ImportEvent,
  type Line,
  lastWord,
  monthOf,
  nextSeq,
  type World,
} from './events.ts';
import { openItems } from './open.ts';
import { isWhollyInForce, regionAt, slotsOf } from './standing.ts';
import {
  ageingOf,
  countLines,
  distinctPairs,
  keptLines,
  lineOf,
  linesReplaced,
  openPairsNotMentioned,
} from './statement-lines.ts';

/** A row that the row checks refused, as far as it could be read. */
export interface RejectedKey {
  code: string | null;
  number: string | null;
  onAccount: boolean;
  department: Department | null;
  region: Region | null;
}

export interface ImportInput {
  uploadId: string;
  /** The same for the same bytes. */
  fileKey: string;
  month: Month;
  /** Rows that passed the checks of a row and across rows. */
  rows: StatementRow[];
  rejected: RejectedKey[];
  /** Rows that were left out as exact repetitions. */
  duplicates?: number;
  /** The form's department: fills blank department cells. */
  department: Department | null;
  covers: 'listed' | 'all';
  onError: 'reject_rows' | 'reject_all';
  confirm: boolean;
  dryRun: boolean;
  /** The header of the outstanding column names another month. */
  headerMonthDiffers?: boolean;
  /** ISO moment of the import. */
  at: string;
  /** Default: the last day of a past month, the day of `at` in the running one. */
  asOf?: DayNumber;
}

export interface Reason {
  kind: 'header_month' | 'loses_lines' | 'one_department';
  region: Region | null;
}

export interface ImportOutcome {
  /** Null when the import succeeded. */
  code: ErrorCode | null;
  saved: boolean;
  counts: Counts;
  duplicateOf: string | null;
  /** Why it needs, or would have needed, a confirmation (decision 23). */
  reasons: Reason[];
  /** Sheet rows that were rejected because no date or age is known. */
  withoutAge: number[];
  /** Pairs with open amounts that the file does not mention (decision 4). */
  notMentioned: Pair[];
}

export function importStatement(world: World, input: ImportInput): ImportOutcome {
  const rows = input.rows.map((row) => ({ ...row, department: row.department ?? input.department }));
  const rejected = input.rejected.map((row) => ({ ...row, department: row.department ?? input.department }));
  const at = new Date(input.at);
  const month = input.month;
  const asOf = input.asOf ?? (month < monthOf(world, at) ? lastDayOf(month) : dayInZone(at, world.zone));
  const outcome: ImportOutcome = {
    code: null,
    saved: false,
    counts: {
      read: rows.length + rejected.length + (input.duplicates ?? 0),
      inserted: 0,
      updated: 0,
      unchanged: 0,
      duplicates: input.duplicates ?? 0,
      rejected: rejected.length,
    },
    duplicateOf: null,
    reasons: [],
    withoutAge: [],
    notMentioned: [],
  };

  // Decision 4: no statement for a month that has not begun.
  if (!hasBegun(world, month)) return { ...outcome, code: 'MONTH_NOT_BEGUN' };

  // Decision 24: the same file, month, department and options, while all its pairs are in force.
  const { fileKey, department, covers, onError } = input;
  const sameFileKey = JSON.stringify([fileKey, month, department, covers, onError]);
  const earlier = world.imports.find(
    (imported) => imported.sameFileKey === sameFileKey && isWhollyInForce(world, imported),
  );
  if (earlier) return { ...outcome, duplicateOf: earlier.uploadId, counts: earlier.counts };

  // Decision 10: a row with no date, no known date and no age is rejected.
  const lines: Line[] = [];
  const statement = { month, seq: nextSeq(world) };
  for (const row of rows) {
    const ageing = ageingOf(world, row, asOf);
    if (ageing) {
      lines.push(lineOf(world, row, ageing, statement));
      continue;
    }
    outcome.withoutAge.push(row.row);
    outcome.counts.rejected += 1;
    rejected.push({
      code: row.code,
      number: row.number,
      onAccount: row.number === null,
      department: row.department,
      region: row.region,
    });
  }

  // Decision 22.
  if (outcome.counts.read === 0) return { ...outcome, code: 'NO_ROWS' };
  if (onError === 'reject_all' && rejected.length > 0) return { ...outcome, code: 'ROWS_REJECTED' };
  if (lines.length === 0) return { ...outcome, code: 'ALL_ROWS_REJECTED' };

  // Decision 3: the pairs that occur in the accepted rows; decision 4: `covers=all` adds empty ones.
  const pairs = distinctPairs(lines);
  outcome.notMentioned = openPairsNotMentioned(world, month, pairs);
  if (covers === 'all') pairs.push(...outcome.notMentioned);

  const removed = linesReplaced(world, month, pairs);
  for (const { result, count } of countLines(lines, removed)) outcome.counts[result] += count;

  const imported: ImportEvent = {
    uploadId: input.uploadId,
    ...statement,
    sameFileKey,
    pairs,
    lines: [...lines, ...keptLines(lines, rejected, removed, pairs, statement)],
    counts: outcome.counts,
    undone: false,
    takenOver: [],
  };

  // Decision 23.
  if (input.headerMonthDiffers) outcome.reasons.push({ kind: 'header_month', region: null });
  outcome.reasons.push(...reasonsToConfirm(world, imported));
  if (input.dryRun) return outcome;
  if (outcome.reasons.length > 0 && !input.confirm) return { ...outcome, code: 'CONFIRMATION_NEEDED' };

  fillWhatIsEmpty(
    world,
    imported,
    monthOf(world, at),
    rows.filter((row) => !outcome.withoutAge.includes(row.row)),
  );
  world.imports.push(imported);
  return { ...outcome, saved: true };
}

/** Decision 23: what would almost certainly be a mistake. */
function reasonsToConfirm(world: World, imported: ImportEvent): Reason[] {
  const { month } = imported;
  const after: World = { ...world, imports: [...world.imports, imported] };
  const reasons: Reason[] = [];
  for (const region of regionCodes) {
    const written = slotsOf(imported, region);
    if (written.length === 0) continue;
    // 20 open lines or more before, and fewer than a fifth as many after. The number of lines is compared,
    // not which ones they are: in a healthy month nearly all of them may be settled and others take their place.
    const before = openItems(world, region, month, null).length;
    const left = openItems(after, region, month, null).length;
    if (before >= 20 && (before - left) * 10 > before * 8) reasons.push({ kind: 'loses_lines', region });
    // One department over a statement that speaks for the whole region.
    const whole = regionAt(world, region, month).cells.has(null);
    if (whole && written.length === 1 && written[0] !== null)
      reasons.push({ kind: 'one_department', region });
  }
  return reasons;
}

/** Decision 6: a filled remark, notes or engineer cell fills only what is empty. */
function fillWhatIsEmpty(world: World, imported: ImportEvent, month: Month, rows: StatementRow[]): void {
  const { seq, uploadId } = imported;
  for (const row of rows) {
    const said = { seq, month, code: row.code, uploadId };
    if (
      row.remark &&
      row.remark !== 'none' &&
      (lastWord(world, world.remarks, row.code) ?? 'none') === 'none'
    ) {
      world.remarks.push({ ...said, value: row.remark });
    }
    if (row.notes && !lastWord(world, world.notes, row.code)) {
      world.notes.push({ ...said, value: row.notes });
    }
    const engineer = engineerNamed(world, row.engineer, row.region);
    if (engineer && !lastWord(world, world.assignments, row.code)) {
      world.assignments.push({ ...said, value: engineer });
    }
  }
}

/** Decision 28: a name must be unique in the region; an unknown one is only a warning. */
function engineerNamed(world: World, name: string | null, region: Region): string | null {
  if (!name) return null;
  const named = world.engineers.filter(
    (engineer) => engineer.region === region && keyOf(engineer.name) === keyOf(name),
  );
  return named.length === 1 ? named[0]!.id : null;
}
