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
  /**
   * Slots of the month that it replaces besides its own, because it came after an import that had replaced
   * them and was undone since: undoing what is replaced already must not bring back what that one replaced.
   */
  alsoReplaces?: Cells;
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
  /** Random, new with every version: a restored ledger may have the version of another history. */
  stamp: string;
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

/** Every slot whose statement a statement of these slots replaces. */
export function reachOf(given: readonly Slot[]): Slot[] {
  return given.includes(0) ? [...slots] : [0, ...given];
}

/** Lets a statement take its place; region and departments stand side by side only when one file holds both. */
export function applyStatement(standing: Standing, event: StatementEvent): void {
  for (const slot of replacedSlots(standing, event.slots)) standing.delete(slot);
  for (const slot of event.slots) {
    standing.set(slot, { statementId: event.statementId, month: event.month });
  }
}

/** Which import is in force in each slot of a region for one month; `imports` in order of time. */
export function inForceIn(
  imports: readonly LedgerImport[],
  region: Region,
  month: Month,
): Map<Slot, LedgerImport> {
  const inForce = new Map<Slot, LedgerImport>();
  for (const published of imports) {
    const given = published.cells[region] ?? [];
    if (published.month !== month || given.length === 0) continue;
    for (const slot of reachOf(given)) inForce.delete(slot);
    for (const slot of published.alsoReplaces?.[region] ?? []) inForce.delete(slot);
    for (const slot of given) inForce.set(slot, published);
  }
  return inForce;
}

/** The statements in force in a region, by month and then by time, without what a later one of the month replaced. */
export function statementsInForce(imports: readonly LedgerImport[], region: Region): StatementEvent[] {
  const own = imports.filter((published) => (published.cells[region]?.length ?? 0) > 0);
  const months = new Set(own.map((published) => published.month));
  const events: StatementEvent[] = [];
  for (const month of [...months].sort()) {
    const byImport = new Map<LedgerImport, Slot[]>();
    for (const [slot, published] of inForceIn(own, region, month)) {
      byImport.set(published, [...(byImport.get(published) ?? []), slot].sort());
    }
    for (const [{ seq, statementId }, given] of byImport) {
      events.push({ month, seq, statementId, slots: given });
    }
  }
  return events.sort((a, b) => (a.month === b.month ? a.seq - b.seq : a.month < b.month ? -1 : 1));
}

/**
 * The imports without one of them (decision 24): what stood before stands again where that one was in force;
 * where it was replaced nothing may change, so the next import takes over what it had replaced there.
 */
export function withoutImport(imports: readonly LedgerImport[], undone: LedgerImport): LedgerImport[] {
  const left = imports.filter((each) => each !== undone);
  for (const [region, given] of Object.entries(undone.cells) as [Region, Slot[]][]) {
    const inForce = inForceIn(imports, region, undone.month);
    const replaced = [...reachOf(given), ...(undone.alsoReplaces?.[region] ?? [])].filter(
      (slot) => inForce.get(slot) !== undone,
    );
    const next = left.findIndex(
      (each) => each.month === undone.month && each.seq > undone.seq && (each.cells[region]?.length ?? 0) > 0,
    );
    if (next < 0 || replaced.length === 0) continue;
    const heir = left[next]!;
    const slotsNow = [...new Set([...(heir.alsoReplaces?.[region] ?? []), ...replaced])].sort();
    left[next] = { ...heir, alsoReplaces: { ...heir.alsoReplaces, [region]: slotsNow } };
  }
  return left;
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
  const made = (each: Assignment) => each.engineerId !== null;
  const known = effective.filter((each) => each.month <= month);
  const counts = known.some(made) ? known.at(-1) : effective.find(made);
  return counts?.engineerId ?? null;
}
