import type { DayNumber, Month, Paise } from '@backoffice/core';
import type { AgeBucket, InvoiceStatus } from '../model.ts';
import {
  applyStatement,
  type Mark,
  type Slot,
  type Standing,
  type StatementEvent,
  slotInFilter,
} from './ledger.ts';

/** One line of a statement as it is stored; never changed once written. Short names: there are millions of them. */
export interface StoredLine {
  /** Slot: the department that it belongs to. */
  d: Slot;
  /** Key of the invoice number; null for (a part of) the customer's on-account amount. */
  n: string | null;
  /** The number as written. */
  s: string | null;
  /** Outstanding paise. */
  a: Paise;
  /** Invoice amount in paise. */
  i: Paise;
  /** The invoice's date, or with `c` a day counted back from an age. */
  g?: DayNumber;
  c?: 1;
  /** A bucket label that stays. */
  b?: AgeBucket;
  /** A filled status cell. */
  t?: InvoiceStatus;
  /** Kept from an earlier statement because its row was rejected: not a listing. */
  k?: 1;
}

/** What one statement says of one customer in one region. */
export interface CustomerStatement {
  code: string;
  shown: string;
  /** Empty where the sheet has none. */
  name: string;
  lines: StoredLine[];
}

/** A line that stands, with its status in the month looked at. */
export interface StandingLine {
  line: StoredLine;
  statementId: string;
  /** The month that its statement was given for. */
  month: Month;
  status: InvoiceStatus;
  /** Named by a statement of the month looked at itself. */
  listed: boolean;
}

/** How a customer stands in one region at the end of a month. */
export interface Snapshot {
  month: Month;
  lines: StandingLine[];
  /** Of the numbers that stand, those that are not `unpaid`. */
  statuses: Map<string, InvoiceStatus>;
  /** Numbers on which a user set a status since the snapshot before: open before or after it, whatever they are now. */
  marked: Set<string>;
}

export interface CustomerPath {
  /** All statements in force in the region, by month and time. */
  events: readonly StatementEvent[];
  /** The customer's marks, by month and time. */
  marks: readonly Mark[];
  /** The customer's part of every statement that stands at the start or comes later. */
  statements: ReadonlyMap<string, CustomerStatement>;
  /** Where to begin: the statuses of what stood at the end of a month. Left out: before everything. */
  start?: { month: Month; statuses: ReadonlyMap<string, InvoiceStatus> };
  /** The months to look at, ascending, none before the start; every event and mark after it must have its month here. */
  months: readonly Month[];
}

/**
 * Follows one customer in one region through the months and gives a snapshot of each (decisions 5 and 6):
 * the status is the last of what a listing statement and a user said, by month and then by time; a statement
 * of the region that carries the invoice no more ends all of it. A mark on what does not stand (any more, or
 * yet) is remembered until the next statement.
 */
export function* followCustomer(path: CustomerPath): Generator<Snapshot> {
  const { events, marks } = path;
  const statuses = new Map(path.start?.statuses);
  const standing: Standing = new Map();
  let e = 0;
  let m = 0;
  if (path.start) {
    for (; e < events.length && events[e]!.month <= path.start.month; e++)
      applyStatement(standing, events[e]!);
    // Marks since the last statement are applied again: the stored statuses lack those on what did not stand.
    const last = events[e - 1];
    while (last && m < marks.length && before(marks[m]!, last)) m++;
  }
  for (const month of path.months) {
    const marked = new Set<string>();
    while (true) {
      const event = events[e];
      const mark = marks[m];
      const eventDue = event !== undefined && event.month <= month;
      const markDue = mark !== undefined && mark.month <= month;
      if (!eventDue && !markDue) break;
      if (eventDue && !(markDue && before(mark, event))) {
        applyStatement(standing, event);
        applyListing(path, standing, statuses, event);
        e++;
      } else {
        const { number, status } = mark!;
        marked.add(number);
        statuses.set(number, status);
        m++;
      }
    }
    yield { ...snapshotOf(path, standing, statuses, month), marked };
  }
}

function before(a: { month: Month; seq: number }, b: { month: Month; seq: number }): boolean {
  return a.month < b.month || (a.month === b.month && a.seq < b.seq);
}

function applyListing(
  path: CustomerPath,
  standing: Standing,
  statuses: Map<string, InvoiceStatus>,
  event: StatementEvent,
): void {
  for (const line of path.statements.get(event.statementId)?.lines ?? []) {
    if (line.n === null || line.k || !event.slots.includes(line.d)) continue;
    if (line.t) statuses.set(line.n, line.t);
    else if (statuses.get(line.n) === 'paid') statuses.set(line.n, 'unpaid');
  }
  if (statuses.size === 0) return;
  const present = new Set<string>();
  for (const [slot, { statementId }] of standing) {
    for (const line of path.statements.get(statementId)?.lines ?? []) {
      if (line.d === slot && line.n !== null) present.add(line.n);
    }
  }
  for (const number of statuses.keys()) if (!present.has(number)) statuses.delete(number);
}

