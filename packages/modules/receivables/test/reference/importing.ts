import { type DayNumber, dayInZone, type ErrorCode, lastDayOf, type Month } from '@backoffice/core';
import type { Ageing, Department, Pair, Region, StatementRow } from '../../src/model.ts';
import { keyOf, regionCodes } from '../../src/model.ts';
import {
  type Counts,
  hasBegun,
  type ImportEvent,
  type Line,
  lastWord,
  monthOf,
  nextSeq,
  type Slot,
  sameCode,
  sameNumber,
  slots,
  type World,
} from './events.ts';
import { openItems } from './open.ts';
import {
  inForce,
  isLineOf,
  isWhollyInForce,
  linesInForce,
  regionAt,
  replacedSlots,
  type StandingLine,
  slotsOf,
  standingLines,
} from './standing.ts';

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
  for (const row of rows) {
    const ageing = ageingOf(world, row, asOf);
    if (ageing) {
      lines.push(lineOf(world, row, ageing));
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
    seq: nextSeq(world),
    at,
    month,
    sameFileKey,
    pairs,
    lines: [...lines, ...keptLines(lines, rejected, removed, pairs)],
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
    rows.filter((row) => !outcome.withoutAge.includes(row.row)),
  );
  world.imports.push(imported);
  return { ...outcome, saved: true };
}

/**
 * Decision 10: the row's own date, the date known for that customer's invoice, the sheet's `Age`. Where none
 * of these is there, what an earlier sheet's age said.
 */
function ageingOf(world: World, row: StatementRow, asOf: DayNumber): Ageing | null {
  if (row.date !== null) return { kind: 'date', day: row.date };
  const known = knownLines(world, row);
  const dated = known.find((line) => line.ageing.kind === 'date');
  if (dated) return dated.ageing;
  if (row.age && 'days' in row.age) return { kind: 'counted', day: asOf - row.age.days };
  if (row.age) return { kind: 'bucket', bucket: row.age.bucket };
  return known[0]?.ageing ?? null;
}

/** Lines of the same invoice in the statements in force, the newest first. On-account money has none. */
function knownLines(world: World, row: StatementRow): StandingLine[] {
  if (row.number === null) return [];
  return linesInForce(world).filter((line) => isLineOf(line, row.code, row.number));
}

function lineOf(world: World, row: StatementRow, ageing: Ageing): Line {
  return {
    region: row.region,
    slot: row.department,
    row: row.row,
    code: row.code,
    name: row.name,
    number: row.number,
    outstanding: row.outstanding,
    // Decision 20: missing: the known one, else the outstanding.
    invoiceAmount: row.invoiceAmount ?? knownLines(world, row)[0]?.invoiceAmount ?? row.outstanding,
    ageing,
    status: row.status,
    kept: false,
  };
}

function distinctPairs(lines: Line[]): Pair[] {
  const pairs: Pair[] = [];
  for (const region of regionCodes) {
    for (const slot of slots) {
      if (lines.some((line) => line.region === region && line.slot === slot)) {
        pairs.push({ region, department: slot });
      }
    }
  }
  return pairs;
}

function writtenSlots(pairs: Pair[], region: Region): Slot[] {
  return slots.filter((slot) => pairs.some((pair) => pair.region === region && pair.department === slot));
}

/** Decision 4: pairs that would go on standing beside the file, with open amounts. */
function openPairsNotMentioned(world: World, month: Month, pairs: Pair[]): Pair[] {
  const left: Pair[] = [];
  for (const region of regionCodes) {
    const replaced = replacedSlots(writtenSlots(pairs, region));
    const open = openItems(world, region, month, null);
    for (const slot of slots) {
      if (replaced.includes(slot)) continue;
      if (open.some((item) => item.slot === slot)) left.push({ region, department: slot });
    }
  }
  return left;
}

/** What stood before in the pairs that the upload fills or replaces, stand-ins included. */
function linesReplaced(world: World, month: Month, pairs: Pair[]): StandingLine[] {
  return regionCodes.flatMap((region) => {
    const replaced = replacedSlots(writtenSlots(pairs, region));
    return standingLines(regionAt(world, region, month), region).filter((line) =>
      replaced.includes(line.slot),
    );
  });
}

