import {
  addMonths,
  type DayNumber,
  dayInZone,
  type FinancialYear,
  financialYearOf,
  lastDayOf,
  type Month,
  monthOfDay,
  monthsOfYear,
  type Paise,
} from '@backoffice/core';
import {
  type AgeBucket,
  type AgeRow,
  ageBuckets,
  type DashboardFigures,
  type EngineerRow,
  type Filter,
  type MonthFigures,
  type Region,
  regionCodes,
  type Scope,
  type StandIn,
  type TrackerRow,
  type TrendRow,
} from './model.ts';
import type { ReceivablesRepository } from './repository.ts';
import {
  departmentOf,
  type Ledger,
  type Slot,
  type StatementEvent,
  slotInFilter,
  slotOf,
  standingAt,
  statementsInForce,
} from './rollups/ledger.ts';
import type { AgeSums, Head, HeadMonth } from './rollups/totals.ts';

/** The days and months that count now, in the business time zone. */
export interface Now {
  today: DayNumber;
  running: Month;
}

export function nowIn(at: Date, zone: string): Now {
  const today = dayInZone(at, zone);
  return { today, running: monthOfDay(today) };
}

/** One state of the ledger with its rollups: what every figure of one answer comes from. */
export interface State {
  ledger: Ledger;
  heads: ReadonlyMap<Region, Head>;
  events: (region: Region) => StatementEvent[];
}

/** Reads one state; again when it was replaced, and its rollups removed, in between. */
export async function readState(repository: ReceivablesRepository): Promise<State> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const ledger = await repository.findLedger();
    const heads = await repository.listHeads(ledger);
    if (heads !== null) return stateOf(ledger, heads);
  }
  throw new Error('The rollups that the ledger refers to are missing.');
}

const statesEvents = new WeakMap<Ledger, Map<Region, StatementEvent[]>>();

export function stateOf(ledger: Ledger, heads: ReadonlyMap<Region, Head>): State {
  const known = statesEvents.get(ledger) ?? new Map<Region, StatementEvent[]>();
  statesEvents.set(ledger, known);
  return {
    ledger,
    heads,
    events(region) {
      const own = known.get(region) ?? statementsInForce(ledger.imports, region);
      known.set(region, own);
      return own;
    },
  };
}

const nothing: MonthFigures = { total: 0, new: 0, recovered: 0, invoices: 0, disputed: 0, customers: 0 };

/** The regions that a caller asks for and may see. */
export function regionsIn(filter: Filter, scope: Scope): Region[] {
  return regionCodes.filter(
    (region) =>
      (filter.region === null || filter.region === region) &&
      (scope.regions === null || scope.regions.includes(region)),
  );
}

/** Of those, the regions in which something of the filter stands in a month. */
export function standingRegions(state: State, regions: readonly Region[], slot: Slot, month: Month) {
  return regions.filter((region) => standingSlots(state, region, slot, month).length > 0);
}

function standingSlots(state: State, region: Region, filter: Slot, month: Month) {
  return [...standingAt(state.events(region), month)]
    .filter(([slot]) => slotInFilter(slot, filter))
    .map(([slot, cell]) => ({ slot, ...cell }));
}

function headMonth(state: State, region: Region, month: Month): HeadMonth | undefined {
  return state.heads.get(region)?.months.findLast((each) => each.month <= month);
}

/** The figures of a month (decisions 7 and 8): stand-ins have no movement of their own. */
export function figuresAt(
  state: State,
  regions: readonly Region[],
  slot: Slot,
  month: Month,
  now: Now,
): MonthFigures {
  const sums = { ...nothing };
  if (month > now.running) return sums;
  for (const region of regions) {
    const head = headMonth(state, region, month);
    if (head === undefined) continue;
    const own = head.figures[slot]!;
    sums.total += own.total;
    sums.invoices += own.invoices;
    sums.disputed += own.disputed;
    sums.customers += own.customers;
    if (head.month !== month) continue;
    sums.new += own.new;
    sums.recovered += own.recovered;
  }
  return sums;
}

