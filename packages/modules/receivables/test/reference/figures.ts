import {
  addMonths,
  dayInZone,
  financialYearOf,
  type Month,
  monthOfDay,
  monthsOfYear,
} from '@backoffice/core';
import type {
  AgeBucket,
  AgeRow,
  DashboardFigures,
  ExplainLine,
  Figure,
  Filter,
  MonthFigures,
  Region,
  Scope,
  StandIn,
  TrackerRow,
  TrendRow,
} from '../../src/model.ts';
import { ageBuckets } from '../../src/model.ts';
import { engineersOf } from './engineers.ts';
import { asOfDay, hasBegun, regionsIn, slotMatches, slots, type World } from './events.ts';
import { movementsIn } from './movements.ts';
import { showCode, showName, showNumber } from './names.ts';
import { bucketOf, openItems } from './open.ts';
import { inForce, regionAt } from './standing.ts';

export type ReferenceFigures = Omit<DashboardFigures, 'ledgerVersion'>;

/** Decisions 7 and 8, summed over the regions. All zero in a month that has not begun. */
export function monthFigures(world: World, filter: Filter, scope: Scope, month: Month): MonthFigures {
  const figures: MonthFigures = { total: 0, new: 0, recovered: 0, invoices: 0, disputed: 0, customers: 0 };
  if (!hasBegun(world, month)) return figures;
  for (const region of regionsIn(filter.region, scope)) {
    const open = openItems(world, region, month, filter.department);
    for (const item of open) {
      figures.total += item.amount;
      if (item.number !== null) figures.invoices += 1;
      if (item.disputed) figures.disputed += 1;
    }
    // Codes with an open line, once per region.
    figures.customers += new Set(open.map((item) => item.code)).size;
    for (const movement of movementsIn(world, region, month, filter.department)) {
      figures[movement.figure] += movement.amount;
    }
  }
  return figures;
}

/** Decision 1: the newest month with a statement, wherever it is; the running month when there is none. */
export function defaultMonth(world: World): Month {
  const months = world.imports.filter((imported) => !imported.undone).map((imported) => imported.month);
  return months.sort().at(-1) ?? monthOfDay(dayInZone(world.now(), world.zone));
}

export function dashboardOf(
  world: World,
  filter: Filter,
  scope: Scope,
  month: Month = defaultMonth(world),
): ReferenceFigures {
  const previous = addMonths(month, -1);
  const figures: ReferenceFigures = {
    month,
    current: monthFigures(world, filter, scope, month),
    previous: monthFigures(world, filter, scope, previous),
    comparedWith: null,
    standsIn: [],
    reported: 0,
    standing: 0,
    ages: [],
    trend: [],
    recovery: [],
    engineers: [],
  };
  // Decision 4: a month that has not begun has zeros and empty lists.
  if (!hasBegun(world, month)) {
    return { ...figures, previous: { ...figures.current } };
  }
  const regions = regionsIn(filter.region, scope);
  const standing = regions.filter((region) => somethingStands(world, region, month, filter));
  figures.standing = standing.length;
  figures.reported = regions.filter((region) => hasStatement(world, region, month, filter)).length;
  figures.standsIn = standing.flatMap((region) => standInsOf(world, region, month, filter));
  figures.comparedWith = newestStatementBefore(world, regions, month, filter);
  figures.ages = agesOf(world, filter, scope, month);
  figures.trend = trendOf(world, regions, month, filter);
  figures.recovery = recoveryOf(world, filter, scope, month);
  figures.engineers = engineersOf(world, filter, scope, month);
  return figures;
}

/** The slots that stand in a region, as far as the filter looks. */
function standingCells(world: World, region: Region, month: Month, filter: Filter): StandIn[] {
  const { cells } = regionAt(world, region, month);
  return slots.flatMap((slot) => {
    const cell = cells.get(slot);
    return cell && slotMatches(slot, filter.department)
      ? [{ region, department: slot, month: cell.month }]
      : [];
  });
}

function somethingStands(world: World, region: Region, month: Month, filter: Filter): boolean {
  return standingCells(world, region, month, filter).length > 0;
}

/** A statement for the month itself. */
function hasStatement(world: World, region: Region, month: Month, filter: Filter): boolean {
  return [...inForce(world, region, month).keys()].some((slot) => slotMatches(slot, filter.department));
}

/** Decision 4. */
function standInsOf(world: World, region: Region, month: Month, filter: Filter): StandIn[] {
  return standingCells(world, region, month, filter).filter((cell) => cell.month < month);
}

/** Decision 9: the newest month before with a statement in the filter. */
function newestStatementBefore(world: World, regions: Region[], month: Month, filter: Filter): Month | null {
  const months = world.imports
    .map((imported) => imported.month)
    .filter((earlier) => earlier < month)
    .filter((earlier) => regions.some((region) => hasStatement(world, region, earlier, filter)));
  return months.sort().at(-1) ?? null;
}

