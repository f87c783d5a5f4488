import { createHash } from 'node:crypto';
import type { DayNumber, Month, Paise } from '@backoffice/core';
import {
  type AgeBucket,
  ageBuckets,
  byText,
  type InvoiceStatus,
  type MonthFigures,
  type Region,
} from '../model.ts';
import { flowsOf, openByKey, type Snapshot } from './fold.ts';
import { type Slot, slots } from './ledger.ts';

/** `[collected, assigned]` in paise by engineer's id. */
export type EngineerFlows = Record<string, [Paise, Paise]>;

/** A region's figures for a month in which something changed; the arrays are by filter slot. */
export interface HeadMonth {
  month: Month;
  figures: MonthFigures[];
  engineers: EngineerFlows[];
  /** Open lines by the slot to which they belong. */
  openLines: Partial<Record<Slot, number>>;
  /** The document with the amounts by date and the statuses. */
  node: string;
}

/** All that the dashboards of one region need but the ages; one small document a region. */
export interface Head {
  _id: string;
  region: Region;
  months: HeadMonth[];
}

/** Open amounts of a filter by invoice date, so that ages as of any day are a sum; labels that stay apart. */
export interface AgeSums {
  days: [DayNumber, Paise][];
  labels: [AgeBucket, Paise][];
}

/** `[customer code, invoice number, status]` of what stands and is not `unpaid`, sorted. */
export type StatusEntry = [string, string, InvoiceStatus];

export interface Node {
  _id: string;
  ages: AgeSums[];
  /** Documents with the statuses, in order. */
  statuses: string[];
}

export interface StatusChunk {
  _id: string;
  entries: StatusEntry[];
}

interface FilterTotals extends MonthFigures {
  days: Map<DayNumber, Paise>;
  labels: Map<AgeBucket, Paise>;
  engineers: Map<string, [Paise, Paise]>;
}

/** What is summed up for one region and month. */
export interface MonthTotals {
  filters: FilterTotals[];
  openLines: Map<Slot, number>;
  statuses: StatusEntry[];
}

/** One customer's part of a month. */
export interface Part {
  code: string;
  before: Snapshot | null;
  after: Snapshot;
  engineerId: string | null;
}

function emptyFilter(): FilterTotals {
  return {
    ...{ total: 0, new: 0, recovered: 0, invoices: 0, disputed: 0, customers: 0 },
    days: new Map(),
    labels: new Map(),
    engineers: new Map(),
  };
}

export function emptyTotals(): MonthTotals {
  return { filters: slots.map(emptyFilter), openLines: new Map(), statuses: [] };
}

function bump<K>(map: Map<K, number>, key: K, by: number): void {
  map.set(key, (map.get(key) ?? 0) + by);
}

/** Adds (`sign` 1) or takes off (-1) a customer's part. Statuses are the caller's: they are no sum. */
export function addPart(totals: MonthTotals, part: Part, sign: 1 | -1): void {
  for (const filter of slots) addFiltered(totals, part, filter, sign);
}

function addFiltered(totals: MonthTotals, part: Part, filter: Slot, sign: 1 | -1): void {
  const sums = totals.filters[filter]!;
  const before = openByKey(part.before?.lines ?? [], filter);
  const after = openByKey(part.after.lines, filter);
  const flows = flowsOf(before, after, part.after.lines, filter);
  sums.new += sign * flows.new;
  sums.recovered += sign * flows.recovered;
  if (part.engineerId !== null && (flows.new !== 0 || flows.recovered !== 0)) {
    const own = sums.engineers.get(part.engineerId) ?? [0, 0];
    sums.engineers.set(part.engineerId, [own[0] + sign * flows.recovered, own[1] + sign * flows.new]);
  }
  if (after.size > 0) sums.customers += sign;
  for (const open of after.values()) {
    sums.total += sign * open.amount;
    sums.invoices += sign * open.invoices;
    sums.disputed += sign * open.disputed;
    for (const { line } of open.lines) {
      if (line.b !== undefined) bump(sums.labels, line.b, sign * line.a);
      else bump(sums.days, line.g!, sign * line.a);
    }
    if (filter !== 0) continue;
    const onAccount = new Set<Slot>();
    for (const { line } of open.lines) {
      // The parts of an on-account amount are one line of the customer.
      if (line.n === null && onAccount.has(line.d)) continue;
      if (line.n === null) onAccount.add(line.d);
      bump(totals.openLines, line.d, sign);
    }
  }
}

