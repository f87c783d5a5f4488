import { addMonths, type FinancialYear, type Month, monthsBetween, monthsOfYear } from '@backoffice/core';
import { asOfDay, bucketOf, type Now, regionsIn, type State } from './figures.ts';
import {
  ageBuckets,
  type CustomerHistoryRow,
  type CustomerView,
  type Filter,
  type InvoiceView,
  type Region,
  type Scope,
} from './model.ts';
import { customerId, type ReceivablesRepository } from './repository.ts';
import { flowsOf, openByKey, type Snapshot, type StandingLine } from './rollups/fold.ts';
import { departmentOf, effectiveAssignments, type Slot, slotInFilter, slotOf } from './rollups/ledger.ts';
import { changeMonths } from './rollups/refold.ts';
import {
  statusesAfter,
  type WalkedCustomer,
  type WalkedRegion,
  type WalkRegion,
  walkCustomers,
} from './rollups/walk.ts';

/** Regions to walk from the end of `start` to `end`; null when a rollup was replaced while being read. */
export async function walkRegions(
  repository: ReceivablesRepository,
  state: State,
  regions: readonly Region[],
  start: Month,
  end: Month,
  every: 'change' | 'month',
): Promise<WalkRegion[] | null> {
  const told = regions.filter((region) => state.events(region).length > 0);
  const headAtStart = (region: Region) =>
    state.heads.get(region)?.months.findLast((each) => each.month <= start);
  const statuses = await statusesAfter(repository, new Map(told.map((each) => [each, headAtStart(each)])));
  if (statuses === null) return null;
  return told.map((region) => {
    const events = state.events(region);
    const changes = changeMonths(state.ledger, events).filter((month) => month > start && month <= end);
    const months = every === 'change' ? changes : monthsFromTo(addMonths(start, 1), end);
    return { region, events, start, statuses: statuses.get(region)!, months };
  });
}

function monthsFromTo(from: Month, to: Month): Month[] {
  const count = Math.max(0, monthsBetween(from, to) + 1);
  return Array.from({ length: count }, (_, index) => addMonths(from, index));
}

const isOpen = ({ line, status }: StandingLine) => status !== 'paid' && line.a !== 0;

/** An invoice as it is gathered over the year; `rank` orders what says most about it. */
interface Gathered {
  line: StandingLine;
  region: Region;
  rank: string;
  /** Of the lines that stand at the end, the newest last. */
  open: { line: StandingLine; rank: string }[];
}

/** The state was replaced, and its rollups removed, while it was being read: read again. */
export const moved = Symbol('moved');

/**
 * The customers as they stand at the end of a financial year, or now in the running one, in order of code,
 * with all invoices that stood open in it (decision 13). Amounts are those of the filter and scope.
 */
export async function customerViews(
  repository: ReceivablesRepository,
  state: State,
  filter: Filter,
  scope: Scope,
  year: FinancialYear,
  now: Now,
  code?: string,
): Promise<CustomerView[] | typeof moved> {
  const months = monthsOfYear(year);
  const end = months.findLast((month) => month <= now.running);
  if (end === undefined) return [];
  const slot = slotOf(filter.department);
  const start = addMonths(months[0]!, -1);
  const walks = await walkRegions(repository, state, regionsIn(filter, scope), start, end, 'change');
  if (walks === null) return moved;
  const views: CustomerView[] = [];
  const visit = (customer: WalkedCustomer) => {
    const view = viewOf(state, customer, slot, end, now);
    if (view !== null) views.push(view);
  };
  await walkCustomers(repository, state.ledger, walks, visit, code);
  return views;
}

function viewOf(
  state: State,
  customer: WalkedCustomer,
  slot: Slot,
  end: Month,
  now: Now,
): CustomerView | null {
  const invoices = new Map<string, Gathered>();
  const standing: { line: StandingLine; region: Region; rank: string; open: boolean }[] = [];
  let seen = false;
  for (const walked of customer.regions) {
    seen = gather(state, walked, slot, invoices) || seen;
    const last = walked.snapshots.at(-1)!;
    const open = new Set([...openByKey(last.lines, slot).values()].flatMap((each) => each.lines));
    for (const line of last.lines) {
      if (!slotInFilter(line.line.d, slot)) continue;
      const rank = rankOf(state, walked.region, line);
      standing.push({ line, region: walked.region, rank, open: open.has(line) });
    }
  }
  if (!seen) return null;
  const open = standing.filter((each) => each.open);
  const newestFirst = (a: { rank: string }, b: { rank: string }) =>
    a.rank < b.rank ? 1 : a.rank > b.rank ? -1 : 0;
  const newest = [...open].sort(newestFirst)[0] ?? [...invoices.values(), ...standing].sort(newestFirst)[0];
  const names = namesOf(state, customer);
  const { stored, code } = customer;
  return {
    id: customerId(code).toHexString(),
    code: names.shown,
    name: names.name,
    region: newest?.region ?? customer.regions[0]!.region,
    department: newest === undefined ? null : departmentOf(newest.line.line.d),
    agePeriod: oldestBucket(
      open.map((each) => each.line),
      end,
      now,
    ),
    outstanding: open.reduce((sum, each) => sum + each.line.line.a, 0),
    invoices: [...invoices.values()].map(invoiceView),
    remark: stored?.remark ?? 'none',
    notes: stored?.notes ?? '',
    engineerId: effectiveAssignments(state.ledger, customer.assignments).at(-1)?.engineerId ?? null,
  };
}