/** The newest month with a statement, in a financial year where one is asked for; else the newest that has begun. */
export function defaultMonth(state: State, now: Now, year?: FinancialYear): Month {
  const inYear = (month: Month) => year === undefined || financialYearOf(month) === year;
  let newest: Month | null = null;
  for (const { month } of state.ledger.imports) {
    if (inYear(month) && (newest === null || month > newest)) newest = month;
  }
  if (newest !== null) return newest;
  if (year === undefined) return now.running;
  const months = monthsOfYear(year);
  return months.findLast((month) => month <= now.running) ?? months[0]!;
}

/** The newest month before for which a region of the filter has a statement in force (decision 9). */
function comparedWith(state: State, regions: readonly Region[], slot: Slot, month: Month): Month | null {
  let newest: Month | null = null;
  for (const region of regions) {
    for (const event of state.events(region)) {
      if (event.month >= month || !event.slots.some((each) => slotInFilter(each, slot))) continue;
      if (newest === null || event.month > newest) newest = event.month;
    }
  }
  return newest;
}

/** The last day of a past month, today in the running one (decision 10). */
export function asOfDay(month: Month, now: Now): DayNumber {
  return month === now.running ? now.today : lastDayOf(month);
}

/** The bucket of an age in days; upper bounds belong to the bucket, a date in the future counts as 0. */
export function bucketOf(days: number): AgeBucket {
  if (days <= 30) return '0-30';
  if (days <= 90) return '31-90';
  if (days <= 180) return '91-180';
  return days <= 365 ? '181-365' : '>365';
}

function emptyBuckets(): Record<AgeBucket, Paise> {
  return { '0-30': 0, '31-90': 0, '91-180': 0, '181-365': 0, '>365': 0 };
}

function bucketsOf(sums: AgeSums | undefined, asOf: DayNumber): Record<AgeBucket, Paise> {
  const buckets = emptyBuckets();
  for (const [day, amount] of sums?.days ?? []) buckets[bucketOf(asOf - day)] += amount;
  for (const [bucket, amount] of sums?.labels ?? []) buckets[bucket] += amount;
  return buckets;
}

function ageRow(region: Region, sums: AgeSums | undefined, asOf: DayNumber): AgeRow {
  const buckets = bucketsOf(sums, asOf);
  return { region, buckets, total: ageBuckets.reduce((sum, bucket) => sum + buckets[bucket], 0) };
}

/** What was recovered and what came anew in each month of a financial year that has begun. */
export function recoveryTrend(
  state: State,
  regions: readonly Region[],
  slot: Slot,
  year: FinancialYear,
  now: Now,
): TrendRow[] {
  return monthsOfYear(year)
    .filter((month) => month <= now.running)
    .map((month) => {
      const sums = figuresAt(state, regions, slot, month, now);
      return { month, new: sums.new, recovered: sums.recovered };
    });
}

export interface EngineerName {
  id: string;
  name: string;
  region: Region | null;
}

/** What each engineer's customers paid and came to owe in a financial year, in order of name. */
export function engineerRows(
  state: State,
  regions: readonly Region[],
  slot: Slot,
  year: FinancialYear,
  engineers: readonly EngineerName[],
): EngineerRow[] {
  const flows = new Map<string, { region: Region; collected: Paise; assigned: Paise }>();
  const months = new Set(monthsOfYear(year));
  for (const region of regions) {
    for (const head of state.heads.get(region)?.months ?? []) {
      if (!months.has(head.month)) continue;
      for (const [id, [collected, assigned]] of Object.entries(head.engineers[slot]!)) {
        const own = flows.get(id) ?? { region, collected: 0, assigned: 0 };
        flows.set(id, {
          region: own.region,
          collected: own.collected + collected,
          assigned: own.assigned + assigned,
        });
      }
    }
  }
  const rows: EngineerRow[] = [];
  for (const { id, name, region } of engineers) {
    const own = flows.get(id);
    const home = own?.region ?? region;
    if (home === null || (own === undefined && !regions.includes(home))) continue;
    const shownRegion = region !== null && regions.includes(region) ? region : home;
    rows.push({
      engineerId: id,
      name,
      region: shownRegion,
      collected: own?.collected ?? 0,
      assigned: own?.assigned ?? 0,
    });
  }
  const byName = (a: EngineerRow, b: EngineerRow) =>
    a.name.localeCompare(b.name, 'en') || (a.engineerId < b.engineerId ? -1 : 1);
  return rows.sort(byName);
}

