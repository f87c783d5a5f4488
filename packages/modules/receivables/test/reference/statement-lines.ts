import type { DayNumber, Month } from '@backoffice/core';
import type { Ageing, Pair, Region, StatementRow } from '../../src/model.ts';
import { regionCodes } from '../../src/model.ts';
import { type Line, type Slot, sameCode, sameNumber, slots, type World } from './events.ts';
import type { RejectedKey } from './importing.ts';
import { openItems } from './open.ts';
import { isLineOf, linesInForce, regionAt, replacedSlots, standingLines } from './standing.ts';

/**
 * Decision 10: the row's own date, the date known for that customer's invoice, the sheet's `Age`; with none
 * of these the row is rejected.
 */
export function ageingOf(world: World, row: StatementRow, asOf: DayNumber): Ageing | null {
  if (row.date !== null) return { kind: 'date', day: row.date };
  const known = knownLines(world, row);
  const dated = known.find((line) => line.ageing.kind === 'date');
  if (dated) return dated.ageing;
  if (row.age && 'days' in row.age) return { kind: 'counted', day: asOf - row.age.days };
  if (row.age) return { kind: 'bucket', bucket: row.age.bucket };
  return null;
}

/** Lines of the same invoice in the statements in force, the newest first. On-account money has none. */
function knownLines(world: World, row: StatementRow): Line[] {
  if (row.number === null) return [];
  return linesInForce(world, row.code, row.number);
}

export function lineOf(
  world: World,
  row: StatementRow,
  ageing: Ageing,
  statement: { month: Month; seq: number },
): Line {
  return {
    ...statement,
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

export function distinctPairs(lines: Line[]): Pair[] {
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
export function openPairsNotMentioned(world: World, month: Month, pairs: Pair[]): Pair[] {
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
export function linesReplaced(world: World, month: Month, pairs: Pair[]): Line[] {
  return regionCodes.flatMap((region) => {
    const replaced = replacedSlots(writtenSlots(pairs, region));
    return standingLines(regionAt(world, region, month), region).filter((line) =>
      replaced.includes(line.slot),
    );
  });
}

/** Decision 5: a line whose row was rejected stays, unless the file has an accepted row for it. */
export function keptLines(
  accepted: Line[],
  rejected: RejectedKey[],
  removed: Line[],
  pairs: Pair[],
  statement: { month: Month; seq: number },
): Line[] {
  const kept: Line[] = [];
  for (const line of removed) {
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
    kept.push({ ...line, ...statement, slot: slot === undefined ? written[0]! : slot, kept: true });
  }
  return kept;
}

/** Decision 21: against what stood before in the region's pairs that are filled or replaced. */
export function countLines(
  lines: Line[],
  removed: Line[],
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
