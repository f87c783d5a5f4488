import { addMonths, financialYearOf, type Month } from '@backoffice/core';
import { customerHistory, customerViews } from '../src/customers.ts';
import { explainFigure } from '../src/explain.ts';
import {
  dashboardFigures,
  type EngineerName,
  type Now,
  nowIn,
  readState,
  type State,
  trackerRows,
} from '../src/figures.ts';
import {
  ageBuckets,
  type CustomerView,
  type DashboardFigures,
  departments,
  type Figure,
  type Filter,
  keyOf,
  type Region,
  type Scope,
} from '../src/model.ts';
import { customerId } from '../src/repository.ts';
import { verifyRollups } from '../src/rollups/verify.ts';
import { type Engine, zone } from './engine.ts';
import type { Clock, Scenario } from './reference/commands.ts';
import type { ReferenceFigures } from './reference/figures.ts';
import type { Reference } from './reference/reference.ts';
import { same as sameAsReference } from './reference/same.ts';

export const everything: Scope = { regions: null };
const figureNames: Figure[] = [
  ...(['total', 'new', 'recovered', 'invoices', 'disputed', 'customers'] as const),
  ...ageBuckets.map((bucket) => `age:${bucket}` as const),
];

/** A way of asking: what a user may see and asks for. */
export interface Question {
  filter: Filter;
  scope: Scope;
}

export function questionsFor(regions: readonly Region[]): Question[] {
  const none = { region: null, department: null };
  return [
    { filter: none, scope: everything },
    { filter: { region: null, department: departments[0] }, scope: everything },
    { filter: { region: regions[0]!, department: departments[1] }, scope: everything },
    { filter: none, scope: { regions: [regions.at(-1)!] } },
    { filter: { region: regions[0]!, department: null }, scope: { regions: [] } },
  ];
}

/** What is compared of a customer: amounts, statuses and entries; invoices in order of number. */
function comparable(view: CustomerView) {
  // The name is that of the last statement looked at; it has a test of its own.
  const { id: _id, department: _department, name: _name, ...rest } = view;
  const invoices = [...view.invoices].sort((a, b) => (keyOf(a.number) < keyOf(b.number) ? -1 : 1));
  return {
    ...rest,
    code: keyOf(view.code),
    invoices: invoices.map((each) => ({ ...each, number: keyOf(each.number) })),
  };
}

function dashboardOf(figures: Omit<DashboardFigures, 'ledgerVersion'>) {
  const engineers = figures.engineers
    .filter((row) => row.collected !== 0 || row.assigned !== 0)
    .map(({ engineerId, collected, assigned }) => ({ engineerId, collected, assigned }))
    .sort((a, b) => (a.engineerId < b.engineerId ? -1 : 1));
  const standsIn = [...figures.standsIn].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return { ...figures, engineers, standsIn };
}

/** Amounts by region, customer and invoice: on-account parts may be listed one by one. */
function summed(
  lines: {
    region: string;
    customerCode: string;
    invoiceNumber: string | null;
    amount: number;
    kind: string;
  }[],
) {
  const sums = new Map<string, number>();
  for (const { region, customerCode, invoiceNumber, amount, kind } of lines) {
    const key = `${region} ${keyOf(customerCode)} ${keyOf(invoiceNumber ?? '')} ${kind}`;
    sums.set(key, (sums.get(key) ?? 0) + amount);
  }
  return Object.fromEntries([...sums].filter(([, amount]) => amount !== 0).sort());
}

const same = sameAsReference.bind(null, 'engine');

