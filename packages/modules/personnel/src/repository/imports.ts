import { createHash } from 'node:crypto';
import { type Idempotency, isDuplicateKey } from '@backoffice/platform';
import {
  type AnyBulkWriteOperation,
  type Collection,
  type Db,
  type Filter,
  MongoBulkWriteError,
  ObjectId,
} from 'mongodb';
import type { Actor, ImportedChange, IsoDay, PersonnelFields, RecordDocument, Status } from '../model.ts';
import { searchText } from '../model.ts';
import { statusOn, withStatus } from '../tracks.ts';
import { changeOf, dbsOf, derivedFrom, entryOf } from './record-state.ts';

/** What holds the place of an import, so that the same file is imported once. `_id`: the upload's dedupe key. */
interface ClaimDocument<R> {
  _id: string;
  upload: ObjectId;
  at: Date;
  /** What it gave: from then on it is in force. */
  result: R | null;
}

/** What a list that came with an `Idempotency-Key` was answered. `_id`: the key. */
interface RequestDocument<A> {
  _id: string;
  bodyHash: string;
  at: Date;
  answer: A | null;
}

/** What a row changes of a record that stands. */
export interface RowChange {
  found: RecordDocument;
  fields: Partial<PersonnelFields>;
  /** Null: stays. */
  status: Status | null;
}

/** So many older changes are kept in a record for the sake of undoing them; what is older stays as it is. */
const keptChanges = 20;
const fieldNames = [
  ...['first_name', 'last_name', 'middle_name', 'army_number', 'phone_number', 'rank', 'bank'],
  ...['acct_number', 'sub_sector', 'location', 'remark'],
] as (keyof PersonnelFields)[];

/**
 * The same id for the same row, however often an import runs: a second run inserts nothing twice. Ids rise with
 * the rows, so that a list shows them in the order of the sheet.
 */
export function rowId(seed: string, at: Date, index: number): ObjectId {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(Math.floor(at.getTime() / 1_000), 0);
  createHash('sha256').update(seed).digest().copy(bytes, 4, 0, 5);
  bytes.writeUIntBE(index, 9, 3);
  return new ObjectId(bytes);
}

