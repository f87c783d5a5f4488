import type { Collection, Db, Filter, ObjectId } from 'mongodb';
import type { SystemName } from '../http/module.ts';
import type { AuditEntry, Audited } from './outbox.ts';

/** An entry that waits, and where it does. */
export interface WaitingEntry {
  entry: AuditEntry;
  /** `at`, but never before that of an earlier entry of the same document: their order is known. */
  rank: number;
  collection: string;
  document: DocumentId;
}

type DocumentId = ObjectId | string;
type AuditedDocument = Audited & { _id: DocumentId };
type OldEntry = Omit<AuditEntry, 'id'> & { _id: string };

/** The form that the partial indexes `outbox_waiting` have; an empty outbox is none. */
const waits: Filter<AuditedDocument> = { 'outbox.at': { $exists: true } };

/** Where entries were kept before there was a chain. Emptied once, by the same way as the outboxes. */
const oldCollection = 'audit';

/** The outboxes of some collections: what waits in them, and its end. */
export function createOutboxes(db: Db, collections: () => readonly string[]) {
  const audited = (name: string): Collection<AuditedDocument> => db.collection(name);
  const old: Collection<OldEntry> = db.collection(oldCollection);

  /** The oldest ones, in order of time; at most `limit`. */
  async function listWaiting(limit: number): Promise<WaitingEntry[]> {
    const found: WaitingEntry[] = [];
    // What was not read of a collection is younger than this.
    let complete = Number.POSITIVE_INFINITY;
    for (const collection of collections()) {
      const documents = await audited(collection)
        .find(waits, { projection: { outbox: 1 } })
        .sort({ 'outbox.at': 1 })
        .limit(limit)
        .toArray();
      for (const { _id, outbox } of documents) found.push(...ranked(collection, _id, outbox));
      const last = documents.at(-1)?.outbox;
      if (documents.length === limit) complete = Math.min(complete, ...(last ?? []).map(timeOf));
    }
    const before = await old.find().sort({ at: 1 }).limit(limit).toArray();
    for (const { _id, ...facts } of before)
      found.push(...ranked(oldCollection, _id, [{ id: String(_id), ...facts }]));
    if (before.length === limit) complete = Math.min(complete, timeOf(before.at(-1)!));
    found.sort((a, b) => a.rank - b.rank);
    const certain = found.filter(({ rank }) => rank <= complete);
    // None at all where clocks disagree within every document; then the order of time is lost anyway.
    return (certain.length > 0 ? certain : found).slice(0, limit);
  }

  /** Takes entries out that are in the chain. Safe to repeat. */
  async function removeMoved(moved: readonly WaitingEntry[]): Promise<void> {
    const places = new Map<string, Map<DocumentId, string[]>>();
    for (const { collection, document, entry } of moved) {
      const documents = places.get(collection) ?? new Map<DocumentId, string[]>();
      places.set(collection, documents.set(document, [...(documents.get(document) ?? []), entry.id]));
    }
    for (const [collection, documents] of places) {
      if (collection === oldCollection) {
        await old.deleteMany({ _id: { $in: [...documents.keys()] as string[] } });
        continue;
      }
      await audited(collection).bulkWrite(
        [...documents].map(([_id, ids]) => ({
          updateOne: { filter: { _id }, update: { $pull: { outbox: { id: { $in: ids } } } } },
        })),
        { ordered: false },
      );
    }
  }

  /** What waits of one object, oldest first. */
  async function listOf(system: SystemName, { type, id }: AuditEntry['object']): Promise<AuditEntry[]> {
    const own = { system, 'object.type': type, 'object.id': id };
    const found: WaitingEntry[] = [];
    for (const collection of collections()) {
      const documents = await audited(collection)
        .find({ ...waits, outbox: { $elemMatch: own } } as Filter<AuditedDocument>, {
          projection: { outbox: 1 },
        })
        .toArray();
      for (const { _id, outbox } of documents) found.push(...ranked(collection, _id, outbox));
    }
    const before = await old.find(own).toArray();
    for (const { _id, ...facts } of before)
      found.push(...ranked(oldCollection, _id, [{ id: String(_id), ...facts }]));
    return found
      .filter(({ entry }) => entry.system === system && entry.object.type === type && entry.object.id === id)
      .sort((a, b) => a.rank - b.rank)
      .map(({ entry }) => entry);
  }

  /** How many entries wait, of one system or of all. */
  async function count(system?: SystemName): Promise<number> {
    let sum =
      system === undefined ? await old.estimatedDocumentCount() : await old.countDocuments({ system });
    for (const collection of collections()) {
      const own = system === undefined ? [] : [{ $match: { 'outbox.system': system } }];
      const stages = [{ $match: waits }, { $unwind: '$outbox' }, ...own, { $count: 'entries' }];
      const [counted] = await audited(collection).aggregate<{ entries: number }>(stages).toArray();
      sum += counted?.entries ?? 0;
    }
    return sum;
  }

  return { listWaiting, removeMoved, listOf, count };
}

export type Outboxes = ReturnType<typeof createOutboxes>;

function timeOf({ at }: { at: Date }): number {
  return at.getTime();
}

/** Nothing but what has the form of an entry: what somebody else wrote into an outbox must not stop the others. */
function ranked(
  collection: string,
  document: DocumentId,
  outbox: readonly AuditEntry[] = [],
): WaitingEntry[] {
  let rank = Number.NEGATIVE_INFINITY;
  return outbox
    .filter((entry) => typeof entry?.id === 'string' && entry.at instanceof Date)
    .map((entry) => {
      rank = Math.max(rank, timeOf(entry));
      return { entry, rank, collection, document };
    });
}
