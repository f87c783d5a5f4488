import { CodedError } from '@backoffice/core';
import { type AuditEntry, type Idempotency, isDuplicateKey, type SharedReads } from '@backoffice/platform';
import { type Collection, type Db, ObjectId } from 'mongodb';
import type { DbDocument, Reachable, Scope } from '../model.ts';

export type DbFields = Pick<DbDocument, 'name' | 'short_code' | 'description'>;

const withoutOutbox = { outbox: 0, idempotency: 0 } as const;

/** The id that a text is, or null. */
export function idOf(text: string): ObjectId | null {
  return /^[0-9a-f]{24}$/i.test(text) ? new ObjectId(text) : null;
}

/** The logical databases. A deleted one is not there for any call but `restore`. */
export function createDbRepository(db: Db, clock: () => Date, reads: SharedReads) {
  const dbs: Collection<DbDocument> = db.collection('personnel_dbs');

  const readLive = reads.share(
    () => ({
      from: dbs.collectionName,
      match: { deleted_at: null },
      project: { name: 1, short_code: 1, hidden_imports: 1 },
    }),
    (found: Reachable[]) => found,
  );

  async function change(
    filter: object,
    update: Parameters<typeof dbs.findOneAndUpdate>[1],
  ): Promise<DbDocument | null> {
    try {
      return await dbs.findOneAndUpdate(filter, update, {
        returnDocument: 'after',
        projection: withoutOutbox,
      });
    } catch (error) {
      if (isDuplicateKey(error, 'short_code')) throw taken();
      throw error;
    }
  }

  return {
    /** Every live db that is in `allowed`; all of them for `'all'`. */
    async scope(allowed: readonly string[] | 'all'): Promise<Scope> {
      const wanted = allowed === 'all' ? null : new Set(allowed);
      const reachable: [string, Reachable][] = (await readLive())
        .map((each) => [each._id.toHexString(), each] as [string, Reachable])
        .filter(([id]) => wanted === null || wanted.has(id));
      return { dbs: new Map(reachable) };
    },

    /** A live db within the scope, or null; null too for text that is no id. */
    async find(scope: Scope, id: string): Promise<DbDocument | null> {
      const _id = idOf(id);
      if (_id === null || !scope.dbs.has(_id.toHexString())) return null;
      return dbs.findOne({ _id, deleted_at: null }, { projection: withoutOutbox });
    },

    /** Those within the scope, in order of creation. */
    list(scope: Scope): Promise<DbDocument[]> {
      const _id = { $in: [...scope.dbs.values()].map((each) => each._id) };
      return dbs
        .find({ _id, deleted_at: null }, { projection: withoutOutbox })
        .sort({ created_at: 1, _id: 1 })
        .toArray();
    },

    /** Which of these ids are live dbs. */
    async existing(ids: readonly string[]): Promise<Set<string>> {
      const live = new Set((await readLive()).map(({ _id }) => _id.toHexString()));
      return new Set(ids.filter((id) => live.has(id.toLowerCase())));
    },

    /** ALREADY_EXISTS. Rejects with MongoDB's duplicate key where the `Idempotency-Key` is there already. */
    async insert(
      fields: DbFields,
      idempotency: Idempotency | null,
      entryOf: (id: ObjectId) => AuditEntry,
    ): Promise<DbDocument> {
      const _id = new ObjectId();
      const document: DbDocument = {
        _id,
        ...fields,
        created_at: clock(),
        deleted_at: null,
        hidden_imports: [],
        version: 1,
        outbox: [entryOf(_id)],
        ...(idempotency === null ? {} : { idempotency }),
      };
      try {
        await dbs.insertOne(document);
      } catch (error) {
        if (isDuplicateKey(error, 'short_code')) throw taken();
        throw error;
      }
      return document;
    },

    findByIdempotencyKey: (key: string) => dbs.findOne({ 'idempotency.key': key }),

    /** ALREADY_EXISTS; null when it is gone, or has another version than `expected`. */
    update(
      _id: ObjectId,
      set: Partial<DbFields>,
      expected: number | null,
      entry: AuditEntry,
    ): Promise<DbDocument | null> {
      const version = expected === null ? {} : { version: expected };
      return change(
        { _id, deleted_at: null, ...version },
        { $set: set, $inc: { version: 1 }, $push: { outbox: entry } },
      );
    },

    /** Takes the db out of sight, and with it every record in it, which stays untouched. Null when it is gone. */
    remove(_id: ObjectId, entry: AuditEntry): Promise<DbDocument | null> {
      return change(
        { _id, deleted_at: null },
        { $set: { deleted_at: clock() }, $inc: { version: 1 }, $push: { outbox: entry } },
      );
    },

    /** A deleted db, or null. */
    findDeleted: (_id: ObjectId) =>
      dbs.findOne({ _id, deleted_at: { $ne: null } }, { projection: withoutOutbox }),

    /** Brings a deleted db back as it was. ALREADY_EXISTS when its short code was taken meanwhile. */
    restore(_id: ObjectId, entry: AuditEntry): Promise<DbDocument | null> {
      return change(
        { _id, deleted_at: { $ne: null } },
        { $set: { deleted_at: null }, $inc: { version: 1 }, $push: { outbox: entry } },
      );
    },

    /** Nobody sees an import's untouched records, from here until `show`. Also in a db that was deleted. */
    async hide(_id: ObjectId, importId: ObjectId): Promise<void> {
      await dbs.updateOne({ _id }, { $addToSet: { hidden_imports: importId } });
    },

    /** Everybody sees an import's records, all at once. */
    async show(_id: ObjectId, importId: ObjectId): Promise<void> {
      await dbs.updateOne({ _id }, { $pull: { hidden_imports: importId } });
    },

    /** The db as it stands, deleted or not: for the worker, which carries on what was begun. */
    findAny: (_id: ObjectId) => dbs.findOne({ _id }, { projection: withoutOutbox }),
    listAny: () => dbs.find({}, { projection: withoutOutbox }).toArray(),
  };
}

/** In the words of the contract, and with its status (400). */
export const taken = () =>
  new CodedError('ALREADY_EXISTS', 'Database already exists', { field: 'short_code' });
