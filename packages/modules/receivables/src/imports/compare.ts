import type { Spool } from '@backoffice/platform';
import type { Warning } from '@backoffice/spreadsheet';
import { type Region, regionLabels } from '../model.ts';
import type { ReceivablesRepository, StatementDocument } from '../repository.ts';
import type { StoredLine } from '../rollups/fold.ts';
import {
  type Cells,
  departmentOf,
  replacedSlots,
  type Slot,
  type Standing,
  slots,
} from '../rollups/ledger.ts';
import { listPriorLines, type Prior, type PriorLine } from './prior.ts';
import type { ResolvedCustomer, ResolvedRow } from './resolve.ts';

/** What one customer's rows come to: how they compare with what stood, and what is to be stored. */
export interface ComparedCustomer {
  inserted: number;
  updated: number;
  unchanged: number;
  documents: StatementDocument[];
  /** Open lines of the new statement, by region. */
  open: Map<Region, number>;
  /** Invoices that stand in a pair that this upload does not replace. */
  elsewhere: { number: string; region: Region; department: string | null }[];
}

function sameLine(prior: StoredLine, now: StoredLine): boolean {
  return (
    prior.a === now.a &&
    prior.i === now.i &&
    prior.g === now.g &&
    prior.c === now.c &&
    prior.b === now.b &&
    (now.t === undefined || now.t === (prior.t ?? 'unpaid'))
  );
}

/** The on-account parts as one text: they have no numbers by which one could be told from another. */
function onAccountOf(lines: readonly StoredLine[]): string {
  return lines
    .map(({ a, i, g, c, b }) => JSON.stringify([a, i, g ?? null, c ?? null, b ?? null]))
    .sort()
    .join();
}

/** The slots with something on account that is not zero. */
function openOnAccount(lines: readonly StoredLine[]): Set<Slot> {
  const sums = new Map<Slot, number>();
  for (const line of lines) if (line.n === null) sums.set(line.d, (sums.get(line.d) ?? 0) + line.a);
  return new Set([...sums].filter(([, sum]) => sum !== 0).map(([slot]) => slot));
}

/** Compares the accepted rows of one customer with what stood, and adds the lines that rejected rows keep. */
export function compareCustomer(
  customer: ResolvedCustomer,
  priorLines: readonly PriorLine[],
  cells: Cells,
  statementId: string,
): ComparedCustomer {
  const result: ComparedCustomer = {
    ...{ inserted: 0, updated: 0, unchanged: 0, documents: [], open: new Map(), elsewhere: [] },
  };
  const replaced = priorLines.filter((each) => each.replaced);
  countRows(customer.rows, replaced, result);
  const lines = new Map<Region, StoredLine[]>();
  for (const { region, line } of customer.rows) push(lines, region, line);
  for (const { region, line } of keptLines(customer, replaced, cells)) push(lines, region, line);

  const last = customer.rows.at(-1) ?? replaced[0];
  for (const [region, own] of lines) {
    const fill = fillOf(customer.rows.filter((row) => row.region === region));
    result.documents.push({
      s: statementId,
      code: customer.code,
      region,
      shown: last?.shown ?? customer.code,
      name: last?.name ?? '',
      lines: own,
      ...(fill === null ? {} : { fill }),
    });
  }
  for (const [region, own] of lines) result.open.set(region, openLines(own, region, replaced));
  for (const { line, region, replaced: gone } of priorLines) {
    if (gone || line.n === null || !customer.rows.some((row) => row.line.n === line.n)) continue;
    result.elsewhere.push({ number: line.s ?? line.n, region, department: departmentOf(line.d) });
  }
  return result;
}

function push(lines: Map<Region, StoredLine[]>, region: Region, line: StoredLine): void {
  const own = lines.get(region);
  if (own === undefined) lines.set(region, [line]);
  else own.push(line);
}

function countRows(
  rows: readonly ResolvedRow[],
  replaced: readonly PriorLine[],
  result: ComparedCustomer,
): void {
  for (const { line, region } of rows) {
    if (line.n === null) continue;
    const prior = replaced.filter((each) => each.region === region && each.line.n === line.n);
    if (prior.length === 0) result.inserted += 1;
    else if (prior.some((each) => sameLine(each.line, line))) result.unchanged += 1;
    else result.updated += 1;
  }
  const parts = rows.filter(({ line }) => line.n === null).map(({ line }) => line);
  // All rows of a customer are of one region (decision 18).
  const home = rows[0]?.region;
  const before = replaced
    .filter(({ line, region }) => line.n === null && region === home)
    .map(({ line }) => line);
  if (before.length === 0) result.inserted += parts.length;
  else if (onAccountOf(before) === onAccountOf(parts)) result.unchanged += parts.length;
  else result.updated += parts.length;
}

