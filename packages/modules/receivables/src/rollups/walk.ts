import type { Month } from '@backoffice/core';
import type { InvoiceStatus, Region } from '../model.ts';
import type { CustomerDocument, ReceivablesRepository, StatementDocument } from '../repository.ts';
import { followCustomer, type Snapshot } from './fold.ts';
import { type Assignment, type Ledger, type StatementEvent, standingAt } from './ledger.ts';
import type { HeadMonth } from './totals.ts';

/** A region to walk through: from the end of the month `start` over some later months. */
export interface WalkRegion {
  region: Region;
  /** All statements in force. */
  events: StatementEvent[];
  start: Month;
  /** The statuses of what stood at the end of `start`, by customer and number. */
  statuses: ReadonlyMap<string, ReadonlyMap<string, InvoiceStatus>>;
  /** Ascending, later than `start`; every month with a statement or a mark up to the last one must be among them. */
  months: Month[];
}

/** One customer in one region: what stood at the start, and at the end of each of the months. */
export interface WalkedRegion {
  region: Region;
  snapshots: Snapshot[];
  documents: readonly StatementDocument[];
}

export interface WalkedCustomer {
  code: string;
  stored: CustomerDocument | undefined;
  assignments: Assignment[];
  regions: WalkedRegion[];
}

/** How many customers are read at once. */
const customersAtOnce = 500;

/**
 * The statuses that each region's rollup ends with, by customer and number; of a region without one there are none.
 * Null when a rollup is gone.
 */
export async function statusesAfter(
  repository: ReceivablesRepository,
  heads: ReadonlyMap<Region, HeadMonth | undefined>,
): Promise<Map<Region, Map<string, Map<string, InvoiceStatus>>> | null> {
  const nodes = [...heads.values()].flatMap((head) => head?.node ?? []);
  const entries = await repository.listStatusesOf(nodes);
  if (nodes.some((id) => !entries.has(id))) return null;
  const statuses = new Map<Region, Map<string, Map<string, InvoiceStatus>>>();
  for (const [region, head] of heads) {
    const byCode = new Map<string, Map<string, InvoiceStatus>>();
    for (const [code, number, status] of head === undefined ? [] : entries.get(head.node)!) {
      const own = byCode.get(code) ?? new Map<string, InvoiceStatus>();
      byCode.set(code, own.set(number, status));
    }
    statuses.set(region, byCode);
  }
  return statuses;
}

/**
 * Visits every customer of the regions in order of code, with the snapshots of all regions together. One
 * pass over the statements that stand at the start or come later; memory holds a few hundred customers.
 *
 * @param code only this customer
 */
export async function walkCustomers(
  repository: ReceivablesRepository,
  ledger: Ledger,
  regions: readonly WalkRegion[],
  visit: (customer: WalkedCustomer) => void,
  code?: string,
): Promise<void> {
  const byRegion = new Map(regions.map((each) => [each.region, each]));
  const ids = new Set<string>();
  for (const { events, start, months } of regions) {
    for (const { statementId } of standingAt(events, start).values()) ids.add(statementId);
    for (const { month, statementId } of events) {
      if (month > start && month <= (months.at(-1) ?? start)) ids.add(statementId);
    }
  }
  if (ids.size === 0) return;

  let batch = new Map<string, StatementDocument[]>();
  const flush = async () => {
    const customers = await repository.listCustomers([...batch.keys()]);
    for (const [each, documents] of batch) {
      visit(walked(repository, ledger, byRegion, each, documents, customers.get(each)));
    }
    batch = new Map();
  };
  const documents =
    code === undefined
      ? repository.listStatements([...ids], [...byRegion.keys()])
      : await repository.listStatementsOf([code], [...ids]);
  for await (const document of documents) {
    if (!byRegion.has(document.region)) continue;
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

function walked(
  repository: ReceivablesRepository,
  ledger: Ledger,
  regions: ReadonlyMap<Region, WalkRegion>,
  code: string,
  documents: readonly StatementDocument[],
  stored: CustomerDocument | undefined,
): WalkedCustomer {
  const { marks, assignments } = repository.recordAt(ledger, code, stored);
  const byRegion = new Map<Region, StatementDocument[]>();
  for (const document of documents) {
    const own = byRegion.get(document.region);
    if (own === undefined) byRegion.set(document.region, [document]);
    else own.push(document);
  }
  const walkedRegions = [...byRegion].map(([region, own]): WalkedRegion => {
    const { events, start, statuses, months } = regions.get(region)!;
    const path = {
      events,
      marks,
      statements: new Map(own.map((each) => [each.s, each])),
      start: { month: start, statuses: statuses.get(code) ?? new Map() },
      months: [start, ...months],
    };
    return { region, snapshots: [...followCustomer(path)], documents: own };
  });
  return { code, stored, assignments, regions: walkedRegions };
}
