import { addMonths, type Month } from '@backoffice/core';
import type { InvoiceStatus, Region } from '../model.ts';
import type { CustomerDocument, ReceivablesRepository, StatementDocument } from '../repository.ts';
import { type CustomerStatement, followCustomer, type Snapshot } from './fold.ts';
import {
  effectiveAssignments,
  engineerAt,
  type Ledger,
  type StatementEvent,
  standingAt,
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

/** Rollups that were made and wait to be stored before the ledger moves to them. */
export interface MadeRollups {
  /** Null: nothing stands in the region any more. */
  heads: Map<Region, Head | null>;
  nodes: Node[];
  chunks: StatusChunk[];
}

interface RegionWork {
  region: Region;
  events: StatementEvent[];
  eventMonths: Set<Month>;
  /** Months before, kept as they are. */
  kept: HeadMonth[];
  months: Month[];
  totals: MonthTotals[];
  /** Statuses at the end of the month before. */
  start: Map<string, Map<string, InvoiceStatus>>;
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
  const works: RegionWork[] = [];
  const made: MadeRollups = { heads: new Map(), nodes: [], chunks: [] };
  for (const region of regions) {
    const events = statementsInForce(ledger.imports, region);
    const kept = (heads.get(region)?.months ?? []).filter(({ month }) => month < from);
    const months = changeMonths(ledger, events).filter((month) => month >= from && month <= until);
    const start = await startStatuses(repository, kept.at(-1));
    const eventMonths = new Set(events.map((event) => event.month));
    works.push({ region, events, eventMonths, kept, months, totals: months.map(emptyTotals), start });
  }
  await sumUp(repository, ledger, works, addMonths(from, -1));
  for (const work of works) finish(work, made);
  return made;
}

async function startStatuses(repository: ReceivablesRepository, last: HeadMonth | undefined) {
  const start = new Map<string, Map<string, InvoiceStatus>>();
  if (last === undefined) return start;
  const node = (await repository.listNodes([last.node])).get(last.node);
  if (node === undefined) throw new Error(`The rollup ${last.node} is gone while the ledger refers to it.`);
  for (const [code, number, status] of await repository.listStatuses(node)) {
    const own = start.get(code) ?? new Map<string, InvoiceStatus>();
    start.set(code, own.set(number, status));
  }
  return start;
}

/** How many customers are read and summed at once. */
const customersAtOnce = 500;

async function sumUp(
  repository: ReceivablesRepository,
  ledger: Ledger,
  works: readonly RegionWork[],
  start: Month,
): Promise<void> {
  const byRegion = new Map(works.filter((each) => each.months.length > 0).map((each) => [each.region, each]));
  const ids = new Set<string>();
  for (const { events, months } of byRegion.values()) {
    for (const { statementId } of standingAt(events, start).values()) ids.add(statementId);
    for (const event of events) {
      if (event.month > start && event.month <= months.at(-1)!) ids.add(event.statementId);
    }
  }
  if (ids.size === 0) return;

  let batch = new Map<string, StatementDocument[]>();
  const flush = async () => {
    const customers = await repository.listCustomers([...batch.keys()]);
    for (const [code, documents] of batch) {
      sumUpCustomer(repository, ledger, byRegion, start, code, documents, customers.get(code));
    }
    batch = new Map();
  };
  for await (const document of repository.listStatements([...ids], [...byRegion.keys()])) {
    const own = batch.get(document.code);
    if (own !== undefined) {
      own.push(document);
      continue;
    }
    if (batch.size === customersAtOnce) await flush();
    batch.set(document.code, [document]);
  }
  await flush();
}

function sumUpCustomer(
  repository: ReceivablesRepository,
  ledger: Ledger,
  works: ReadonlyMap<Region, RegionWork>,
  start: Month,
  code: string,
  documents: readonly StatementDocument[],
  stored: CustomerDocument | undefined,
): void {
  const { marks, assignments } = repository.recordAt(ledger, code, stored);
  const effective = effectiveAssignments(ledger, assignments);
  const byRegion = new Map<Region, Map<string, CustomerStatement>>();
  for (const document of documents) {
    const own = byRegion.get(document.region) ?? new Map<string, CustomerStatement>();
    byRegion.set(document.region, own.set(document.s, document));
  }
  for (const [region, statements] of byRegion) {
    const work = works.get(region)!;
    const path = {
      events: work.events,
      marks,
      statements,
      start: { month: start, statuses: work.start.get(code) ?? new Map() },
      months: [start, ...work.months],
    };
    let before: Snapshot | null = null;
    let index = -1;
    for (const after of followCustomer(path)) {
      if (index >= 0) {
        const totals = work.totals[index]!;
        addPart(totals, { code, before, after, engineerId: engineerAt(effective, after.month) }, 1);
        for (const [number, status] of after.statuses) totals.statuses.push([code, number, status]);
      }
      before = after;
      index += 1;
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