/** Holds every answer of the engine against the reference, and the identities of decision 7. */
export async function holdAgainst(
  engine: Engine,
  reference: Reference,
  scenario: Scenario,
  clock: Clock,
  months: readonly Month[],
): Promise<void> {
  const { repository } = engine;
  const settled = { ...reference, dashboard: rememberedDashboards(reference) };
  const now = nowIn(clock.at, zone);
  const engineers: EngineerName[] = scenario.engineers;
  const state = await readState(repository);
  for (const [index, { filter, scope }] of questionsFor(scenario.regions).entries()) {
    for (const month of months) {
      const place = `${JSON.stringify({ ...filter, ...scope })} ${month}`;
      const got = await dashboardFigures(repository, filter, scope, { month }, now, engineers);
      const wanted = settled.dashboard(filter, scope, month);
      const { ledgerVersion: _version, ...figures } = got;
      same(`dashboard ${place}`, dashboardOf(figures), dashboardOf(wanted));
      identities(place, got, now.running);
      // The lines behind the figures: all of them for the whole in the newest months, the flows in all months.
      const whole = index === 0 && months.indexOf(month) >= months.length - 3;
      const names = whole ? figureNames : index < 2 ? (['new', 'recovered'] as const) : [];
      await Promise.all(
        names.map((figure) => explained(engine, settled, state, figure, { filter, scope }, month, now)),
      );
    }
    const years = new Set(months.map(financialYearOf));
    for (const year of years) {
      const place = `${JSON.stringify({ ...filter, ...scope })} ${year}`;
      const rows = trackerRows(state, filter, scope, year, now);
      same(`tracker ${place}`, rows, reference.tracker(filter, scope, year));
      const views = await customerViews(repository, state, filter, scope, year, now);
      if (typeof views === 'symbol') throw new Error('the state moved');
      const wanted = reference.customers(filter, scope, year);
      same(`customers ${place}`, views.map(comparable), wanted.map(comparable));
      for (const view of views) {
        if (view.id !== customerId(keyOf(view.code)).toHexString()) throw new Error('a wrong id');
      }
      const total = views.reduce((sum, view) => sum + view.outstanding, 0);
      const end = [...months]
        .filter((month) => financialYearOf(month) === year && month <= now.running)
        .at(-1);
      if (end !== undefined && end === now.running) {
        same(`customers' total ${place}`, total, settled.dashboard(filter, scope, end).current.total);
      }
    }
  }
  const codes = reference.customers(
    questionsFor(scenario.regions)[0]!.filter,
    everything,
    financialYearOf(now.running),
  );
  for (const { code } of codes.slice(0, 4)) {
    const rows = await customerHistory(repository, state, everything, keyOf(code), now);
    same(`history of ${code}`, rows, reference.history(code, everything) ?? []);
  }
  const differences = await verifyRollups(repository);
  if (differences.length > 0) throw new Error(`rollups differ from a rebuild: ${differences.join('; ')}`);
}

/** The same dashboard is held against several answers; nothing happens meanwhile, so it is worked out once. */
function rememberedDashboards(
  reference: Reference,
): (...asked: Parameters<Reference['dashboard']>) => ReferenceFigures {
  const known = new Map<string, ReferenceFigures>();
  return (...asked) => {
    const key = JSON.stringify(asked);
    const figures = known.get(key) ?? reference.dashboard(...asked);
    known.set(key, figures);
    return figures;
  };
}

async function explained(
  engine: Engine,
  reference: Pick<Reference, 'dashboard' | 'explain'>,
  state: State,
  figure: Figure,
  { filter, scope }: Question,
  month: Month,
  now: Now,
): Promise<void> {
  const page = { offset: 0, limit: 100_000 };
  const got = await explainFigure(engine.repository, state, figure, filter, scope, month, now, page);
  if (typeof got === 'symbol') throw new Error('the state moved');
  const place = `explain ${figure} ${JSON.stringify({ ...filter, ...scope })} ${month}`;
  same(place, summed(got.lines), summed(reference.explain(figure, filter, scope, month)));
  const { current, ages } = reference.dashboard(filter, scope, month);
  const value = figure.startsWith('age:')
    ? ages.reduce((sum, row) => sum + row.buckets[figure.slice(4) as keyof typeof row.buckets], 0)
    : current[figure as keyof typeof current];
  same(`${place}: the sum`, got.figure, value);
}

function identities(place: string, figures: DashboardFigures, running: Month): void {
  const { current, previous, ages, month } = figures;
  if (month > running) return;
  same(`${place}: T(P) = T(P-1) + N - R`, current.total, previous.total + current.new - current.recovered);
  const totals = ages.reduce((sum, row) => sum + row.total, 0);
  same(`${place}: regions = whole`, totals, current.total);
  for (const row of ages) {
    const buckets = ageBuckets.reduce((sum, bucket) => sum + row.buckets[bucket], 0);
    same(`${place}: buckets = total`, buckets, row.total);
  }
  if (current.new < 0 || current.recovered < 0) throw new Error(`${place}: a negative flow`);
}

/** The months to look at: every one of the last ones, and one that has not begun. */
export function monthsAround(clock: Clock, count: number): Month[] {
  const { running } = nowIn(clock.at, zone);
  return Array.from({ length: count + 1 }, (_, index) => addMonths(running, index - count + 1));
}
