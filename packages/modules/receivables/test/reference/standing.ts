import type { Month } from '@backoffice/core';
import { type InvoiceStatus, keyOf, type Region } from '../../src/model.ts';
import { type ImportEvent, type Line, type Slot, sameCode, sameNumber, slots, type World } from './events.ts';
import { whileSettled } from './settled.ts';

/** What stands in one region at some point, and the status of each invoice there. */
export interface RegionState {
  cells: Map<Slot, { month: Month; imported: ImportEvent }>;
  statuses: Map<string, InvoiceStatus>;
}

export function slotsOf(imported: ImportEvent, region: Region): Slot[] {
  return slots.filter((slot) =>
    imported.pairs.some((pair) => pair.region === region && pair.department === slot),
  );
}

/**
 * The slots of a region that statements of `written` slots replace (decision 3): their own; a statement for
 * the whole region also those of the departments, one of a department also that for the whole region.
 */
export function replacedSlots(written: readonly Slot[]): Slot[] {
  if (written.length === 0) return [];
  return written.includes(null) ? [...slots] : [...written, null];
}

/** Decision 3, within one month: which import is in force in each slot of a region. */
export function inForce(world: World, region: Region, month: Month): Map<Slot, ImportEvent> {
  const cells = new Map<Slot, ImportEvent>();
  for (const imported of world.imports) {
    if (imported.undone || imported.month !== month) continue;
    const written = slotsOf(imported, region);
    if (written.length === 0) continue;
    for (const slot of replacedSlots(written)) cells.delete(slot);
    for (const pair of imported.takenOver) if (pair.region === region) cells.delete(pair.department);
    for (const slot of written) cells.set(slot, imported);
  }
  return cells;
}

/** Decision 24: an import whose every pair is still its own. */
export function isWhollyInForce(world: World, imported: ImportEvent): boolean {
  return (
    !imported.undone &&
    imported.pairs.every(
      (pair) => inForce(world, pair.region, imported.month).get(pair.department) === imported,
    )
  );
}

/** An invoice's lines in all statements in force, the newest first: by month, then by time of import. */
export function linesInForce(world: World, code: string, number: string): Line[] {
  const lines: Line[] = [];
  for (const imported of world.imports) {
    for (const line of imported.lines) {
      if (!isLineOf(line, code, number)) continue;
      if (inForce(world, line.region, imported.month).get(line.slot) !== imported) continue;
      lines.push(line);
    }
  }
  return lines.sort((a, b) => (a.month === b.month ? b.seq - a.seq : a.month < b.month ? 1 : -1));
}

type RegionEvent = { month: Month; seq: number } & (
  | { kind: 'statement'; imported: ImportEvent; written: Slot[] }
  | { kind: 'mark'; code: string; number: string; status: InvoiceStatus }
);

/** Statements in force and marks, by month, then by time (decision 6). A mark counts from its calendar month. */
function eventsUpTo(world: World, region: Region, month: Month): RegionEvent[] {
  const events: RegionEvent[] = [];
  for (const imported of world.imports) {
    if (imported.undone || imported.month > month) continue;
    const cells = inForce(world, region, imported.month);
    const written = slots.filter((slot) => cells.get(slot) === imported);
    if (written.length === 0) continue;
    events.push({ kind: 'statement', month: imported.month, seq: imported.seq, imported, written });
  }
  for (const mark of world.marks) {
    if (mark.month <= month) events.push({ kind: 'mark', ...mark });
  }
  return events.sort((a, b) => (a.month === b.month ? a.seq - b.seq : a.month < b.month ? -1 : 1));
}

/**
 * What stands in a region at a month (decisions 3, 4 and 6), told from the beginning. `onEvent` is called
 * after each event with its month and the state it left.
 */
export function regionAt(
  world: World,
  region: Region,
  month: Month,
  onEvent?: (month: Month, state: RegionState) => void,
): RegionState {
  if (onEvent !== undefined) return toldFromTheBeginning(world, region, month, onEvent);
  return whileSettled(world, `region ${region} ${month}`, () => toldFromTheBeginning(world, region, month));
}

function toldFromTheBeginning(
  world: World,
  region: Region,
  month: Month,
  onEvent?: (month: Month, state: RegionState) => void,
): RegionState {
  const state: RegionState = { cells: new Map(), statuses: new Map() };
  for (const event of eventsUpTo(world, region, month)) {
    // A mark is remembered even where nothing with that number stands.
    if (event.kind === 'mark') state.statuses.set(statusKey(event.code, event.number), event.status);
    else place(state, region, event.imported, event.written);
    onEvent?.(event.month, state);
  }
  return state;
}

function place(state: RegionState, region: Region, imported: ImportEvent, written: Slot[]): void {
  // Decision 3: whole region and departments replace each other from the month on.
  for (const slot of replacedSlots(written)) state.cells.delete(slot);
  for (const slot of written) state.cells.set(slot, { month: imported.month, imported });
  for (const line of imported.lines) {
    if (line.region !== region || !written.includes(line.slot) || line.number === null) continue;
    // Decision 6: a line kept after a rejected row keeps its status.
    if (line.kept) continue;
    const key = statusKey(line.code, line.number);
    // A filled status cell counts; else being listed ends `paid` and leaves `dispute`.
    if (line.status !== null) state.statuses.set(key, line.status);
    else if (state.statuses.get(key) === 'paid') state.statuses.delete(key);
  }
  // A newer statement without the invoice ends all.
  if (state.statuses.size === 0) return;
  const carried = new Set<string>();
  for (const line of standingLines(state, region)) {
    if (line.number !== null) carried.add(statusKey(line.code, line.number));
  }
  for (const key of [...state.statuses.keys()]) if (!carried.has(key)) state.statuses.delete(key);
}

export function standingLines(state: RegionState, region: Region): Line[] {
  const lines: Line[] = [];
  for (const slot of slots) {
    const cell = state.cells.get(slot);
    if (!cell) continue;
    for (const line of cell.imported.lines) {
      if (line.region !== region || line.slot !== slot) continue;
      lines.push(line);
    }
  }
  return lines;
}

/** Missing means unpaid. */
export function statusIn(state: RegionState, code: string, number: string): InvoiceStatus {
  return state.statuses.get(statusKey(code, number)) ?? 'unpaid';
}

function statusKey(code: string, number: string): string {
  return `${keyOf(code)}\n${keyOf(number)}`;
}

export function isLineOf(line: Line, code: string, number: string | null): boolean {
  return sameCode(line.code, code) && sameNumber(line.number, number);
}
