import { randomBytes } from 'node:crypto';
import { CodedError, type Month } from '@backoffice/core';
import { inSpan } from '@backoffice/platform';
import type { Warning } from '@backoffice/spreadsheet';
import { keyOf, type Pair, type Region, regionCodes, regionLabels } from '../model.ts';
import type { CustomerDocument, ReceivablesRepository, StatementDocument } from '../repository.ts';
import { reassign } from '../rollups/change.ts';
import {
  type Assignment,
  type Cells,
  departmentOf,
  type Ledger,
  type LedgerImport,
  pairsOf,
  replacedSlots,
  type Slot,
} from '../rollups/ledger.ts';
import { rebuildFrom } from '../rollups/rebuild.ts';
import { refold } from '../rollups/refold.ts';
import type { Head } from '../rollups/totals.ts';
import type { Comparison } from './compare.ts';
import type { Prior } from './prior.ts';

/** How long an import that keeps losing its race may keep the others waiting. */
export const holdMs = 60_000;

export function newStatementId(): string {
  return randomBytes(9).toString('base64url');
}

/** The import that this file with these parameters is already, while all its pairs are in force (decision 24). */
export function importInForce(ledger: Ledger, key: string): LedgerImport | null {
  for (const published of ledger.imports.filter((each) => each.key === key)) {
    const { all, inForce } = pairsOf(ledger.imports, published);
    if (all.length === inForce.length) return published;
  }
  return null;
}

/** Pairs with open amounts that a file does not mention (decision 4). */
export function unmentionedPairs(prior: Prior, cells: Cells): Pair[] {
  const pairs: Pair[] = [];
  for (const region of regionCodes) {
    const standing = prior.standing.get(region);
    if (standing === undefined) continue;
    const gone = cells[region] ? replacedSlots(standing, cells[region]) : [];
    const open = prior.heads.get(region)?.openLines ?? {};
    for (const slot of [...standing.keys()].sort()) {
      if (!gone.includes(slot) && (open[slot] ?? 0) > 0)
        pairs.push({ region, department: departmentOf(slot) });
    }
  }
  return pairs;
}

export function nameOfPair({ region, department }: Pair): string {
  return department === null ? regionLabels[region] : `${regionLabels[region]} (${department})`;
}

/** A reason to ask before an upload is saved; `id` says whether a second upload of the file is about the same. */
export interface Doubt {
  id: string;
  message: string;
}

const monthFullNames = new Intl.DateTimeFormat('en', { month: 'long', timeZone: 'UTC' });
const monthText = (number: number) => monthFullNames.format(Date.UTC(2000, number - 1, 15));

/** What is almost always a mistake and would "pay" invoices (decision 23). */
export function doubtsOf(
  month: Month,
  header: { headerMonth: number | null; headerYear: number | null; headerText: string },
  prior: Prior,
  cells: Cells,
  comparison: Comparison,
): Doubt[] {
  const doubts: Doubt[] = [];
  const { headerMonth, headerYear, headerText } = header;
  const otherYear = headerYear !== null && headerYear !== Number(month.slice(0, 4));
  if (headerMonth !== null && (headerMonth !== Number(month.slice(5)) || otherYear)) {
    const named = `${monthText(headerMonth)}${headerYear === null ? '' : ` ${headerYear}`}`;
    const message = `The column "${headerText}" speaks of ${named}, the chosen month is ${monthText(Number(month.slice(5)))} ${month.slice(0, 4)}.`;
    doubts.push({ id: `header:${headerMonth}:${headerYear ?? ''}`, message });
  }
  for (const [region, given] of Object.entries(cells) as [Region, Slot[]][]) {
    const { before, after } = comparison.open.get(region)!;
    if (before >= 20 && before - after > 0.8 * before) {
      const message = `${regionLabels[region]} held ${before} open lines and would keep ${after} only.`;
      doubts.push({ id: `lost:${region}`, message });
    }
    const whole = prior.standing.get(region)?.has(0) === true;
    if (whole && !given.includes(0) && given.length === 1) {
      const name = departmentOf(given[0]!);
      const message = `The statement that stands for ${regionLabels[region]} speaks for the whole region; this file has ${name} only and would take its place.`;
      doubts.push({ id: `department:${region}`, message });
    }
  }
  return doubts;
}