function snapshotOf(
  path: CustomerPath,
  standing: Standing,
  statuses: ReadonlyMap<string, InvoiceStatus>,
  month: Month,
): Omit<Snapshot, 'marked'> {
  const lines: StandingLine[] = [];
  const standingStatuses = new Map<string, InvoiceStatus>();
  for (const [slot, cell] of standing) {
    for (const line of path.statements.get(cell.statementId)?.lines ?? []) {
      if (line.d !== slot) continue;
      const status = line.n === null ? 'unpaid' : (statuses.get(line.n) ?? 'unpaid');
      if (line.n !== null && status !== 'unpaid') standingStatuses.set(line.n, status);
      const listed = cell.month === month && !line.k;
      lines.push({ line, statementId: cell.statementId, month: cell.month, status, listed });
    }
  }
  return { month, lines, statuses: standingStatuses };
}

/** One comparable thing of a customer: an invoice number, or '' for the on-account amount. */
export interface OpenKey {
  amount: Paise;
  /** Open lines with a number; each pair's line counts for itself (decision 8). */
  invoices: number;
  disputed: number;
  lines: StandingLine[];
}

/** What is open of a snapshot in a filter, by key. On-account parts count only where they don't cancel out within a slot. */
export function openByKey(lines: readonly StandingLine[], filter: Slot): Map<string, OpenKey> {
  const open = new Map<string, OpenKey>();
  const onAccount = new Map<Slot, StandingLine[]>();
  for (const standing of lines) {
    const { line, status } = standing;
    if (!slotInFilter(line.d, filter)) continue;
    if (line.n === null) {
      const parts = onAccount.get(line.d);
      if (parts) parts.push(standing);
      else onAccount.set(line.d, [standing]);
    } else if (status !== 'paid' && line.a !== 0) {
      const key = keyed(open, line.n);
      key.amount += line.a;
      key.invoices += 1;
      if (status === 'dispute') key.disputed += 1;
      key.lines.push(standing);
    }
  }
  for (const parts of onAccount.values()) {
    const sum = parts.reduce((total, part) => total + part.line.a, 0);
    if (sum === 0) continue;
    const key = keyed(open, '');
    key.amount += sum;
    key.lines.push(...parts);
  }
  return open;
}

function keyed(open: Map<string, OpenKey>, key: string): OpenKey {
  let found = open.get(key);
  if (!found) {
    found = { amount: 0, invoices: 0, disputed: 0, lines: [] };
    open.set(key, found);
  }
  return found;
}

/** One comparison behind New and Recovered; `key` '' is the on-account amount. */
export interface Movement {
  key: string;
  from: Paise;
  to: Paise;
  new: Paise;
  recovered: Paise;
}

export interface Flows {
  new: Paise;
  recovered: Paise;
  movements: Movement[];
  /** What a rise of the on-account amount took off both (decision 7). */
  offset: Paise;
}

/**
 * New and Recovered of one customer in one region and filter: the open amount of each number against the
 * month before; a line listed for the first time and paid at once is in both; a rise of the on-account
 * amount first offsets the decreases, since an advance set against an invoice was recovered when it came in.
 */
export function flowsOf(
  before: ReadonlyMap<string, OpenKey>,
  after: ReadonlyMap<string, OpenKey>,
  lines: readonly StandingLine[],
  filter: Slot,
): Flows {
  const movements: Movement[] = [];
  const compare = (key: string) => {
    const from = before.get(key)?.amount ?? 0;
    const to = after.get(key)?.amount ?? 0;
    if (from !== to) {
      movements.push({ key, from, to, new: Math.max(0, to - from), recovered: Math.max(0, from - to) });
    }
  };
  for (const key of before.keys()) compare(key);
  for (const key of after.keys()) if (!before.has(key)) compare(key);
  for (const { line, listed, status } of lines) {
    if (!listed || status !== 'paid' || line.n === null || line.a === 0) continue;
    if (!slotInFilter(line.d, filter) || before.has(line.n)) continue;
    const amount = Math.abs(line.a);
    movements.push({ key: line.n, from: 0, to: 0, new: amount, recovered: amount });
  }
  let fresh = 0;
  let recovered = 0;
  let rise = 0;
  for (const movement of movements) {
    fresh += movement.new;
    recovered += movement.recovered;
    if (movement.key === '') rise = movement.new;
  }
  const offset = Math.min(rise, recovered);
  return { new: fresh - offset, recovered: recovered - offset, movements, offset };
}
