import type { Month } from '@backoffice/core';
import type { Region } from '../model.ts';
import type { ReceivablesRepository, StatementDocument } from '../repository.ts';
import { followCustomer, type Snapshot } from './fold.ts';
import {
  type Assignment,
  effectiveAssignments,
  engineerAt,
  type Ledger,
  type Mark,
  statementsInForce,
} from './ledger.ts';
import { changeMonths, type MadeRollups } from './refold.ts';
import {
  addPart,
  documentsOf,
  emptyTotals,
  type Head,
  type HeadMonth,
  headOf,
  isCarriedOver,
  type MonthTotals,
  type Part,
  totalsFrom,
} from './totals.ts';

export interface CustomerRecord {
  marks: Mark[];
  assignments: Assignment[];
}

/** A customer in one region, as one state of the ledger has it. */
interface View {
  ledger: Ledger;
  record: CustomerRecord;
}

function partsOf(
  code: string,
  region: Region,
  documents: readonly StatementDocument[],
  months: readonly Month[],
  view: View,
): Map<Month, Part> {
  const statements = new Map(
    documents.filter((each) => each.region === region).map((each) => [each.s, each]),
  );
  const effective = effectiveAssignments(view.ledger, view.record.assignments);
  const events = statementsInForce(view.ledger.imports, region);
  const parts = new Map<Month, Part>();
  let before: Snapshot | null = null;
  for (const after of followCustomer({ events, marks: view.record.marks, statements, months })) {
    parts.set(after.month, { code, before, after, engineerId: engineerAt(effective, after.month) });
    before = after;
  }
  return parts;
}

function totalsOf(part: Part): MonthTotals {
  const totals = emptyTotals();
  addPart(totals, part, 1);
  for (const [number, status] of part.after.statuses) totals.statuses.push([part.code, number, status]);
  return totals;
}

/** A month without a statement or mark, as it follows from the one before: the same amounts, no movement. */
function carriedOver(last: HeadMonth | undefined, month: Month): HeadMonth | undefined {
  if (last === undefined) return undefined;
  return {
    ...last,
    month,
    figures: last.figures.map((sums) => ({ ...sums, new: 0, recovered: 0 })),
    engineers: last.engineers.map(() => ({})),
  };
}

/**
 * The rollups of one customer's regions after something about that customer has changed: the customer's
 * part of each month is taken off and the new one added, so that it costs one customer and not a region.
 * The ledger's statements must be the same before and after.
 */
export async function changeCustomer(
  repository: ReceivablesRepository,
  code: string,
  from: View,
  to: View,
  heads: ReadonlyMap<Region, Head>,
): Promise<MadeRollups> {
  const made: MadeRollups = { heads: new Map(), nodes: [], chunks: [] };
  const ids = [...new Set(to.ledger.imports.map((each) => each.statementId))];
  const documents = await repository.listStatementsOf([code], ids);
  for (const region of new Set(documents.map((each) => each.region))) {
    const head = heads.get(region);
    if (head === undefined) continue;
    const months = await changedMonths(repository, code, region, documents, from, to, head, made);
    if (months !== null) made.heads.set(region, headOf(region, months));
  }
  return made;
}

async function changedMonths(
  repository: ReceivablesRepository,
  code: string,
  region: Region,
  documents: readonly StatementDocument[],
  from: View,
  to: View,
  head: Head,
  made: MadeRollups,
): Promise<HeadMonth[] | null> {
  const events = statementsInForce(to.ledger.imports, region);
  const candidates = changeMonths(to.ledger, events);
  const eventMonths = new Set(events.map((event) => event.month));
  const partsBefore = partsOf(code, region, documents, candidates, from);
  const partsAfter = partsOf(code, region, documents, candidates, to);
  const stored = new Map(head.months.map((each) => [each.month, each]));
  const months: HeadMonth[] = [];
  let last: HeadMonth | undefined;
  let changed = false;
  for (const month of candidates) {
    const old = stored.get(month) ?? carriedOver(last, month);
    last = stored.get(month) ?? last;
    const before = partsBefore.get(month)!;
    const after = partsAfter.get(month)!;
    const partBefore = documentsOf(month, totalsOf(before));
    const partAfter = documentsOf(month, totalsOf(after));
    if (JSON.stringify(partBefore.head) === JSON.stringify(partAfter.head)) {
      if (stored.has(month)) months.push(old!);
      continue;
    }
    changed = true;
    const totals = await storedTotals(repository, old);
    addPart(totals, before, -1);
    addPart(totals, after, 1);
    totals.statuses = totals.statuses.filter(([owner]) => owner !== code);
    for (const [number, status] of after.after.statuses) totals.statuses.push([code, number, status]);
    const documentsNow = documentsOf(month, totals);
    if (!eventMonths.has(month) && isCarriedOver(documentsNow.head, months.at(-1))) continue;
    months.push(documentsNow.head);
    made.nodes.push(documentsNow.node);
    made.chunks.push(...documentsNow.chunks);
  }
  return changed ? months : null;
}

async function storedTotals(repository: ReceivablesRepository, old: HeadMonth | undefined) {
  if (old === undefined) return emptyTotals();
  const node = (await repository.listNodes([old.node])).get(old.node);
  if (node === undefined) throw new Error(`The rollup ${old.node} is gone while the ledger refers to it.`);
  return totalsFrom(old, node, await repository.listStatuses(node));
}

/**
 * Gives the flows of some customers to other engineers, in heads that are otherwise right already: what an
 * import does whose engineer cells filled something, or its undo. In the regions that were made anew
 * (`fresh`) only the months before `until` are still as they were.
 */
export async function reassign(
  repository: ReceivablesRepository,
  changes: ReadonlyMap<string, { from: View; to: View }>,
  heads: Map<Region, Head | null>,
  until: Month,
  fresh: ReadonlySet<Region>,
): Promise<void> {
  const codes = [...changes.keys()];
  for (let at = 0; at < codes.length; at += 500) {
    const some = codes.slice(at, at + 500);
    const { ledger } = changes.get(some[0]!)!.to;
    const ids = [...new Set(ledger.imports.map((each) => each.statementId))];
    const documents = await repository.listStatementsOf(some, ids);
    for (const code of some) {
      const own = documents.filter((each) => each.code === code);
      for (const region of new Set(own.map((each) => each.region))) {
        const head = heads.get(region);
        if (!head) continue;
        const { from, to } = changes.get(code)!;
        heads.set(region, reassigned(code, region, own, head, fresh.has(region) ? until : null, from, to));
      }
    }
  }
}

function reassigned(
  code: string,
  region: Region,
  documents: readonly StatementDocument[],
  head: Head,
  until: Month | null,
  from: View,
  to: View,
): Head {
  const candidates = changeMonths(to.ledger, statementsInForce(to.ledger.imports, region));
  const parts = partsOf(code, region, documents, candidates, to);
  const before = effectiveAssignments(from.ledger, from.record.assignments);
  const months = head.months.map((stored) => {
    const part = parts.get(stored.month);
    const earlier = engineerAt(before, stored.month);
    if (part === undefined || (until !== null && stored.month >= until) || part.engineerId === earlier)
      return stored;
    const totals = emptyTotals();
    for (const [slot, flows] of stored.engineers.entries()) {
      for (const [id, pair] of Object.entries(flows)) totals.filters[slot]!.engineers.set(id, [...pair]);
    }
    addPart(totals, { ...part, engineerId: earlier }, -1);
    addPart(totals, part, 1);
    return { ...stored, engineers: documentsOf(stored.month, totals).head.engineers };
  });
  return headOf(region, months);
}
