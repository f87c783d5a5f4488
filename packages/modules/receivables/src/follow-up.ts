import { CodedError, dayInZone, type Month, monthOfDay } from '@backoffice/core';
import type { AuditEntry } from '@backoffice/platform';
import { ObjectId } from 'mongodb';
import { type InvoiceStatus, keyOf, type Region, type Scope } from './model.ts';
import {
  type CustomerDocument,
  type EnteredField,
  enteredFields,
  type ReceivablesRepository,
  type StatementDocument,
  versionOf,
} from './repository.ts';
import { refuseStale, reserve, settle } from './reservations.ts';
import { type CustomerRecord, changeCustomer, reassign } from './rollups/change.ts';
import { followCustomer } from './rollups/fold.ts';
import {
  effectiveAssignments,
  type Ledger,
  type StatementEvent,
  standingAt,
  statementsInForce,
  type TailEvent,
} from './rollups/ledger.ts';
import { changeMonths } from './rollups/refold.ts';
import type { Head } from './rollups/totals.ts';

/** How long a change waits for an import that holds the ledger. */
const patienceMs = 10_000;

export interface FollowUpContext {
  repository: ReceivablesRepository;
  clock: () => Date;
  zone: string;
}

/** What somebody does about a customer. */
export interface Deed {
  /** The user's id. */
  by: string;
  /** The version that it is based on; null where the caller does not mind. */
  expected: number | null;
  /** How the audit tells it. */
  entry: (action: string, code: string, before: Facts, after: Facts) => AuditEntry;
}

type Facts = Record<string, unknown>;

/** What came of it. */
export interface Done {
  /** False where there was nothing to change. */
  changed: boolean;
  /** The customer's version after it; null in the rare case that it could not be told apart from a later one. */
  version: number | null;
}

