import { addMonths, type Month } from '@backoffice/core';
import type { Region } from '../model.ts';
import type { ReceivablesRepository } from '../repository.ts';
import {
  effectiveAssignments,
  engineerAt,
  type Ledger,
  type StatementEvent,
  statementsInForce,
} from './ledger.ts';
import {
  addPart,
  documentsOf,
  emptyTotals,
  type Head,
  type HeadMonth,
  headOf,
  isCarriedOver,
  type MonthTotals,
  type Node,
  type StatusChunk,
} from './totals.ts';
import { statusesAfter, type WalkedCustomer, type WalkRegion, walkCustomers } from './walk.ts';

/** Rollups that were made and wait to be stored before the ledger moves to them. */
export interface MadeRollups {
  /** Null: nothing stands in the region any more. */
  heads: Map<Region, Head | null>;
  nodes: Node[];
  chunks: StatusChunk[];
}

interface RegionWork extends WalkRegion {
  eventMonths: Set<Month>;
  /** Months before, kept as they are. */
  kept: HeadMonth[];
  totals: MonthTotals[];
}

/** The months in which the figures of a region can differ from those of the month before. */
export function changeMonths(ledger: Ledger, events: readonly StatementEvent[]): Month[] {
  const first = events[0]?.month;
  if (first === undefined) return [];
  const marks = ledger.markMonths.filter((month) => month > first);
  return [...new Set([...events.map((event) => event.month), ...marks])].sort();
}

/**
 * Makes the rollups of some regions anew from a month on, for the ledger as it is to become; earlier months
 * are kept as `heads` has them. One pass over the statements, customer by customer, so that memory grows
 * with the number of months and dates, never with the number of lines.
 *
 * @param from the first month that can have changed
 */
export async function refold(
  repository: ReceivablesRepository,
  ledger: Ledger,
  heads: ReadonlyMap<Region, Head>,
  regions: readonly Region[],
  from: Month,
  until: Month = '9999-12',
): Promise<MadeRollups> {
  const works = new Map<Region, RegionWork>();
  const made: MadeRollups = { heads: new Map(), nodes: [], chunks: [] };
  const start = addMonths(from, -1);
  const keptOf = (region: Region) => (heads.get(region)?.months ?? []).filter(({ month }) => month < from);
  const lastKept = new Map(regions.map((region) => [region, keptOf(region).at(-1)]));
  const statusesAtStart = await statusesAfter(repository, lastKept);
  if (statusesAtStart === null) throw new Error('A rollup is gone while the ledger refers to it.');
  for (const region of regions) {
    const events = statementsInForce(ledger.imports, region);
    const kept = keptOf(region);
    const months = changeMonths(ledger, events).filter((month) => month >= from && month <= until);
    const statuses = statusesAtStart.get(region)!;
    const eventMonths = new Set(events.map((event) => event.month));
    const totals = months.map(emptyTotals);
    works.set(region, { region, events, start, statuses, months, eventMonths, kept, totals });
  }
  const changing = [...works.values()].filter((work) => work.months.length > 0);
  await walkCustomers(repository, ledger, changing, (customer) => sumUp(ledger, works, customer));
  for (const work of works.values()) finish(work, made);
  return made;
}

function sumUp(
  ledger: Ledger,
  works: ReadonlyMap<Region, RegionWork>,
  { code, assignments, regions }: WalkedCustomer,
): void {
  const effective = effectiveAssignments(ledger, assignments);
  for (const { region, snapshots } of regions) {
    const { totals } = works.get(region)!;
    for (const [index, sums] of totals.entries()) {
      const before = snapshots[index]!;
      const after = snapshots[index + 1]!;
      addPart(sums, { code, before, after, engineerId: engineerAt(effective, after.month) }, 1);
      for (const [number, status] of after.statuses) sums.statuses.push([code, number, status]);
    }
  }
}

function finish(work: RegionWork, made: MadeRollups): void {
  const months = [...work.kept];
  for (const [index, month] of work.months.entries()) {
    const { head, node, chunks } = documentsOf(month, work.totals[index]!);
    if (!work.eventMonths.has(month) && isCarriedOver(head, months.at(-1))) continue;
    months.push(head);
    made.nodes.push(node);
    made.chunks.push(...chunks);
  }
  made.heads.set(work.region, months.length === 0 ? null : headOf(work.region, months));
}