export function confirmationNeeded(doubts: readonly Doubt[], facts: Record<string, unknown>): CodedError {
  const seen = doubts.map((each) => each.message).join(' ');
  const message = `This looks like a mistake, and nothing was saved. ${seen} Correct the file or the choice and upload again; if it is right, upload the same file again within 15 minutes, or send confirm=true.`;
  return new CodedError('CONFIRMATION_NEEDED', message, {
    ...facts,
    reasons: doubts.map((each) => each.id),
  });
}

export function doubtWarning(doubts: readonly Doubt[]): Warning {
  const seen = doubts.map((each) => each.message).join(' ');
  const message = `The upload would have to be confirmed: ${seen}`;
  return { code: 'CONFIRMATION_NEEDED', message, count: doubts.length };
}

/** The engineers that a sheet names for customers who have none now, as assignments of this import. */
export function assignmentsOf(
  documents: readonly StatementDocument[],
  current: (code: string) => string | null,
  engineerIds: (region: Region, name: string) => string | null,
  entry: { month: Month; at: Date; by: string },
): { filled: { code: string; assignment: Assignment }[]; unknown: string[] } {
  const filled: { code: string; assignment: Assignment }[] = [];
  const unknown: string[] = [];
  for (const { s, code, region, fill } of documents) {
    let engineerId: string | null = null;
    for (const name of fill?.engineers ?? []) {
      const found = engineerIds(region, keyOf(name));
      engineerId ??= found;
      if (found === null) unknown.push(`${name} (${regionLabels[region]})`);
    }
    if (engineerId === null || current(code) !== null) continue;
    filled.push({ code, assignment: { ...entry, id: `${s}:${code}`, engineerId, seq: 0, statementId: s } });
  }
  return { filled, unknown };
}

/**
 * Moves the ledger: makes the rollups that the new list of imports gives, stores them, and puts both in force
 * with one compare-and-set. False when somebody was faster.
 *
 * @param statementId the import that comes or goes
 */
export async function moveLedger(
  repository: ReceivablesRepository,
  ledger: Ledger,
  imports: LedgerImport[],
  changed: LedgerImport,
  by: string,
): Promise<boolean> {
  await repository.flushTail(ledger);
  const heads = await repository.listHeads(ledger);
  if (heads === null) return false;
  const next: Ledger = { ...ledger, version: ledger.version + 1, imports, tail: [] };
  const regions = Object.keys(changed.cells) as Region[];
  const customers = await repository.listAssignedBy(changed.statementId);
  const all = await inSpan('rollups', { regions: regions.length }, async () => {
    // An assignment speaks for all months, so then none of them may be kept for its statements alone.
    const made =
      customers.length > 0
        ? await refold(repository, next, heads, regions, changed.month)
        : await rebuildFrom(repository, ledger, next, heads, regions, changed.month);
    const all = new Map<Region, Head | null>([...heads, ...made.heads]);
    const before = new Map(all);
    await reassignFilled(repository, ledger, next, changed, customers, all);
    const touched = [...all].filter(
      ([region, head]) => made.heads.has(region) || head !== before.get(region),
    );
    await repository.upsertRollups({
      heads: touched.flatMap(([, head]) => head ?? []),
      nodes: made.nodes,
      chunks: made.chunks,
    });
    return all;
  });
  const ids: Ledger['heads'] = {};
  for (const region of regionCodes) {
    const head = all.get(region);
    if (head) ids[region] = head._id;
  }
  const { markMonths } = ledger;
  return inSpan('publish', {}, () =>
    repository.updateLedger(ledger, { imports, heads: ids, markMonths, tail: [] }, by),
  );
}

async function reassignFilled(
  repository: ReceivablesRepository,
  from: Ledger,
  to: Ledger,
  changed: LedgerImport,
  customers: readonly CustomerDocument[],
  heads: Map<Region, Head | null>,
): Promise<void> {
  if (customers.length === 0) return;
  const changes = new Map(
    customers.map((stored) => {
      const record = repository.recordAt(to, stored.code, stored);
      return [stored.code, { from: { ledger: from, record }, to: { ledger: to, record } }];
    }),
  );
  await reassign(repository, changes, heads, changed.month, new Set(Object.keys(changed.cells) as Region[]));
}
