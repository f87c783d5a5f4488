import type { Month } from '@backoffice/core';
import { type Department, departments, type InvoiceStatus, type Pair, type Region } from './model.ts';

/** Which department a statement speaks for, or which one a filter asks for: 0 the whole region (all), else 1 + its index. */
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

/** Whether a line of a statement slot is in a filter: what names no department matches every department (decision 1). */
export function slotInFilter(slot: Slot, filter: Slot): boolean {
  return filter === 0 || slot === 0 || slot === filter;
}

/** One published import: which statement documents it made, for which month, region and departments. */
export interface LedgerImport {
  uploadId: string;
  /** Key of its statement documents; new for each try, so that a lost race leaves nothing that could be read. */
  statementId: string;
  month: Month;
  /** Ledger version at which it was published: the order of time among imports and marks. */
  seq: number;
  cells: Partial<Record<Region, Slot[]>>;
  /** Whether its rows carried invoice dates of their own: only such imports are asked for known dates. */
  dated: boolean;
}

/** What a user set on an invoice, from a calendar month on. */
export interface Mark {
  id: string;
  code: string;
  number: string;
  status: InvoiceStatus;
  month: Month;
  seq: number;
  at: Date;
  by: string;
}

export interface Assignment {
  id: string;
  code: string;
  engineerId: string | null;
  at: Date;
  by: string;
}

/** Committed with the ledger in one write, copied to its own collection before the next commit. */
export type TailEvent = { kind: 'mark'; mark: Mark } | { kind: 'assign'; assignment: Assignment };

/** The one document that says what is in force. Every change of a figure is one compare-and-set of it. */
export interface Ledger {
  _id: 'ledger';
  version: number;
  imports: LedgerImport[];
  /** Region → the rollup that holds its figures at this version. */
  regions: Partial<Record<Region, string>>;
  tail: TailEvent[];
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

/**
 * Lets a statement take its place: one for the whole region replaces those of its departments and the other
 * way round; both stand side by side only when one file holds both (decision 3).
 */
export function applyStatement(standing: Standing, event: StatementEvent): void {
  if (event.slots.includes(0)) standing.clear();
  else standing.delete(0);
  for (const slot of event.slots) {
    standing.set(slot, { statementId: event.statementId, month: event.month });
  }
}

/** The statements in force in a region, by month and then by time: what a later upload of the same month replaced is left out. */
export function statementsInForce(imports: readonly LedgerImport[], region: Region): StatementEvent[] {
  const byMonth = new Map<Month, StatementEvent[]>();
  for (const published of imports) {
    const cells = published.cells[region];
    if (!cells || cells.length === 0) continue;
    const list = byMonth.get(published.month) ?? [];
    list.push({
      month: published.month,
      seq: published.seq,
      statementId: published.statementId,
      slots: cells,
    });
    byMonth.set(published.month, list);
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

/** Pairs of which at least one cell of the import is still in force. */
export function pairsInForce(imports: readonly LedgerImport[], uploadId: string): Pair[] {
  const own = imports.find((published) => published.uploadId === uploadId);
  if (!own) return [];
  const pairs: Pair[] = [];
  for (const region of Object.keys(own.cells) as Region[]) {
    for (const event of statementsInForce(imports, region)) {
      if (event.statementId !== own.statementId) continue;
      for (const slot of event.slots) pairs.push({ region, department: departmentOf(slot) });
    }
  }
  return pairs;
}