/** How many entries a document of statuses holds at the most; far below the limit of a document's size. */
const chunkEntries = 50_000;

function idOf(kind: string, content: unknown): string {
  return `${kind}-${createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32)}`;
}

/** The totals as documents. Their ids are made from what they hold, so that the same figures are the same document. */
export function documentsOf(
  month: Month,
  totals: MonthTotals,
): { head: HeadMonth; node: Node; chunks: StatusChunk[] } {
  const statuses = totals.statuses.sort((a, b) => byText(a[0], b[0]) || byText(a[1], b[1]));
  const chunks: StatusChunk[] = [];
  for (let at = 0; at < statuses.length; at += chunkEntries) {
    const entries = statuses.slice(at, at + chunkEntries);
    chunks.push({ _id: idOf('s', entries), entries });
  }
  const ages = totals.filters.map(({ days, labels }) => ({
    days: [...days].filter(([, amount]) => amount !== 0).sort((a, b) => a[0] - b[0]),
    labels: ageBuckets.flatMap((bucket): [AgeBucket, Paise][] => {
      const amount = labels.get(bucket) ?? 0;
      return amount === 0 ? [] : [[bucket, amount]];
    }),
  }));
  const content = { ages, statuses: chunks.map((chunk) => chunk._id) };
  const node: Node = { _id: idOf('n', content), ...content };
  const openLines: Partial<Record<Slot, number>> = {};
  for (const slot of slots) {
    const count = totals.openLines.get(slot) ?? 0;
    if (count !== 0) openLines[slot] = count;
  }
  const figures = totals.filters.map((sums) => ({
    total: sums.total,
    new: sums.new,
    recovered: sums.recovered,
    invoices: sums.invoices,
    disputed: sums.disputed,
    customers: sums.customers,
  }));
  const engineers = totals.filters.map((sums) => {
    const flows: EngineerFlows = {};
    for (const id of [...sums.engineers.keys()].sort(byText)) {
      const [collected, assigned] = sums.engineers.get(id)!;
      if (collected !== 0 || assigned !== 0) flows[id] = [collected, assigned];
    }
    return flows;
  });
  return { head: { month, figures, engineers, openLines, node: node._id }, node, chunks };
}

/** The stored month as totals again, so that single customers can be taken off and added. */
export function totalsFrom(head: HeadMonth, node: Node, entries: StatusEntry[]): MonthTotals {
  const filters = slots.map((slot) => ({
    ...head.figures[slot]!,
    days: new Map(node.ages[slot]!.days),
    labels: new Map(node.ages[slot]!.labels),
    engineers: new Map(
      Object.entries(head.engineers[slot]!).map(([id, flows]): [string, [Paise, Paise]] => [id, [...flows]]),
    ),
  }));
  const openLines = new Map<Slot, number>();
  for (const slot of slots) if (head.openLines[slot]) openLines.set(slot, head.openLines[slot]);
  return { filters, openLines, statuses: entries };
}

/** Whether a month in which no statement came is just the one before: then it is not kept. */
export function isCarriedOver(head: HeadMonth, previous: HeadMonth | undefined): boolean {
  return (
    head.figures.every((sums) => sums.new === 0 && sums.recovered === 0) &&
    head.engineers.every((flows) => Object.keys(flows).length === 0) &&
    (previous === undefined
      ? head.figures.every((sums) => sums.total === 0 && sums.customers === 0)
      : head.node === previous.node && sameStanding(head, previous))
  );
}

function sameStanding(a: HeadMonth, b: HeadMonth): boolean {
  return a.figures.every((sums, slot) => {
    const other = b.figures[slot]!;
    return (
      sums.total === other.total &&
      sums.invoices === other.invoices &&
      sums.disputed === other.disputed &&
      sums.customers === other.customers
    );
  });
}

export function headOf(region: Region, months: HeadMonth[]): Head {
  return { _id: idOf('h', { region, months }), region, months };
}
