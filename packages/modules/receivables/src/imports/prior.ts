import type { Month } from '@backoffice/core';
import { type InvoiceStatus, type Region, regionCodes } from '../model.ts';
import type { ReceivablesRepository, StatementDocument } from '../repository.ts';
import type { StoredLine } from '../rollups/fold.ts';
import {
  type Cells,
  type Ledger,
  replacedSlots,
  type Slot,
  type Standing,
  standingAt,
  statementsInForce,
} from '../rollups/ledger.ts';
import type { HeadMonth } from '../rollups/totals.ts';

/** What stands in a month before an upload for it. */
export interface Prior {
  month: Month;
  standing: Map<Region, Standing>;
  /** The rollup of each region that stands behind the month. */
  heads: Map<Region, HeadMonth>;
  statuses: Map<string, InvoiceStatus>;
}

const statusKey = (region: Region, code: string, number: string) => `${region}\n${code}\n${number}`;

/** Reads what stands; null when the ledger has moved on meanwhile. */
export async function readPrior(
  repository: ReceivablesRepository,
  ledger: Ledger,
  month: Month,
): Promise<Prior | null> {
  const heads = await repository.listHeads(ledger);
  if (heads === null) return null;
  const prior: Prior = { month, standing: new Map(), heads: new Map(), statuses: new Map() };
  for (const region of regionCodes) {
    const standing = standingAt(statementsInForce(ledger.imports, region), month);
    if (standing.size > 0) prior.standing.set(region, standing);
    const head = heads.get(region)?.months.findLast((each) => each.month <= month);
    if (head !== undefined) prior.heads.set(region, head);
  }
  const statuses = await repository.listStatusesOf([...prior.heads.values()].map((head) => head.node));
  for (const [region, head] of prior.heads) {
    const entries = statuses.get(head.node);
    if (entries === undefined) return null;
    for (const [code, number, status] of entries) {
      prior.statuses.set(statusKey(region, code, number), status);
    }
  }
  return prior;
}

/** A line that stands before the upload. */
export interface PriorLine {
  shown: string;
  name: string;
  region: Region;
  line: StoredLine;
  status: InvoiceStatus;
  /** Whether the upload takes its place. */
  replaced: boolean;
}

/** The lines of some customers that stand in the month, by code. */
export async function listPriorLines(
  repository: ReceivablesRepository,
  prior: Prior,
  cells: Cells,
  codes: readonly string[],
): Promise<Map<string, PriorLine[]>> {
  const ids = new Set<string>();
  const replaced = new Map<Region, Slot[]>();
  for (const [region, standing] of prior.standing) {
    for (const { statementId } of standing.values()) ids.add(statementId);
    const given = cells[region];
    if (given !== undefined) replaced.set(region, replacedSlots(standing, given));
  }
  const lines = new Map<string, PriorLine[]>();
  for (const document of await repository.listStatementsOf(codes, [...ids])) {
    const own = lines.get(document.code) ?? [];
    for (const line of document.lines) {
      if (!stands(prior, document, line)) continue;
      const { region, shown, name } = document;
      const status =
        line.n === null
          ? 'unpaid'
          : (prior.statuses.get(statusKey(region, document.code, line.n)) ?? 'unpaid');
      own.push({
        shown,
        name,
        region,
        line,
        status,
        replaced: replaced.get(region)?.includes(line.d) ?? false,
      });
    }
    lines.set(document.code, own);
  }
  return lines;
}

function stands(prior: Prior, document: StatementDocument, line: StoredLine): boolean {
  return prior.standing.get(document.region)?.get(line.d)?.statementId === document.s;
}
