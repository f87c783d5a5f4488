import { CodedError, dayInZone, type Month, monthOfDay } from '@backoffice/core';
import { ObjectId } from 'mongodb';
import { type InvoiceStatus, keyOf, type Region, type Scope } from './model.ts';
import type { CustomerDocument, ReceivablesRepository, StatementDocument } from './repository.ts';
import { type CustomerRecord, changeCustomer, reassign } from './rollups/change.ts';
import {
  effectiveAssignments,
  type Ledger,
  type StatementEvent,
  standingAt,
  statementsInForce,
  type TailEvent,
} from './rollups/ledger.ts';
import type { Head } from './rollups/totals.ts';

/** How long a change waits for an import that holds the ledger. */
const patienceMs = 10_000;

export interface FollowUpContext {
  repository: ReceivablesRepository;
  clock: () => Date;
  zone: string;
}

/** A customer that the caller may see, with where it stands now. */
export interface KnownCustomer {
  stored: CustomerDocument;
  /** The regions with a line of the customer that stands now; where none does, those of its newest statements. */
  regions: Region[];
  engineerId: string | null;
}

/**
 * The customer of a path. NOT_FOUND when there is none, when no statement in force names it, or when it
 * stands outside the scope: what may not be seen looks like absent.
 */
export async function findKnownCustomer(
  { repository, clock, zone }: FollowUpContext,
  scope: Scope,
  reference: string,
): Promise<KnownCustomer> {
  const stored = await repository.findCustomerByReference(reference);
  if (stored === null) throw new CodedError('NOT_FOUND');
  const ledger = await repository.findLedger();
  const documents = await repository.listStatementsOf([stored.code], statementIds(ledger));
  const month = monthOfDay(dayInZone(clock(), zone));
  const standing = new Set<Region>();
  const ever = new Map<Region, Month>();
  for (const document of documents) {
    const events = statementsInForce(ledger.imports, document.region);
    const own = events.filter((event) => lists(event, document));
    for (const event of own) ever.set(document.region, event.month);
    if (standingLines(events, document, month).length > 0) standing.add(document.region);
  }
  const newest = [...ever.values()].sort().at(-1);
  const regions =
    standing.size > 0 ? [...standing] : [...ever].filter(([, at]) => at === newest).map(([region]) => region);
  if (!regions.some((region) => scope.regions === null || scope.regions.includes(region))) {
    throw new CodedError('NOT_FOUND');
  }
  const { assignments } = repository.recordAt(ledger, stored.code, stored);
  const engineerId = effectiveAssignments(ledger, assignments).at(-1)?.engineerId ?? null;
  return { stored, regions, engineerId };
}

function statementIds(ledger: Ledger): string[] {
  return ledger.imports.map((each) => each.statementId);
}

function lists(event: StatementEvent, document: StatementDocument): boolean {
  return event.statementId === document.s && document.lines.some((line) => event.slots.includes(line.d));
}

function standingLines(events: StatementEvent[], document: StatementDocument, month: Month) {
  const standing = standingAt(events, month);
  return document.lines.filter((line) => standing.get(line.d)?.statementId === document.s);
}

/**
 * Sets the status of an invoice from the running month on. NOT_FOUND when no statement in force names the
 * invoice; INVOICE_SETTLED for `unpaid` and `dispute` when the newest statement does not name it (decision 6).
 * Gives false where there was nothing to change: `paid` for an invoice that is settled.
 */
