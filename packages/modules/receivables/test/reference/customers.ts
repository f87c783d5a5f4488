import {
  addMonths,
  dayInZone,
  type FinancialYear,
  type Month,
  monthOfDay,
  monthsOfYear,
} from '@backoffice/core';
import type {
  AgeBucket,
  CustomerHistoryRow,
  CustomerView,
  Filter,
  InvoiceView,
  Region,
  Scope,
} from '../../src/model.ts';
import { ageBuckets, keyOf, regionCodes } from '../../src/model.ts';
import {
  asOfDay,
  hasBegun,
  type Line,
  lastWord,
  regionsIn,
  slotMatches,
  slots,
  type World,
} from './events.ts';
import { movementsIn } from './movements.ts';
import { showCode, showName, showNumber } from './names.ts';
import { bucketOf, type OpenItem, openItems, openItemsOf } from './open.ts';
import { isLineOf, type RegionState, regionAt, standingLines } from './standing.ts';

/**
 * Decision 13: one row per code, as things stand at the end of the year, or now in the running one. Remark,
 * notes and engineer are today's: they belong to the customer, not to a year.
 */
export function customersOf(world: World, filter: Filter, scope: Scope, year: FinancialYear): CustomerView[] {
  const begun = monthsOfYear(year).filter((month) => hasBegun(world, month));
  if (begun.length === 0) return [];
  const first = begun[0]!;
  const end = begun.at(-1)!;

  // All lines that stood at some moment of the year, its first moment (what March left) included, and
  // which numbers were open, or listed with 0, at some moment.
  const lines: Line[] = [];
  const shownNumbers = new Set<string>();
  const open: OpenItem[] = [];
  for (const region of regionsIn(filter.region, scope)) {
    const look = (state: RegionState, month: Month | null): void => {
      const standing = standingLines(state, region).filter((line) =>
        slotMatches(line.slot, filter.department),
      );
      lines.push(...standing);
      for (const line of standing) {
        // Listed in this year, be it with 0 or as paid: it is shown, as paid.
        if (line.outstanding === 0 || (line.month >= first && !line.kept)) shownNumbers.add(shownKey(line));
        // A user set a status on it in this month of the year: it does not vanish for that.
        if (world.marks.some((mark) => mark.month === month && isLineOf(line, mark.code, mark.number))) {
          shownNumbers.add(shownKey(line));
        }
      }
      for (const item of openItemsOf(state, region, filter.department)) {
        for (const part of item.parts) shownNumbers.add(shownKey(part));
      }
    };
    look(regionAt(world, region, addMonths(first, -1)), null);
    const state = regionAt(world, region, end, (month, after) => {
      if (month >= first) look(after, month);
    });
    look(state, null);
    open.push(...openItemsOf(state, region, filter.department));
  }

  const codes = [...new Set(lines.map((line) => keyOf(line.code)))].sort();
  return codes.map((code) => {
    const own = lines.filter((line) => keyOf(line.code) === code);
    const ownOpen = open.filter((item) => item.code === code);
    const openParts = ownOpen.flatMap((item) => item.parts);
    // The region of the newest open line, else of the newest.
    const leading = newest(openParts.length > 0 ? openParts : own);
    const numbers = new Set<string>();
    for (const line of own) {
      if (line.number !== null && shownNumbers.has(shownKey(line))) numbers.add(keyOf(line.number));
    }
    return {
      id: code,
      code: showCode(world, code),
      name: showName(world, code),
      region: leading.region,
      department: leading.slot,
      agePeriod: oldestBucket(openParts, asOfDay(world, end)),
      outstanding: ownOpen.reduce((sum, item) => sum + item.amount, 0),
      invoices: [...numbers].sort().map((number) => invoiceOf(world, code, number, own, ownOpen)),
      remark: lastWord(world, world.remarks, code) ?? 'none',
      notes: lastWord(world, world.notes, code) ?? '',
      engineerId: lastWord(world, world.assignments, code) ?? null,
    };
  });
}

