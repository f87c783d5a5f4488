import { addMonths } from '@backoffice/core';
import { type IsoDay, type Status, statuses } from '../model.ts';
import { type Kind, type Series, total } from './parts.ts';

/** In order of the wire: everybody, then each status. */
export const kinds: readonly Kind[] = [total, ...statuses];

/** How many were there at the end of a day, of each kind. */
export function headcountOn({ days }: Series, day: IsoDay): Record<Kind, number> {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  for (const [date, movements] of Object.entries(days)) {
    if (date > day) continue;
    for (const [kind, [into, out]] of Object.entries(movements) as [Kind, [number, number]][]) {
      counts[kind] += into - out;
    }
  }
  return counts;
}

export interface Flow {
  /** At the end of the day before the period. */
  start: number;
  in: number;
  out: number;
  /** At the end of its last day. */
  end: number;
}

/** Who came and went from a day to another, both included: of each kind start + in − out = end. */
export function movementsIn({ days }: Series, from: IsoDay, to: IsoDay): Record<Kind, Flow> {
  const flows = Object.fromEntries(
    kinds.map((kind) => [kind, { start: 0, in: 0, out: 0, end: 0 }]),
  ) as Record<Kind, Flow>;
  for (const [date, movements] of Object.entries(days)) {
    if (date > to) continue;
    for (const [kind, [into, out]] of Object.entries(movements) as [Kind, [number, number]][]) {
      const flow = flows[kind];
      flow.end += into - out;
      if (date < from) flow.start += into - out;
      else {
        flow.in += into;
        flow.out += out;
      }
    }
  }
  return flows;
}

/** A count with its comparison of this month to date with the whole month before (contract, analytics). */
export interface MonthlyFigure {
  total: number;
  percentage_increase: number;
  current: number;
  previous: number;
  change: number;
  percentage_change: number | null;
}

const rounded = (value: number) => Math.round((value + Number.EPSILON) * 100) / 100;

/** `percentage_increase`: 100 where there were none and are some now, 0 where there are none either time. */
export function monthly(count: number, current: number, previous: number): MonthlyFigure {
  const percentage = previous === 0 ? null : rounded(((current - previous) / previous) * 100);
  return {
    total: count,
    percentage_increase: percentage ?? (current > 0 ? 100 : 0),
    current,
    previous,
    change: current - previous,
    percentage_change: percentage,
  };
}

/** How many records there are of a sort, and how many came in each month; months `YYYY-MM`. */
interface Tally {
  count: number;
  byMonth: Map<string, number>;
}

function tally(all: readonly Series[], pick: (sort: string[]) => string | null): Tally {
  const found: Tally = { count: 0, byMonth: new Map() };
  for (const { cells } of all) {
    for (const [sort, count] of Object.entries(cells)) {
      const month = pick(sort.split('|'));
      if (month === null) continue;
      found.count += count;
      found.byMonth.set(month, (found.byMonth.get(month) ?? 0) + count);
    }
  }
  return found;
}

const figure = ({ count, byMonth }: Tally, month: string) =>
  monthly(count, byMonth.get(month) ?? 0, byMonth.get(addMonths(month, -1)) ?? 0);

/** Live records, or those of one status, by the month in which they were created. */
export const liveFigure = (all: readonly Series[], month: string, status?: Status) =>
  figure(
    tally(all, ([sort, created]) =>
      sort !== 'deleted' && (status === undefined || sort === status) ? created! : null,
    ),
    month,
  );

/** Deleted records, by the month in which they were deleted (decision 8). */
export const deletedFigure = (all: readonly Series[], month: string) =>
  figure(
    tally(all, ([sort, , deleted]) => (sort === 'deleted' ? deleted! : null)),
    month,
  );

/** Records created this month and still live (decision 8). */
export function newFigure(all: readonly Series[], month: string): MonthlyFigure {
  const { current, previous } = liveFigure(all, month);
  return monthly(current, current, previous);
}