/** What is newest sorts last: by month, by time of the import, a row of its own after a kept one, then by department. */
function rankOf(state: State, region: Region, { line, month, statementId }: StandingLine): string {
  const event = state.events(region).find((each) => each.statementId === statementId);
  return `${month} ${String(event?.seq ?? 0).padStart(12, '0')} ${line.k ? 0 : 1} ${2 - line.d}`;
}

/**
 * Adds the invoices of a region that stood open at some time, its first moment included, those that a
 * statement of the year lists, be it with 0 or as paid, and those on which a user set a status in it.
 * Gives whether anything of the customer stood.
 */
function gather(state: State, walked: WalkedRegion, slot: Slot, invoices: Map<string, Gathered>): boolean {
  let seen = false;
  const first = walked.snapshots[0]!;
  const last = walked.snapshots.at(-1)!;
  for (const snapshot of walked.snapshots) {
    for (const line of snapshot.lines) {
      if (!slotInFilter(line.line.d, slot)) continue;
      seen = true;
      const number = line.line.n;
      if (number === null) continue;
      const known = invoices.get(number);
      const listed = line.line.a === 0 || (line.month > first.month && !line.line.k);
      const counts = isOpen(line) || listed || (snapshot !== first && snapshot.marked.has(number));
      if (known === undefined && !counts) continue;
      const rank = rankOf(state, walked.region, line);
      const opens = snapshot === last && isOpen(line) ? [{ line, rank }] : [];
      if (known === undefined) invoices.set(number, { line, region: walked.region, rank, open: opens });
      else {
        known.open.push(...opens);
        if (rank >= known.rank) Object.assign(known, { line, region: walked.region, rank });
      }
    }
  }
  return seen;
}

function invoiceView({ line, open: standing }: Gathered): InvoiceView {
  const open = standing.sort((a, b) => (a.rank < b.rank ? -1 : 1)).map((each) => each.line);
  const shown = open.at(-1) ?? line;
  const { s, n, i, g, c } = shown.line;
  const disputed = open.some((each) => each.status === 'dispute');
  return {
    number: s ?? n!,
    invoiceAmount: open.length > 1 ? open.reduce((sum, each) => sum + each.line.i, 0) : i,
    outstanding: open.reduce((sum, each) => sum + each.line.a, 0),
    date: g !== undefined && !c ? g : null,
    status: open.length === 0 ? 'paid' : disputed ? 'dispute' : 'unpaid',
  };
}

function oldestBucket(open: readonly StandingLine[], end: Month, now: Now) {
  const asOf = asOfDay(end, now);
  let oldest = -1;
  for (const { line } of open) {
    const bucket = line.b ?? bucketOf(asOf - line.g!);
    oldest = Math.max(oldest, ageBuckets.indexOf(bucket));
  }
  return ageBuckets[oldest] ?? null;
}

/** The code and name as last entered (decision 18): by the time of the import, not by its month. */
function namesOf(state: State, customer: WalkedCustomer): { shown: string; name: string } {
  const documents = customer.regions.flatMap(({ region, documents }) =>
    documents.flatMap((document) => {
      const event = state.events(region).find((each) => each.statementId === document.s);
      return event === undefined ? [] : [{ document, seq: event.seq }];
    }),
  );
  documents.sort((a, b) => b.seq - a.seq);
  const shown = documents[0]?.document.shown ?? customer.code;
  return { shown, name: documents.find((each) => each.document.name)?.document.name ?? shown };
}

/** A customer month by month, oldest first, from the first month in which something of it stood. */
export async function customerHistory(
  repository: ReceivablesRepository,
  state: State,
  scope: Scope,
  code: string,
  now: Now,
): Promise<CustomerHistoryRow[] | typeof moved> {
  const regions = regionsIn({ region: null, department: null }, scope);
  const first = regions.flatMap((region) => state.events(region)[0]?.month ?? []).sort()[0];
  if (first === undefined) return [];
  const walks = await walkRegions(repository, state, regions, addMonths(first, -1), now.running, 'month');
  if (walks === null) return moved;
  const rows = new Map<Month, CustomerHistoryRow & { seen?: boolean }>();
  const visit = (customer: WalkedCustomer) => {
    for (const { snapshots } of customer.regions) {
      for (const [index, after] of snapshots.entries()) {
        if (index > 0) addHistory(rows, snapshots[index - 1]!, after);
      }
    }
  };
  await walkCustomers(repository, state.ledger, walks, visit, code);
  const months = [...rows.keys()].sort();
  const begun = months.find((month) => rows.get(month)!.seen);
  return begun === undefined
    ? []
    : months
        .filter((month) => month >= begun)
        .map((month) => {
          const { seen, ...row } = rows.get(month)!;
          return row;
        });
}

function addHistory(
  rows: Map<Month, CustomerHistoryRow & { seen?: boolean }>,
  before: Snapshot,
  after: Snapshot,
): void {
  const { month } = after;
  const row = rows.get(month) ?? { month, outstanding: 0, new: 0, recovered: 0, invoices: 0, disputed: 0 };
  rows.set(month, row);
  if (after.lines.length > 0) row.seen = true;
  const open = openByKey(after.lines, 0);
  const flows = flowsOf(openByKey(before.lines, 0), open, after.lines, 0);
  row.new += flows.new;
  row.recovered += flows.recovered;
  for (const each of open.values()) {
    row.outstanding += each.amount;
    row.invoices += each.invoices;
    row.disputed += each.disputed;
  }
}
