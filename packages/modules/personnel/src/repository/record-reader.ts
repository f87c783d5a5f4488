import type { Collection, Filter, ObjectId } from 'mongodb';
import { foldCase, type IsoDay, type RecordDocument, type Scope, type Status } from '../model.ts';
import { nextChangeAfter, statusOn } from '../tracks.ts';
import { idOf } from './dbs.ts';

/** What is asked for of a db's list. */
export interface ListQuery {
  /** Part of one field; empty: all. */
  search: string;
  status: Status | null;
}

/** What readers of a record do not need. */
export const withoutInner = { outbox: 0, folded: 0, unfolded: 0, idempotency: 0, search: 0 } as const;
/** What a list of any length does without, too. */
const asShown = { ...withoutInner, statuses: 0, places: 0, presence: 0, spells: 0, history: 0 } as const;
const inOrder = { created_at: 1, _id: 1 } as const;

/** A record as lists show it. */
export type ShownRecord = Omit<RecordDocument, keyof typeof asShown>;

const tracksOnly = { statuses: 1, places: 1, presence: 1 } as const;

/** Reading records: what a scope shows of them, in lists, one by one, and behind figures. */
export function createRecordReader(
  records: Collection<RecordDocument>,
  clock: () => Date,
  dayOf: (at: Date) => IsoDay,
) {
  /** Live records of one db, or of all within the scope, that are not hidden with an import. */
  function seen(scope: Scope, dbId?: string): Filter<RecordDocument> | null {
    const within = dbId === undefined ? [...scope.dbs.values()] : [scope.dbs.get(dbId.toLowerCase())];
    const dbs = within.filter((each) => each !== undefined);
    if (dbs.length === 0) return null;
    const hidden = dbs.flatMap((each) => each.hidden_imports);
    const [first] = dbs;
    return {
      db_id: dbs.length === 1 ? first!._id : { $in: dbs.map((each) => each._id) },
      live: true,
      ...(hidden.length === 0 ? {} : { pristine_import: { $nin: hidden } }),
    };
  }

  function asked({ search, status }: ListQuery): Filter<RecordDocument> {
    const part = foldCase(search.trim());
    return {
      ...(status === null ? {} : { status }),
      ...(part === '' ? {} : { search: { $regex: escaped(part) } }),
    };
  }

  async function find(scope: Scope, id: string): Promise<RecordDocument | null> {
    await settle();
    const _id = idOf(id);
    const filter = seen(scope);
    return _id === null || filter === null
      ? null
      : records.findOne({ ...filter, _id }, { projection: withoutInner });
  }

  /**
   * Lets planned changes that have come due take effect. Asked before every read: no job decides at which moment
   * after midnight a status is shown.
   */
  async function settle(): Promise<void> {
    const today = dayOf(clock());
    for (;;) {
      const due = await records
        .find(
          { next_change: { $gt: '', $lte: today } },
          { projection: { ...tracksOnly, version: 1, db_id: 1 } },
        )
        .limit(500)
        .toArray();
      if (due.length === 0) return;
      await records.bulkWrite(
        due.map((record) => ({
          updateOne: {
            filter: { _id: record._id, version: record.version },
            update: {
              $set: { status: statusOn(record, today), next_change: nextChangeAfter(record, today) },
              $addToSet: { unfolded: record.db_id.toHexString() },
              $inc: { version: 1 },
            },
          },
        })),
        { ordered: false },
      );
    }
  }

  async function findDeleted(scope: Scope, id: string): Promise<RecordDocument | null> {
    const _id = idOf(id);
    if (_id === null) return null;
    const db_id = { $in: [...scope.dbs.values()].map((each) => each._id) };
    const filter = { _id, db_id, live: false, erased: { $exists: false } };
    return records.findOne(filter as Filter<RecordDocument>, { projection: withoutInner });
  }

  async function pageOf(all: Filter<RecordDocument>, skip: number, limit: number) {
    const [total, page] = await Promise.all([
      records.countDocuments(all),
      records
        .find(all, { projection: { _id: 1 } })
        .sort(inOrder)
        .skip(skip)
        .limit(limit)
        .toArray(),
    ]);
    return { total, ids: page.map(({ _id }) => _id) };
  }

  /**
   * Who has a part of a text in one of the fields. No index can find that, but one holds the text of a whole db
   * in order of creation: it is gone through once, without the records, for the page and for the number of all.
   */
  async function matchesOf(
    all: Filter<RecordDocument>,
    skip: number,
    limit: number,
  ): Promise<{ total: number; ids: ObjectId[] }> {
    const [found] = await records
      .aggregate<{ total: number; ids: ObjectId[] }>(
        [
          { $match: all },
          { $sort: inOrder },
          { $group: { _id: null, total: { $sum: 1 }, ids: { $push: '$_id' } } },
          { $project: { total: 1, ids: { $slice: ['$ids', skip, limit] } } },
        ],
        { hint: 'list_and_search', allowDiskUse: true },
      )
      .toArray();
    return found ?? { total: 0, ids: [] };
  }

  return {
    find,
    settle,
    findDeleted,

    /** All that the caller may see, of one db or of every one, in order of creation. */
    async *stream(scope: Scope, dbId?: string, query?: ListQuery): AsyncGenerator<ShownRecord> {
      await settle();
      const filter = seen(scope, dbId);
      if (filter === null) return;
      const all = { ...filter, ...(query === undefined ? {} : asked(query)) };
      // More than fits into memory, where everything is asked for.
      const options = { projection: asShown, sort: inOrder, allowDiskUse: true, batchSize: 1_000 };
      yield* records.find<ShownRecord>(all, options);
    },

    /** One page of a db's list, and how many there are in all. */
    async page(
      scope: Scope,
      dbId: string,
      query: ListQuery,
      { skip, limit }: { skip: number; limit: number },
    ): Promise<{ total: number; records: RecordDocument[] }> {
      await settle();
      const filter = seen(scope, dbId);
      if (filter === null) return { total: 0, records: [] };
      const all = { ...filter, ...asked(query) };
      const { total, ids } =
        query.search.trim() === '' ? await pageOf(all, skip, limit) : await matchesOf(all, skip, limit);
      const found = await records
        .find({ _id: { $in: ids } }, { projection: withoutInner })
        .sort(inOrder)
        .toArray();
      return { total, records: found };
    },

    /** Deleted records of one db, or of all within the scope, the latest first. */
    async listDeleted(
      scope: Scope,
      dbId: string | undefined,
      { skip, limit }: { skip: number; limit: number },
    ): Promise<{ total: number; records: RecordDocument[] }> {
      const within = dbId === undefined ? [...scope.dbs.values()] : [scope.dbs.get(dbId.toLowerCase())];
      const ids = within.filter((each) => each !== undefined).map((each) => each._id);
      const filter = {
        db_id: { $in: ids },
        live: false,
        erased: { $exists: false },
      } as Filter<RecordDocument>;
      const [total, found] = await Promise.all([
        records.countDocuments(filter),
        records
          .find(filter, { projection: withoutInner })
          .sort({ deleted_at: -1, _id: -1 })
          .skip(skip)
          .limit(limit)
          .toArray(),
      ]);
      return { total, records: found };
    },

    /** Which of these are live records within the scope. */
    async existing(scope: Scope, ids: readonly string[]): Promise<string[]> {
      const filter = seen(scope);
      if (filter === null) return [];
      const wanted = ids.map(idOf).filter((each) => each !== null);
      const found = await records
        .find({ ...filter, _id: { $in: wanted } }, { projection: { _id: 1 } })
        .toArray();
      return found.map(({ _id }) => _id.toHexString());
    },

    /**
     * Who was counted in a db at some time from a day to another, both included, with their spells: behind
     * headcounts and movements. Those deleted since are among them, those taken back are not.
     */
    async listCounted(
      scope: Scope,
      dbId: string,
      from: IsoDay,
      to: IsoDay,
    ): Promise<Pick<RecordDocument, '_id' | 'spells'>[]> {
      const reachable = scope.dbs.get(dbId);
      if (reachable === undefined) return [];
      const hidden = reachable.hidden_imports;
      return records
        .find(
          {
            // Who left on the first day was there the day before.
            spells: { $elemMatch: { db: dbId, from: { $lte: to }, to: { $gte: from } } },
            ...(hidden.length === 0 ? {} : { pristine_import: { $nin: hidden } }),
          },
          { projection: { spells: 1 }, sort: inOrder },
        )
        .toArray();
    },
  };
}

/** A text as part of a regular expression that means just that text. */
function escaped(text: string): string {
  // MongoDB takes no pattern with a null character in it; written so, it is one that no text holds.
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&').replaceAll('\0', '\\x00');
}