/** Decision 5: a line whose row was rejected stays, unless the file has an accepted row for it. */
function keptLines(
  accepted: Line[],
  rejected: RejectedKey[],
  removed: StandingLine[],
  pairs: Pair[],
): Line[] {
  const kept: Line[] = [];
  for (const { month: _month, seq: _seq, ...line } of removed) {
    const refused = rejected.find(
      (row) =>
        row.code !== null &&
        sameCode(row.code, line.code) &&
        (line.number === null ? row.onAccount : !row.onAccount && sameNumber(row.number, line.number)),
    );
    if (!refused) continue;
    if (accepted.some((row) => isLineOf(row, line.code, line.number))) continue;
    const written = writtenSlots(pairs, line.region);
    const slot = [refused.department, line.slot].find((candidate) => written.includes(candidate));
    kept.push({ ...line, slot: slot === undefined ? written[0]! : slot, kept: true });
  }
  return kept;
}

/** Decision 21: against what stood before in the region's pairs that are filled or replaced. */
function countLines(
  lines: Line[],
  removed: StandingLine[],
): { result: 'inserted' | 'updated' | 'unchanged'; count: number }[] {
  const counted: { result: 'inserted' | 'updated' | 'unchanged'; count: number }[] = [];
  for (const line of lines) {
    const prior = removed.filter(
      (other) => other.region === line.region && isLineOf(other, line.code, line.number),
    );
    if (prior.length === 0) {
      counted.push({ result: 'inserted', count: 1 });
    } else if (line.number === null) {
      // On-account amounts have no key: all of a customer's in the region are compared at once.
      const now = lines.filter((other) => other.region === line.region && isLineOf(other, line.code, null));
      const alike = JSON.stringify(now.map(factsOf).sort()) === JSON.stringify(prior.map(factsOf).sort());
      counted.push({ result: alike ? 'unchanged' : 'updated', count: 1 });
    } else {
      const alike = prior.some(
        (other) =>
          factsOf(other) === factsOf(line) &&
          (line.status === null || line.status === (other.status ?? 'unpaid')),
      );
      counted.push({ result: alike ? 'unchanged' : 'updated', count: 1 });
    }
  }
  return counted;
}

function factsOf(line: Line): string {
  const { ageing } = line;
  const age = ageing.kind === 'bucket' ? ageing.bucket : ageing.day;
  return JSON.stringify([line.outstanding, line.invoiceAmount, ageing.kind, age]);
}

/** Decision 23: what would almost certainly be a mistake. */
function reasonsToConfirm(world: World, imported: ImportEvent): Reason[] {
  const { month } = imported;
  const after: World = { ...world, imports: [...world.imports, imported] };
  const reasons: Reason[] = [];
  for (const region of regionCodes) {
    const written = slotsOf(imported, region);
    if (written.length === 0) continue;
    // 20 open lines or more, of which over 80 % would be lost.
    const before = openItems(world, region, month, null);
    const left = openItems(after, region, month, null);
    const lost = before.filter(
      (item) => !left.some((other) => other.code === item.code && other.number === item.number),
    );
    if (before.length >= 20 && lost.length * 10 > before.length * 8) {
      reasons.push({ kind: 'loses_lines', region });
    }
    // One department over a statement that speaks for the whole region.
    const whole = regionAt(world, region, month).cells.has(null);
    if (whole && written.length === 1 && written[0] !== null)
      reasons.push({ kind: 'one_department', region });
  }
  return reasons;
}

/** Decision 6: a filled remark, notes or engineer cell fills only what is empty. */
function fillWhatIsEmpty(world: World, imported: ImportEvent, rows: StatementRow[]): void {
  const { seq, at, uploadId } = imported;
  for (const row of rows) {
    const said = { seq, at, code: row.code, uploadId };
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

export type UndoOutcome = { code: ErrorCode | null };

/**
 * Decision 24. Brings back what stood before for every pair that is still the import's. Where it was
 * replaced, nothing may change: the import that came after it takes over what it had removed there.
 */
export function undoImport(world: World, uploadId: string): UndoOutcome {
  const undone = world.imports.find((imported) => imported.uploadId === uploadId);
  if (!undone) return { code: 'NOT_FOUND' };
  if (undone.undone) return { code: 'UPLOAD_ALREADY_UNDONE' };
  for (const region of regionCodes) {
    const written = slotsOf(undone, region);
    if (written.length === 0) continue;
    const cells = inForce(world, region, undone.month);
    const removed = [
      ...replacedSlots(written),
      ...undone.takenOver.filter((pair) => pair.region === region).map((pair) => pair.department),
    ].filter((slot) => cells.get(slot) !== undone);
    const next = world.imports.find(
      (imported) =>
        !imported.undone &&
        imported.month === undone.month &&
        imported.seq > undone.seq &&
        slotsOf(imported, region).length > 0,
    );
    next?.takenOver.push(...removed.map((department) => ({ region, department })));
  }
  undone.undone = true;
  return { code: null };
}