/** A customer that the caller may see, with where it stands now. */
export interface KnownCustomer {
  stored: CustomerDocument;
  /** The regions with a line of the customer that stands now; where none does, those of its newest statements. */
  regions: Region[];
  engineerId: string | null;
  /** Not later than what is read from now on. */
  version: number;
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
  return { stored, regions, engineerId, version: repository.versionAt(ledger, stored.code, stored) };
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
 * Nothing changes for `paid` on an invoice that is settled, and for what was set last already. STALE when the deed expects another version.
 */
export async function markInvoice(
  context: FollowUpContext,
  scope: Scope,
  code: string,
  invoiceNumber: string,
  status: InvoiceStatus,
  deed: Deed,
): Promise<Done> {
  const { repository, clock, zone } = context;
  const number = keyOf(invoiceNumber);
  const id = new ObjectId().toHexString();
  return commit(context, code, id, deed.expected, async (ledger, record, heads) => {
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
    if (isSaidAlready(ledger, record, number, status, month)) return null;
    const mark = { id, number, status, month, seq: ledger.version + 1, at, by: deed.by };
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
    const before = statusBefore(ledger, record, named, number, month);
    const told = (each: InvoiceStatus) => ({ invoiceNumber, status: each });
    // The same status again is kept (it counts for later statements), but tells nothing new.
    const entry = before === status ? null : deed.entry('invoice.status', code, told(before), told(status));
    return { markMonths, heads: made.heads, event: { kind: 'mark', code, mark }, entry };
  });
}

/**
 * Gives a customer to an engineer from now on; the first one ever counts for all months before too (decision 11).
 * STALE when the deed expects another version.
 */
export async function assignEngineer(
  context: FollowUpContext,
  code: string,
  engineerId: string | null,
  deed: Deed,
): Promise<Done> {
  const { repository, clock, zone } = context;
  const id = new ObjectId().toHexString();
  return commit(context, code, id, deed.expected, async (ledger, record, heads) => {
    const at = clock();
    const month = monthOfDay(dayInZone(at, zone));
    const current = effectiveAssignments(ledger, record.assignments).at(-1);
    const before = current?.engineerId ?? null;
    // One that a sheet filled in would go with the import; said again by a user it stays.
    if (current !== undefined && before === engineerId && !current.statementId) return null;
    const assignment = { id, engineerId, month, seq: ledger.version + 1, at, by: deed.by };
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
    const entry =
      before === engineerId
        ? null
        : deed.entry('customer.assign-engineer', code, { engineerId: before }, { engineerId });
    const event = { kind: 'assignment', code, assignment } as const;
    return { markMonths: ledger.markMonths, heads: moved, event, entry };
  });
}

interface Change {
  markMonths: Month[];
  heads: ReadonlyMap<Region, Head | null>;
  event: TailEvent;
  entry: AuditEntry | null;
}

/** Whether the very same was the last that was said of the invoice, with no statement since: once more changes nothing. */
function isSaidAlready(
  ledger: Ledger,
  record: CustomerRecord,
  number: string,
  status: InvoiceStatus,
  month: Month,
): boolean {
  const last = record.marks.findLast((mark) => mark.number === number);
  if (last === undefined || last.status !== status || last.month !== month) return false;
  return ledger.imports.every((published) => published.seq < last.seq);
}

/** What an invoice showed before: disputed if one of its lines is, paid if all are. */
function statusBefore(
  ledger: Ledger,
  record: CustomerRecord,
  named: readonly StatementDocument[],
  number: string,
  month: Month,
): InvoiceStatus {
  const shown = new Set<InvoiceStatus>();
  for (const region of new Set(named.map((document) => document.region))) {
    const events = statementsInForce(ledger.imports, region);
    const own = named.filter((document) => document.region === region);
    const statements = new Map(own.map((each) => [each.s, each]));
    const months = [
      ...new Set([...changeMonths(ledger, events).filter((each) => each <= month), month]),
    ].sort();
    const path = { events, marks: record.marks, statements, months };
    const last = [...followCustomer(path)].at(-1);
    for (const { line, status } of last?.lines ?? []) if (line.n === number) shown.add(status);
  }
  return shown.has('dispute') ? 'dispute' : shown.has('unpaid') ? 'unpaid' : 'paid';
}

/**
 * Moves the ledger by one change of one customer. Who loses the race looks again; an import that holds the
 * ledger is waited for. NOT_READY when that takes too long.
 *
 * With an expected version the customer is reserved first, under the id of the change: ledger and customer are
 * two documents, and nothing else must change the one while the other moves (see reservations.ts).
 */
async function commit(
  context: FollowUpContext,
  code: string,
  id: string,
  expected: number | null,
  change: (
    ledger: Ledger,
    record: CustomerRecord,
    heads: ReadonlyMap<Region, Head>,
  ) => Promise<Change | null>,
): Promise<Done> {
  const { repository } = context;
  if (expected === null) return move(context, code, id, null, change);
  await reserve(context, code, expected, id);
  try {
    const done = await move(context, code, id, expected, change);
    if (!done.changed) await repository.releaseCustomer(code, id);
    return done;
  } catch (error) {
    // Refused, so it will not come any more. After any other fault it may have been committed: then the
    // reservation ends with the ledger's tail, or with its time.
    if (error instanceof CodedError) await repository.releaseCustomer(code, id);
    throw error;
  }
}

async function move(
  { repository, clock }: FollowUpContext,
  code: string,
  id: string,
  expected: number | null,
  change: Parameters<typeof commit>[4],
): Promise<Done> {
  const end = clock().getTime() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const ledger = await repository.findLedger();
    await repository.flushTail(ledger);
    const heads = await repository.listHeads(ledger);
    if (heads !== null) {
      const stored = await repository.findCustomer(code);
      // After the ledger was read: whoever takes the reservation away moves the ledger before going on.
      if (expected !== null) refuseStale(stored, expected, id);
      const record = repository.recordAt(ledger, code, stored);
      const next = await change(ledger, record, heads);
      if (next === null) return { changed: false, version: stored === null ? null : versionOf(stored) };
      const ids = { ...ledger.heads };
      for (const [region, head] of next.heads) {
        if (head === null) delete ids[region];
        else ids[region] = head._id;
      }
      const { imports } = ledger;
      const moved = { imports, heads: ids, markMonths: next.markMonths, tail: [next.event] };
      if (await repository.updateLedger(ledger, moved, next.event.kind, next.entry)) {
        const version = await repository.flushEvent(next.event);
        // Nothing could come between where the customer was reserved.
        return { changed: true, version: expected === null ? version : expected + 1 };
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

/**
 * Sets the remark or the notes of a customer. Nothing changes for what stands there already. STALE when the deed
 * expects another version; NOT_READY when others keep the customer busy for too long.
 */
export async function enterFact<F extends EnteredField>(
  context: FollowUpContext,
  code: string,
  field: F,
  value: CustomerDocument[F],
  deed: Deed,
): Promise<Done> {
  const { repository, clock } = context;
  const end = clock().getTime() + patienceMs;
  for (;;) {
    await settle(context, code);
    const stored = await repository.findCustomer(code);
    if (stored === null) throw new CodedError('NOT_FOUND');
    if (deed.expected !== null && versionOf(stored) !== deed.expected) throw new CodedError('STALE');
    if (stored[field] === value) {
      const kept = stored[enteredFields[field]] === null || (await repository.keepFilled(stored, field));
      if (kept) return { changed: false, version: versionOf(stored) };
    } else {
      const entry = deed.entry(`customer.${field}`, code, { [field]: stored[field] }, { [field]: value });
      const version = await repository.updateEntered(stored, { [field]: value }, entry);
      if (version !== null) return { changed: true, version };
    }
    if (clock().getTime() > end) throw new CodedError('NOT_READY');
  }
}