/**
 * Earlier lines whose row was rejected in this file (decision 5). A number that another row of the file has
 * accepted speaks for itself; so does an on-account amount of which a part was accepted.
 */
function keptLines(customer: ResolvedCustomer, replaced: readonly PriorLine[], cells: Cells) {
  const kept: { region: Region; line: StoredLine }[] = [];
  const done = new Set<string | null>();
  for (const { number, slot } of customer.rejected) {
    if (done.has(number) || customer.rows.some((row) => row.line.n === number)) continue;
    done.add(number);
    for (const { region, line } of replaced) {
      if (line.n !== number) continue;
      const given = cells[region]!;
      const d = [slot, line.d].find((each) => given.includes(each)) ?? given[0]!;
      kept.push({ region, line: { ...line, d, k: 1 } });
    }
  }
  return kept;
}

/** How many lines of the new statement are open; the parts of an on-account amount are one line. */
function openLines(lines: readonly StoredLine[], region: Region, before: readonly PriorLine[]): number {
  const open = lines.filter((line) => {
    if (line.n === null || line.a === 0) return false;
    // A kept line is no listing: it keeps its status. A listing without a status cell ends `paid`.
    const kept = before.find((each) => each.region === region && each.line.n === line.n)?.status;
    return (line.k ? kept : line.t) !== 'paid';
  });
  return open.length + openOnAccount(lines).size;
}

/** What the sheet says about the follow-up: the first filled cell of each kind; engineers until one is known. */
function fillOf(rows: readonly ResolvedRow[]): StatementDocument['fill'] | null {
  const remark = rows.find((row) => row.remark !== null && row.remark !== 'none')?.remark ?? null;
  const notes = rows.find((row) => row.notes)?.notes ?? null;
  const engineers = [...new Set(rows.flatMap((row) => row.engineer || []))];
  return remark === null && notes === null && engineers.length === 0 ? null : { remark, notes, engineers };
}

export interface Comparison {
  inserted: number;
  updated: number;
  unchanged: number;
  /** Open lines of each region before and after. */
  open: Map<Region, { before: number; after: number }>;
  warnings: Warning[];
}

/** Compares all customers of a file; `onDocuments` gets what is to be stored, batch by batch. */
export async function compareRows(
  repository: ReceivablesRepository,
  prior: Prior,
  cells: Cells,
  statementId: string,
  spool: Spool<ResolvedCustomer>,
  onDocuments: (documents: StatementDocument[], done: number) => Promise<void>,
): Promise<Comparison> {
  const result: Comparison = { inserted: 0, updated: 0, unchanged: 0, open: new Map(), warnings: [] };
  const opened = new Map<Region, number>();
  let elsewhere = 0;
  let example = '';
  for await (const { records: customers, done } of spool.batches()) {
    const lines = await listPriorLines(
      repository,
      prior,
      cells,
      customers.map((each) => each.code),
    );
    const documents: StatementDocument[] = [];
    for (const customer of customers) {
      const compared = compareCustomer(customer, lines.get(customer.code) ?? [], cells, statementId);
      result.inserted += compared.inserted;
      result.updated += compared.updated;
      result.unchanged += compared.unchanged;
      documents.push(...compared.documents);
      for (const [region, count] of compared.open) {
        opened.set(region, (opened.get(region) ?? 0) + count);
      }
      elsewhere += compared.elsewhere.length;
      const one = compared.elsewhere[0];
      if (one) {
        example ||= `${one.number} of ${customer.code} stands in ${regionLabels[one.region]}${one.department ? `, ${one.department}` : ''}`;
      }
    }
    await onDocuments(documents, done);
  }
  for (const [region, given] of Object.entries(cells) as [Region, Slot[]][]) {
    const open = prior.heads.get(region)?.openLines ?? {};
    const standing = prior.standing.get(region) ?? (new Map() as Standing);
    const gone = replacedSlots(standing, given).reduce<number>((sum, slot) => sum + (open[slot] ?? 0), 0);
    const before = slots.reduce<number>((sum, slot) => sum + (open[slot] ?? 0), 0);
    result.open.set(region, { before, after: before - gone + (opened.get(region) ?? 0) });
  }
  if (elsewhere > 0) {
    const message = `Some invoices stand in another pair too, which this upload does not replace: ${example}.`;
    result.warnings.push({ code: 'INVOICE_IN_ANOTHER_PAIR', message, count: elsewhere });
  }
  return result;
}
