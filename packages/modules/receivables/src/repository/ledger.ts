import { randomBytes } from 'node:crypto';
import type { AuditEntry, Audited, SharedReads } from '@backoffice/platform';
import type { Db } from 'mongodb';
import type { Ledger, TailEvent } from '../rollups/ledger.ts';
import { type CustomerDocument, customerId, versionOf } from './customers.ts';

/** What an import gave, kept under its upload so that a run after a crash gives the same answer. */
export interface ImportRecord<T> {
  _id: string;
  statementId: string;
  result: T;
}

export const emptyLedger: Ledger = {
  _id: 'ledger',
  version: 0,
  stamp: '',
  imports: [],
  heads: {},
  markMonths: [],
  tail: [],
  hold: null,
};

/** The ledger: read whole, moved by compare-and-set, held for a while by who keeps losing. */
export function createLedgerRepository(db: Db, clock: () => Date, reads: SharedReads) {
  const ledgers = db.collection<Ledger & Audited>('receivables_ledger');
  const customers = db.collection<CustomerDocument>('receivables_customers');
  const imports = db.collection<ImportRecord<unknown>>('receivables_imports');
  let cached: Ledger | null = null;

  /** The ledger as it is now; the same object while it has not moved, for only then is it read whole again. */
  const findLedger = reads.share(
    () => ({ from: ledgers.collectionName, match: { _id: 'ledger' }, project: { version: 1, stamp: 1 } }),
    async ([now]: Pick<Ledger, 'version' | 'stamp'>[]): Promise<Ledger> => {
      if (now === undefined) return emptyLedger;
      const known = cached?.version === now.version && cached.stamp === now.stamp;
      if (!known) cached = await ledgers.findOne({ _id: 'ledger' }, { projection: { outbox: 0 } });
      return cached ?? emptyLedger;
    },
  );

  /**
   * Puts the next state in the place of `from`, unless somebody was faster or an import holds the ledger, and the
   * audit's entry into its outbox in the same write. Whoever gets `false` reads again and validates again.
   */
  async function updateLedger(
    from: Ledger,
    next: Omit<Ledger, '_id' | 'version' | 'stamp' | 'hold'>,
    by: string,
    entry: AuditEntry | null = null,
  ) {
    const free = [{ hold: null }, { 'hold.by': by }, { 'hold.until': { $lt: clock() } }];
    if (from.version === 0) await ignoreDuplicate(ledgers.insertOne({ ...emptyLedger }));
    const result = await ledgers.updateOne(
      { _id: 'ledger', version: from.version, stamp: from.stamp, $or: free },
      {
        $set: { ...next, version: from.version + 1, stamp: randomBytes(9).toString('base64url'), hold: null },
        ...(entry === null ? {} : { $push: { outbox: entry } }),
      },
    );
    return result.modifiedCount === 1;
  }

  async function ignoreDuplicate(write: Promise<unknown>): Promise<void> {
    await write.catch((error) => {
      if ((error as { code?: number }).code !== 11000) throw error;
    });
  }

  /** Keeps others from moving the ledger for a while. False when another import does so already. */
  async function holdLedger(by: string, ms: number): Promise<boolean> {
    const now = clock();
    const free = [{ hold: null }, { 'hold.by': by }, { 'hold.until': { $lt: now } }];
    const until = new Date(now.getTime() + ms);
    const result = await ledgers.updateOne({ _id: 'ledger', $or: free }, { $set: { hold: { by, until } } });
    return result.matchedCount === 1;
  }

  async function releaseLedger(by: string): Promise<void> {
    await ledgers.updateOne({ _id: 'ledger', 'hold.by': by }, { $set: { hold: null } });
  }

  /** Copies what was committed with the ledger into the customers' documents. Safe to repeat. */
  async function flushTail(ledger: Ledger): Promise<void> {
    for (const event of ledger.tail) await flushEvent(event);
  }

  /**
   * The same for one event. It ends a reservation, whoever's: the version is another one now. Gives the version
   * that it made, or null when somebody else has copied the event.
   */
  async function flushEvent(event: TailEvent): Promise<number | null> {
    const list = event.kind === 'mark' ? 'marks' : 'assignments';
    const entry = event.kind === 'mark' ? event.mark : event.assignment;
    const flushed = await customers.findOneAndUpdate(
      { _id: customerId(event.code), [`${list}.id`]: { $ne: entry.id } },
      { $push: { [list]: entry } as never, $inc: { version: 1 }, $unset: { reserved: '' } },
      { returnDocument: 'after', projection: { version: 1 } },
    );
    return flushed === null ? null : versionOf(flushed);
  }

  /** The marks and assignments of a customer that count at the ledger's version. */
  function recordAt(ledger: Ledger, code: string, stored: CustomerDocument | undefined | null) {
    const marks = (stored?.marks ?? []).filter((mark) => mark.seq <= ledger.version);
    const assignments = [...(stored?.assignments ?? [])];
    for (const event of ledger.tail) {
      if (event.code !== code) continue;
      if (event.kind === 'mark' && !marks.some((mark) => mark.id === event.mark.id)) marks.push(event.mark);
      const known = (id: string) => assignments.some((each) => each.id === id);
      if (event.kind === 'assignment' && !known(event.assignment.id)) assignments.push(event.assignment);
    }
    marks.sort((a, b) => (a.month === b.month ? a.seq - b.seq : a.month < b.month ? -1 : 1));
    return { marks, assignments };
  }

  /**
   * The customer's version once what the ledger has committed is copied. `stored` was read before the ledger: an
   * older version than what is shown only lets a change be refused, a newer one would let it cover another.
   */
  function versionAt(ledger: Ledger, code: string, stored: CustomerDocument | undefined | null): number {
    const known = new Set([...(stored?.marks ?? []), ...(stored?.assignments ?? [])].map((each) => each.id));
    const missing = ledger.tail.filter((event) => {
      const { id } = event.kind === 'mark' ? event.mark : event.assignment;
      return event.code === code && !known.has(id);
    });
    return (stored == null ? 0 : versionOf(stored)) + missing.length;
  }

  async function upsertImportRecord<T>(record: ImportRecord<T>): Promise<void> {
    await imports.replaceOne({ _id: record._id }, record as ImportRecord<unknown>, { upsert: true });
  }

  async function findImportRecord<T>(uploadId: string): Promise<ImportRecord<T> | null> {
    return (await imports.findOne({ _id: uploadId })) as ImportRecord<T> | null;
  }

  return {
    findImportRecord,
    findLedger,
    flushEvent,
    flushTail,
    holdLedger,
    recordAt,
    releaseLedger,
    updateLedger,
    upsertImportRecord,
    versionAt,
  };
}