/** Six months up to one, with the same regions in each: those in which something stood in any of them (decision 11). */
function trendOf(
  state: State,
  regions: readonly Region[],
  slot: Slot,
  month: Month,
  now: Now,
): DashboardFigures['trend'] {
  const months = [-5, -4, -3, -2, -1, 0].map((offset) => addMonths(month, offset));
  const shown = regions.filter((region) =>
    months.some((at) => standingSlots(state, region, slot, at).length > 0),
  );
  return months.map((at) => ({
    month: at,
    regions: Object.fromEntries(
      shown.map((region) => [region, figuresAt(state, [region], slot, at, now).total]),
    ),
  }));
}

/** All figures of one dashboard from one state (decisions 7–11). */
export async function dashboardFigures(
  repository: ReceivablesRepository,
  filter: Filter,
  scope: Scope,
  period: { month?: Month | undefined; year?: FinancialYear | undefined },
  now: Now,
  engineers: readonly EngineerName[],
): Promise<DashboardFigures> {
  for (let attempt = 0; ; attempt += 1) {
    const state = await readState(repository);
    const month = period.month ?? defaultMonth(state, now, period.year);
    const regions = regionsIn(filter, scope);
    const slot = slotOf(filter.department);
    const standing = month > now.running ? [] : standingRegions(state, regions, slot, month);
    const wanted = new Map<Region, string>();
    for (const region of standing) {
      const head = headMonth(state, region, month);
      if (head !== undefined) wanted.set(region, head.node);
    }
    const ages = await repository.listAges([...wanted.values()], slot);
    // The state was replaced and its rollups removed while we were reading it.
    if ([...wanted.values()].some((id) => !ages.has(id)) && attempt < 5) continue;
    const asOf = asOfDay(month, now);
    const cells = standing.map((region) => standingSlots(state, region, slot, month));
    const year = financialYearOf(month);
    return {
      month,
      ledgerVersion: state.ledger.version,
      current: figuresAt(state, regions, slot, month, now),
      previous:
        month > now.running ? { ...nothing } : figuresAt(state, regions, slot, addMonths(month, -1), now),
      comparedWith: month > now.running ? null : comparedWith(state, regions, slot, month),
      standsIn: standing.flatMap((region, index): StandIn[] =>
        cells[index]!.filter((cell) => cell.month < month).map((cell) => ({
          region,
          department: departmentOf(cell.slot),
          month: cell.month,
        })),
      ),
      reported: cells.filter((own) => own.some((cell) => cell.month === month)).length,
      standing: standing.length,
      ages: standing.map((region) => ageRow(region, ages.get(wanted.get(region)!), asOf)),
      trend: month > now.running ? [] : trendOf(state, regions, slot, month, now),
      recovery: month > now.running ? [] : recoveryTrend(state, regions, slot, year, now),
      engineers: month > now.running ? [] : engineerRows(state, regions, slot, year, engineers),
    };
  }
}

/** A row per month of the year that has begun, from the first in which something stands, newest first (decision 12). */
export function trackerRows(
  state: State,
  filter: Filter,
  scope: Scope,
  year: FinancialYear,
  now: Now,
): TrackerRow[] {
  const regions = regionsIn(filter, scope);
  const slot = slotOf(filter.department);
  const begun = monthsOfYear(year).filter((month) => month <= now.running);
  const first = begun.findIndex((month) => standingRegions(state, regions, slot, month).length > 0);
  return (first < 0 ? [] : begun.slice(first))
    .map((month) => ({
      month,
      reported: regions.some((region) =>
        standingSlots(state, region, slot, month).some((cell) => cell.month === month),
      ),
      current: figuresAt(state, regions, slot, month, now),
      previous: figuresAt(state, regions, slot, addMonths(month, -1), now),
    }))
    .reverse();
}