/** What imports write to the records, and what they keep of themselves. */
export function createImportRepository(db: Db, clock: () => Date, dayOf: (at: Date) => IsoDay) {
  const records: Collection<RecordDocument> = db.collection('personnel_records');
  // biome-ignore lint/suspicious/noExplicitAny: what is kept is the caller's
  const claims: Collection<ClaimDocument<any>> = db.collection('personnel_imports');
  // biome-ignore lint/suspicious/noExplicitAny: what is kept is the caller's
  const requests: Collection<RequestDocument<any>> = db.collection('personnel_requests');

  /** Of these ids those that are there, in whatever state. */
  async function listThere(ids: readonly ObjectId[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const found = await records.find({ _id: { $in: [...ids] } }, { projection: { _id: 1 } }).toArray();
    return new Set(found.map(({ _id }) => _id.toHexString()));
  }

  /** What a row makes of a record, as one compare-and-set that also keeps what was before. */
  function changeWrite(
    { found, fields, status }: RowChange,
    importId: ObjectId,
    by: Actor,
    at: Date,
  ): AnyBulkWriteOperation<RecordDocument> {
    const day = dayOf(at);
    const current = statusOn(found, day);
    const tracks = status === null || status === current ? found : withStatus(found, day, status);
    const { statuses, places, presence } = found;
    const before: ImportedChange['before'] = { fields: fieldsOf(found), statuses, places, presence };
    if (found.pristine_import !== undefined) before.pristine_import = found.pristine_import;
    const next = { ...found, ...fields };
    const changed = Object.keys(fields) as (keyof PersonnelFields)[];
    const old = Object.fromEntries(changed.map((name) => [name, found[name]]));
    const moved = tracks !== found;
    const entry = entryOf(
      'record.update',
      found._id,
      { ...old, ...(moved ? { status: current } : {}) },
      { ...fields, ...(moved ? { status } : {}) },
      by,
      at,
    );
    const dbId = found.db_id.toHexString();
    const history = moved ? [changeOf('status', day, status!, dbId, by, at)] : [];
    return {
      updateOne: {
        filter: { _id: found._id, version: found.version },
        update: {
          $set: {
            ...fields,
            ...derivedFrom(tracks, true, dayOf(clock())),
            search: searchText(next),
            imported: [...(found.imported ?? []), { import_id: importId, before }].slice(-keptChanges),
          },
          $unset: { pristine_import: true, erasing: true },
          $inc: { version: 1 },
          $addToSet: { unfolded: { $each: dbsOf(found) } },
          $push: { outbox: entry, ...(history.length === 0 ? {} : { history: { $each: history } }) },
        } as never,
      },
    };
  }

  /** The record as it was before the import, unless somebody has changed it since. */
  function revertWrite(found: RecordDocument, by: Actor): AnyBulkWriteOperation<RecordDocument> {
    const { before } = found.imported!.at(-1)!;
    const { fields, pristine_import, ...tracks } = before!;
    const rest = found.imported!.slice(0, -1);
    const today = dayOf(clock());
    const status = statusOn(tracks, today);
    const moved = status !== statusOn(found, today);
    const dbId = found.db_id.toHexString();
    const at = clock();
    const entry = entryOf('record.update', found._id, { ...fieldsOf(found) }, { ...fields }, by, at);
    const history = moved ? [changeOf('status', today, status, dbId, by, at)] : [];
    return {
      updateOne: {
        filter: { _id: found._id, version: found.version },
        update: {
          $set: {
            ...fields,
            ...derivedFrom(tracks, true, today),
            search: searchText(fields),
            ...(rest.length === 0 ? {} : { imported: rest }),
            ...(pristine_import === undefined ? {} : { pristine_import }),
          },
          ...(rest.length === 0 ? { $unset: { imported: true } } : {}),
          $inc: { version: 1 },
          $addToSet: { unfolded: { $each: dbsOf(found) } },
          $push: { outbox: entry, ...(history.length === 0 ? {} : { history: { $each: history } }) },
        } as never,
      },
    };
  }

  return {
    /** Makes the import this upload's own; gives whose it is. */
    async claim<R>(key: string, upload: ObjectId): Promise<ClaimDocument<R>> {
      return firstOf<ClaimDocument<R>>(claims, key, { upload, at: clock(), result: null });
    },
    findClaim: <R>(key: string): Promise<ClaimDocument<R> | null> =>
      claims.findOne({ _id: key }) as Promise<ClaimDocument<R> | null>,
    /** From an upload that was given up to another one. */
    async takeOver(key: string, from: ObjectId, to: ObjectId): Promise<void> {
      await claims.updateOne({ _id: key, upload: from, result: null }, { $set: { upload: to, at: clock() } });
    },
    async keepResult(key: string, upload: ObjectId, result: unknown): Promise<void> {
      await claims.updateOne({ _id: key, upload }, { $set: { result } });
    },
    async release(key: string, upload: ObjectId): Promise<void> {
      await claims.deleteOne({ _id: key, upload });
    },

    /** Live records of a db with these numbers, by number, hidden ones among them. */
    async listStanding(dbId: ObjectId, keys: readonly string[]): Promise<Map<string, RecordDocument>> {
      const found = await records
        .find(
          { db_id: dbId, army_key: { $in: [...keys] }, live: true },
          { projection: { outbox: 0, folded: 0, search: 0, history: 0, idempotency: 0 } },
        )
        .toArray();
      return new Map(found.map((record) => [record.army_key, record]));
    },
    listThere,

    /** Inserts what is not there yet. Gives the ids of those whose number somebody else has. */
    async insertNew(documents: readonly RecordDocument[]): Promise<Set<string>> {
      if (documents.length === 0) return new Set();
      try {
        await records.insertMany([...documents], { ordered: false });
        return new Set();
      } catch (error) {
        if (!(error instanceof MongoBulkWriteError)) throw error;
        const failed = [error.writeErrors].flat();
        if (failed.length === 0 || failed.some(({ code }) => code !== 11000)) throw error;
        const ids = failed.map(({ index }) => documents[index]!._id);
        // The same id is an earlier run's, and its record as good as this one.
        const there = await listThere(ids);
        return new Set(ids.map((id) => id.toHexString()).filter((id) => !there.has(id)));
      }
    },

    /** Changes records that stand. Gives the ids of those that somebody else changed meanwhile. */
    async updateStanding(
      changes: readonly RowChange[],
      importId: ObjectId,
      by: Actor,
      at: Date,
    ): Promise<Set<string>> {
      if (changes.length === 0) return new Set();
      await records.bulkWrite(
        changes.map((change) => changeWrite(change, importId, by, at)),
        { ordered: false },
      );
      const ids = changes.map(({ found }) => found._id);
      const done = await records
        .find({ _id: { $in: ids }, 'imported.import_id': importId }, { projection: { _id: 1 } })
        .toArray();
      const changed = new Set(done.map(({ _id }) => _id.toHexString()));
      return new Set(ids.map((id) => id.toHexString()).filter((id) => !changed.has(id)));
    },

    /** Whether any record of an import is there, in whatever state. */
    hasAny: async (importId: ObjectId) =>
      (await records.findOne({ import_id: importId }, { projection: { _id: 1 } })) !== null,

    /**
     * Marks an import's untouched records as open, and keeps them so, before they are hidden: the figures must let
     * go of them at that very moment. Safe to repeat.
     */
    async beginErasing(dbId: ObjectId, importId: ObjectId): Promise<void> {
      await records.updateMany(
        { pristine_import: importId, erased: { $exists: false } },
        { $set: { erasing: true }, $addToSet: { unfolded: dbId.toHexString() } },
      );
    },

    /**
     * Takes an import's untouched records away, which are marked and hidden. Safe to repeat. They stay hidden until
     * `show`; what nobody refers to any more is removed later.
     */
    async erase(dbId: ObjectId, importId: ObjectId): Promise<void> {
      await records.updateMany(
        { pristine_import: importId, erased: { $exists: false } },
        {
          $set: { erased: true, live: false, spells: [], next_change: null },
          $addToSet: { unfolded: dbId.toHexString() },
          $inc: { version: 1 },
          $unset: { erasing: true },
        },
      );
    },

    /**
     * Takes away what an import has inserted that was never published, and so is in no figure. Whatever a run that
     * was given up may still insert is hidden; this is repeated later.
     */
    async discard(importId: ObjectId): Promise<void> {
      await records.updateMany(
        { pristine_import: importId, erased: { $exists: false } },
        {
          $set: { erased: true, live: false, spells: [], next_change: null, folded: {}, unfolded: [] },
          $inc: { version: 1 },
        },
      );
    },

    /** Gives records that an import changed what they had before; not those that were changed since. */
    async revert(importId: ObjectId, by: Actor, signal?: AbortSignal): Promise<void> {
      for (let more = true; more; ) {
        more = false;
        let batch: RecordDocument[] = [];
        const write = async () => {
          if (batch.length === 0) return;
          signal?.throwIfAborted();
          more = true;
          await records.bulkWrite(
            batch.map((found) => revertWrite(found, by)),
            { ordered: false },
          );
          batch = [];
        };
        for await (const found of records.find({ 'imported.import_id': importId })) {
          const last = found.imported!.at(-1)!;
          if (!last.import_id.equals(importId) || last.before === undefined || !found.live) continue;
          batch.push(found);
          if (batch.length >= 500) await write();
        }
        await write();
      }
    },

    /** Records of an import that an undo leaves, because somebody has changed them since. */
    async listKept(importId: ObjectId, most: number) {
      const filter = {
        erased: { $exists: false },
        $or: [{ import_id: importId }, { 'imported.import_id': importId }],
      } as never;
      const [inserted, updated, some] = await Promise.all([
        records.countDocuments({ import_id: importId, erased: { $exists: false } } as never),
        records.countDocuments({ 'imported.import_id': importId }),
        records.find(filter, { projection: { army_number: 1 }, sort: { _id: 1 }, limit: most }).toArray(),
      ]);
      const kept = some.map(({ _id, army_number }) => ({ id: _id.toHexString(), army_number }));
      return { inserted, updated, kept };
    },

    /** Removes records taken back that neither the figures nor the audit still need. */
    async removeErased(): Promise<number> {
      const { deletedCount } = await records.deleteMany({
        erased: true,
        unfolded: { $size: 0 },
        'outbox.at': { $exists: false },
      } as never);
      return deletedCount;
    },

    /** What a list with that key was answered, null while it is not; makes the key this request's where it is new. */
    async beginRequest<A>({
      key,
      bodyHash,
    }: Idempotency): Promise<{ bodyHash: string; at: Date; answer: A | null }> {
      return firstOf<RequestDocument<A>>(requests, key, { bodyHash, at: clock(), answer: null });
    },
    async endRequest(key: string, answer: unknown): Promise<void> {
      await requests.updateOne({ _id: key, answer: null }, { $set: { answer } });
    },
    /** Keys older than that are forgotten. */
    async removeRequests(before: Date): Promise<number> {
      return (await requests.deleteMany({ at: { $lt: before } })).deletedCount;
    },
  };
}

/** The document with that id; the given one, where there was none. Of two who come at once, one's is it. */
async function firstOf<D extends { _id: string }>(
  collection: Collection<D>,
  _id: string,
  given: Omit<D, '_id'>,
): Promise<D> {
  for (;;) {
    try {
      const first = await collection.findOneAndUpdate(
        { _id } as Filter<D>,
        { $setOnInsert: given } as never,
        {
          upsert: true,
          returnDocument: 'after',
        },
      );
      if (first !== null) return first as D;
    } catch (error) {
      // Two at the same moment: the next look finds the winner's.
      if (!isDuplicateKey(error)) throw error;
    }
  }
}

function fieldsOf(record: RecordDocument): PersonnelFields {
  return Object.fromEntries(fieldNames.map((name) => [name, record[name]])) as unknown as PersonnelFields;
}