function emptyBuckets(): Record<AgeBucket, number> {
  return { '0-30': 0, '31-90': 0, '91-180': 0, '181-365': 0, '>365': 0 };
}

/** Decisions 10 and 11: each part of an open amount in the bucket of its own age. */
export function agesOf(world: World, filter: Filter, scope: Scope, month: Month): AgeRow[] {
  return regionsIn(filter.region, scope)
    .filter((region) => somethingStands(world, region, month, filter))
    .map((region) => agesIn(world, region, month, filter));
}

function agesIn(world: World, region: Region, month: Month, filter: Filter): AgeRow {
  const buckets = emptyBuckets();
  let total = 0;
  for (const item of openItems(world, region, month, filter.department)) {
    for (const part of item.parts) {
      buckets[bucketOf(part.ageing, asOfDay(world, month))] += part.outstanding;
      total += part.outstanding;
    }
  }
  return { region, buckets, total };
}

/** Decision 11: six calendar months ending at the month, the same regions in each. */
function trendOf(world: World, regions: Region[], month: Month, filter: Filter): ReferenceFigures['trend'] {
  const months = [-5, -4, -3, -2, -1, 0].map((offset) => addMonths(month, offset));
  const shown = regions.filter((region) =>
    months.some((each) => somethingStands(world, region, each, filter)),
  );
  return months.map((each) => {
    const row: Partial<Record<Region, number>> = {};
    for (const region of shown) {
      row[region] = openItems(world, region, each, filter.department).reduce((sum, i) => sum + i.amount, 0);
    }
    return { month: each, regions: row };
  });
}

/** Decision 11: by month of the financial year, as far as it has begun. */
function recoveryOf(world: World, filter: Filter, scope: Scope, month: Month): TrendRow[] {
  return monthsOfYear(financialYearOf(month))
    .filter((each) => hasBegun(world, each))
    .map((each) => {
      const figures = monthFigures(world, filter, scope, each);
      return { month: each, new: figures.new, recovered: figures.recovered };
    });
}

/** Decision 12: the months of the year that have begun, from the first in which something stands, newest first. */
export function trackerOf(world: World, filter: Filter, scope: Scope, year: string): TrackerRow[] {
  const regions = regionsIn(filter.region, scope);
  const begun = monthsOfYear(year).filter((month) => hasBegun(world, month));
  const first = begun.findIndex((month) =>
    regions.some((region) => somethingStands(world, region, month, filter)),
  );
  if (first < 0) return [];
  return begun
    .slice(first)
    .map((month) => ({
      month,
      reported: regions.some((region) => hasStatement(world, region, month, filter)),
      current: monthFigures(world, filter, scope, month),
      previous: monthFigures(world, filter, scope, addMonths(month, -1)),
    }))
    .reverse();
}

/** Decision 14: the lines behind a figure. */
export function explainFigure(
  world: World,
  figure: Figure,
  filter: Filter,
  scope: Scope,
  month: Month = defaultMonth(world),
): ExplainLine[] {
  if (!hasBegun(world, month)) return [];
  const lines: ExplainLine[] = [];
  for (const region of regionsIn(filter.region, scope)) {
    const line = (code: string, number: string | null, amount: number): ExplainLine => ({
      region,
      customerCode: showCode(world, code),
      customerName: showName(world, code),
      invoiceNumber: number === null ? null : showNumber(world, code, number),
      amount,
      from: null,
      to: null,
      kind: 'line',
    });
    if (figure === 'new' || figure === 'recovered') {
      for (const movement of movementsIn(world, region, month, filter.department)) {
        if (movement.figure !== figure) continue;
        const { from, to, kind } = movement;
        lines.push({ ...line(movement.code, movement.number, movement.amount), from, to, kind });
      }
      continue;
    }
    const open = openItems(world, region, month, filter.department);
    if (figure === 'customers') {
      for (const code of new Set(open.map((item) => item.code))) lines.push(line(code, null, 1));
      continue;
    }
    for (const item of open) {
      if (figure === 'total') lines.push(line(item.code, item.number, item.amount));
      if (figure === 'invoices' && item.number !== null) lines.push(line(item.code, item.number, 1));
      if (figure === 'disputed' && item.disputed) lines.push(line(item.code, item.number, 1));
      for (const bucket of ageBuckets) {
        if (figure !== `age:${bucket}`) continue;
        for (const part of item.parts) {
          if (bucketOf(part.ageing, asOfDay(world, month)) !== bucket) continue;
          lines.push(line(item.code, item.number, part.outstanding));
        }
      }
    }
  }
  return lines;
}