function shownKey(line: Line): string {
  return JSON.stringify([line.region, keyOf(line.code), line.number === null ? null : keyOf(line.number)]);
}

function invoiceOf(
  world: World,
  code: string,
  number: string,
  own: Line[],
  ownOpen: OpenItem[],
): InvoiceView {
  const open = ownOpen.filter((item) => item.number === number);
  const line = newest(
    open.length > 0
      ? open.flatMap((item) => item.parts)
      : own.filter((each) => each.number !== null && keyOf(each.number) === number),
  );
  return {
    number: showNumber(world, code, number),
    // A number that is open in two departments is two invoices of one name: their amounts add up.
    invoiceAmount:
      open.length > 1
        ? open.reduce((sum, item) => sum + item.parts[0]!.invoiceAmount, 0)
        : line.invoiceAmount,
    outstanding: open.reduce((sum, item) => sum + item.amount, 0),
    date: line.ageing.kind === 'date' ? line.ageing.day : null,
    // Those no longer open are paid.
    status: open.length === 0 ? 'paid' : open.some((item) => item.disputed) ? 'dispute' : 'unpaid',
  };
}

/** By month, then by time of import; then the first slot. A row of its own before a kept one. */
function newest(lines: Line[]): Line {
  const isNewer = (a: Line, b: Line): boolean => {
    if (a.month !== b.month) return a.month > b.month;
    if (a.seq !== b.seq) return a.seq > b.seq;
    if (a.kept !== b.kept) return !a.kept;
    return slots.indexOf(a.slot) < slots.indexOf(b.slot);
  };
  return lines.reduce((best, line) => (isNewer(line, best) ? line : best));
}

/** Decision 10: a customer's age is that of its oldest open line. */
function oldestBucket(parts: Line[], asOf: number): AgeBucket | null {
  const found = parts.map((part) => ageBuckets.indexOf(bucketOf(part.ageing, asOf)));
  return found.length === 0 ? null : ageBuckets[Math.max(...found)]!;
}

/**
 * Decision 13: month by month, oldest first, from the first month in which a line of the customer stands
 * to the running one. Null when the scope has no line of it.
 */
export function historyOf(world: World, code: string, scope: Scope): CustomerHistoryRow[] | null {
  const key = keyOf(code);
  const regions = regionsIn(null, scope);
  const months = world.imports
    .filter((imported) => !imported.undone)
    .map((imported) => imported.month)
    .filter((month) => regions.some((region) => standsAt(world, key, region, month)))
    .sort();
  const first = months[0];
  if (first === undefined) return null;
  const rows: CustomerHistoryRow[] = [];
  const running = monthOfDay(dayInZone(world.now(), world.zone));
  for (let month = first; month <= running; month = addMonths(month, 1)) {
    rows.push(historyRow(world, key, regions, month));
  }
  return rows;
}

function historyRow(world: World, key: string, regions: Region[], month: Month): CustomerHistoryRow {
  const row: CustomerHistoryRow = { month, outstanding: 0, new: 0, recovered: 0, invoices: 0, disputed: 0 };
  for (const region of regions) {
    for (const item of openItems(world, region, month, null)) {
      if (item.code !== key) continue;
      row.outstanding += item.amount;
      if (item.number !== null) row.invoices += 1;
      if (item.disputed) row.disputed += 1;
    }
    for (const movement of movementsIn(world, region, month, null)) {
      if (movement.code === key) row[movement.figure] += movement.amount;
    }
  }
  return row;
}

function standsAt(world: World, key: string, region: Region, month: Month): boolean {
  return standingLines(regionAt(world, region, month), region).some((line) => keyOf(line.code) === key);
}

/** Whether any statement in force, anywhere, holds a line of the customer. */
export function isKnownCustomer(world: World, code: string): boolean {
  return regionCodes.some((region) =>
    world.imports.some(
      (imported) => !imported.undone && standsAt(world, keyOf(code), region, imported.month),
    ),
  );
}
