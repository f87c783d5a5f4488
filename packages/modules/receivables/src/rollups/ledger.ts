import type { Month } from '@backoffice/core';
import { type Department, departments, type InvoiceStatus, type Pair, type Region } from '../model.ts';

/** Which department a statement speaks for, or a filter asks for: 0 the whole region (no filter), else 1 + its index. */
export type Slot = 0 | 1 | 2;
export const slots: readonly Slot[] = [0, 1, 2];

/** The slot of a department; null is the whole region, or no filter. */
export function slotOf(department: Department | null): Slot {
  return department === null ? 0 : ((departments.indexOf(department) + 1) as Slot);
}

/** The department of a slot. */
export function departmentOf(slot: Slot): Department | null {
  return slot === 0 ? null : departments[slot - 1]!;
}

/** Whether a line of a slot is in a filter: what names no department matches every department (decision 1). */
export function slotInFilter(slot: Slot, filter: Slot): boolean {
  return filter === 0 || slot === 0 || slot === filter;
}

export type Cells = Partial<Record<Region, Slot[]>>;

/** One published import: which statement documents it made, for which month, regions and departments. */
export interface LedgerImport {
  uploadId: string;
  /** Key of its statement documents; new for each try, so that a lost race leaves nothing that could be read. */
  statementId: string;
  /** What makes a file the same import: the file's hash and its parameters. */
  key: string;
  month: Month;
  /** The ledger version that it made: the order of time among imports and marks. */
  seq: number;
  cells: Cells;
}

/** What a user set on an invoice, from a calendar month on. */
export interface Mark {
  id: string;
  number: string;
  status: InvoiceStatus;
  month: Month;
  seq: number;
  at: Date;
  by: string;
}

/** Who looks after a customer from a moment on. One that came with a sheet counts only while its import is in the ledger. */
export interface Assignment {
  id: string;
  engineerId: string | null;
  month: Month;
  seq: number;
  at: Date;
  by: string;
  statementId?: string;
}

/** Committed with the ledger in one write, copied into the customer's document before the next commit. */
export type TailEvent =
  | { kind: 'mark'; code: string; mark: Mark }
  | { kind: 'assignment'; code: string; assignment: Assignment };

/** The one document that says what is in force. Every change of a figure is one compare-and-set of it. */
export interface Ledger {
  _id: 'ledger';
  version: number;
  imports: LedgerImport[];
  /** Region → the head of its rollups at this version. */
  heads: Partial<Record<Region, string>>;
  /** Calendar months in which a mark was set: there a figure may change without a statement. */
  markMonths: Month[];
  tail: TailEvent[];
  /** An import that lost its race more than once keeps others from committing until then. */
  hold: { by: string; until: Date } | null;
}

/** What stands in a region: slot → the statement and the month that it was given for. */
export type Standing = Map<Slot, { statementId: string; month: Month }>;

/** A statement in force in one region, in the order in which it counts. */
export interface StatementEvent {
  month: Month;
  seq: number;
  statementId: string;
  slots: Slot[];
}

/** The slots of what stands in a region that a statement of these slots takes the place of (decision 3). */
export function replacedSlots(standing: Standing, given: readonly Slot[]): Slot[] {
  if (given.includes(0)) return [...standing.keys()];
  return [...standing.keys()].filter((slot) => slot === 0 || given.includes(slot));
}

/** Lets a statement take its place; region and departments stand side by side only when one file holds both. */
export function applyStatement(standing: Standing, event: StatementEvent): void {
  for (const slot of replacedSlots(standing, event.slots)) standing.delete(slot);
  for (const slot of event.slots) {
    standing.set(slot, { statementId: event.statementId, month: event.month });
  }
}

/** The statements in force in a region, by month and then by time, without what a later one of the month replaced. */
export function statementsInForce(imports: readonly LedgerImport[], region: Region): StatementEvent[] {
  const byMonth = new Map<Month, StatementEvent[]>();
  for (const { month, seq, statementId, cells } of imports) {
    const given = cells[region];
    if (!given || given.length === 0) continue;
    const list = byMonth.get(month) ?? [];
    list.push({ month, seq, statementId, slots: given });
    byMonth.set(month, list);
  }
  const events: StatementEvent[] = [];
  for (const month of [...byMonth.keys()].sort()) {
    const list = byMonth.get(month)!.sort((a, b) => a.seq - b.seq);
    const standing: Standing = new Map();
    for (const event of list) applyStatement(standing, event);
    for (const event of list) {
      const left = event.slots.filter((slot) => standing.get(slot)?.statementId === event.statementId);
      if (left.length > 0) events.push({ ...event, slots: left });
    }
  }
  return events;
}

/** What stands in a region at the end of a month. */
export function standingAt(events: readonly StatementEvent[], month: Month): Standing {
  const standing: Standing = new Map();
  for (const event of events) if (event.month <= month) applyStatement(standing, event);
  return standing;
}

/** The pairs of an import, and those of them that are still in force. */
export function pairsOf(
  imports: readonly LedgerImport[],
  published: LedgerImport,
): { all: Pair[]; inForce: Pair[] } {
  const all: Pair[] = [];
  const inForce: Pair[] = [];
  for (const [region, given] of Object.entries(published.cells) as [Region, Slot[]][]) {
    for (const slot of given) all.push({ region, department: departmentOf(slot) });
    for (const event of statementsInForce(imports, region)) {
      if (event.statementId !== published.statementId) continue;
      for (const slot of event.slots) inForce.push({ region, department: departmentOf(slot) });
    }
  }
  return { all, inForce };
}

/**
 * Who looks after a customer, in order of time. An assignment of a sheet fills only what is empty, and only
 * while its import is in force or replaced, but not undone (decision 6).
 */
export function effectiveAssignments(ledger: Ledger, assignments: readonly Assignment[]): Assignment[] {
  if (assignments.length === 0) return [];
  const published = new Map(ledger.imports.map((each) => [each.statementId, each.seq]));
  const known = assignments
    .map((each) => (each.statementId ? { ...each, seq: published.get(each.statementId) ?? -1 } : each))
    .filter((each) => each.seq >= 0 && each.seq <= ledger.version)
    .sort((a, b) => a.seq - b.seq);
  const effective: Assignment[] = [];
  for (const each of known) {
    if (each.statementId && (effective.at(-1)?.engineerId ?? null) !== null) continue;
    effective.push(each);
  }
  return effective;
}

/** Who looks after a customer at the end of a month: before the first assignment ever, that one (decision 11). */
export function engineerAt(effective: readonly Assignment[], month: Month): string | null {
  const last = effective.findLast((each) => each.month <= month) ?? effective[0];
  return last?.engineerId ?? null;
}