export async function markInvoice(
  context: FollowUpContext,
  scope: Scope,
  code: string,
  invoiceNumber: string,
  status: InvoiceStatus,
  by: string,
): Promise<boolean> {
  const { repository, clock, zone } = context;
  const number = keyOf(invoiceNumber);
  const id = new ObjectId().toHexString();
  return commit(context, code, async (ledger, record, heads) => {
    const at = clock();
    const month = monthOfDay(dayInZone(at, zone));
    const documents = await repository.listStatementsOf([code], statementIds(ledger));
    const seen = documents.filter(({ region }) => scope.regions === null || scope.regions.includes(region));
    const named = seen.filter((document) => {
      const events = statementsInForce(ledger.imports, document.region);
      const slots = events
        .filter((event) => event.statementId === document.s)
        .flatMap((event) => event.slots);
      return document.lines.some((line) => line.n === number && slots.includes(line.d));
    });
    if (named.length === 0) throw new CodedError('NOT_FOUND');
    const stands = named.some((document) => {
      const events = statementsInForce(ledger.imports, document.region);
      return standingLines(events, document, month).some((line) => line.n === number);
    });
    if (!stands) {
      if (status === 'paid') return null;
      throw new CodedError('INVOICE_SETTLED');
    }
    const mark = { id, number, status, month, seq: ledger.version + 1, at, by };
    const markMonths = [...new Set([...ledger.markMonths, month])].sort();
    const next: Ledger = { ...ledger, version: ledger.version + 1, markMonths, tail: [] };
    const changed: CustomerRecord = { ...record, marks: [...record.marks, mark] };
    const from = { ledger, record };
    const made = await changeCustomer(repository, code, from, { ledger: next, record: changed }, heads);
    await repository.upsertRollups({
      heads: [...made.heads.values()].flatMap((head) => head ?? []),
      nodes: made.nodes,
      chunks: made.chunks,
    });
    return { markMonths, heads: made.heads, event: { kind: 'mark', code, mark } };
  });
}

/** Gives a customer to an engineer from now on; the first one ever counts for all months before too (decision 11). */
export async function assignEngineer(
  context: FollowUpContext,
  code: string,
  engineerId: string | null,
  by: string,
): Promise<boolean> {
  const { repository, clock, zone } = context;
  const id = new ObjectId().toHexString();
  return commit(context, code, async (ledger, record, heads) => {
    const at = clock();
    const month = monthOfDay(dayInZone(at, zone));
    const assignment = { id, engineerId, month, seq: ledger.version + 1, at, by };
    const next: Ledger = { ...ledger, version: ledger.version + 1, tail: [] };
    const changed: CustomerRecord = { ...record, assignments: [...record.assignments, assignment] };
    const changes = new Map([[code, { from: { ledger, record }, to: { ledger: next, record: changed } }]]);
    const all = new Map<Region, Head | null>(heads);
    await reassign(repository, changes, all, month, new Set());
    const moved = new Map([...all].filter(([region, head]) => head !== heads.get(region)));
    await repository.upsertRollups({
      heads: [...moved.values()].flatMap((head) => head ?? []),
      nodes: [],
      chunks: [],
    });
    return { markMonths: ledger.markMonths, heads: moved, event: { kind: 'assignment', code, assignment } };
  });
}

interface Change {
  markMonths: Month[];
  heads: ReadonlyMap<Region, Head | null>;
  event: TailEvent;
}

/**
 * Moves the ledger by one change of one customer. Who loses the race looks again; an import that holds the
 * ledger is waited for. NOT_READY when that takes too long.
 */
async function commit(
  { repository, clock }: FollowUpContext,
  code: string,
  change: (
    ledger: Ledger,
    record: CustomerRecord,
    heads: ReadonlyMap<Region, Head>,
  ) => Promise<Change | null>,
): Promise<boolean> {
  const end = clock().getTime() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const ledger = await repository.findLedger();
    await repository.flushTail(ledger);
    const heads = await repository.listHeads(ledger);
    if (heads !== null) {
      const record = repository.recordAt(ledger, code, await repository.findCustomer(code));
      const next = await change(ledger, record, heads);
      if (next === null) return false;
      const ids = { ...ledger.heads };
      for (const [region, head] of next.heads) {
        if (head === null) delete ids[region];
        else ids[region] = head._id;
      }
      const { imports } = ledger;
      const moved = { imports, heads: ids, markMonths: next.markMonths, tail: [next.event] };
      if (await repository.updateLedger(ledger, moved, next.event.kind)) {
        await repository.flushTail({ ...ledger, tail: [next.event] });
        return true;
      }
    }
    if (clock().getTime() > end) {
      throw new CodedError('NOT_READY', 'An import is being put in force. Please try again in a moment.');
    }
    await new Promise((resolve) =>
      setTimeout(resolve, Math.min(20 * 2 ** attempt, 300) * (0.5 + Math.random())),
    );
  }
}
