import { CodedError } from '@backoffice/core';
import { type AuditEntry, auditEntry, isDuplicateKey } from '@backoffice/platform';
import { type Collection, type Db, type Filter, ObjectId } from 'mongodb';
import {
  type Actor,
  armyKey,
  type Change,
  type ChangeKind,
  foldCase,
  type IsoDay,
  type PersonnelFields,
  type RecordDocument,
  type Scope,
  type Status,
  searchText,
  type Tracks,
} from '../model.ts';
import {
  beginTracks,
  nextChangeAfter,
  spellsOf,
  statusOn,
  withDeletion,
  withPlace,
  withRestoration,
  withStatus,
} from '../tracks.ts';
import { idOf } from './dbs.ts';

/** What a change asks for; what is left out stays. */
export interface RecordPatch {
  fields?: Partial<PersonnelFields>;
  /** Another db, hexadecimal: within the scope and live. */
  db?: string;
  status?: Status;
  /** From which day on status and db count; left out: today. */
  effective?: IsoDay;
}

export interface NewRecord {
  fields: PersonnelFields;
  /** The db's id, hexadecimal: within the scope and live. */
  db: string;
  /** Null: not said, and so active. */
  status: Status | null;
  idempotency?: RecordDocument['idempotency'];
}

/** What is asked for of a db's list. */
export interface ListQuery {
  /** Part of one field; empty: all. */
  search: string;
  status: Status | null;
}

export type RecordRepository = ReturnType<typeof createRecordRepository>;

const attempts = 8;
/** What readers of a record do not need. */
const withoutInner = { outbox: 0, folded: 0, unfolded: 0, idempotency: 0, search: 0 } as const;
/** What a list of any length does without, too. */
const asShown = { ...withoutInner, statuses: 0, places: 0, presence: 0, spells: 0, history: 0 } as const;
const inOrder = { created_at: 1, _id: 1 } as const;

/** A record as lists show it. */
export type ShownRecord = Omit<RecordDocument, keyof typeof asShown>;

/** The personnel records. Every call but the worker's own takes the caller's scope first. */
export function createRecordRepository(db: Db, clock: () => Date, dayOf: (at: Date) => IsoDay) {
  const records: Collection<RecordDocument> = db.collection('personnel_records');

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

  /** What follows from the tracks as of today. */
  function derived(tracks: Tracks, live: boolean, today = dayOf(clock())) {
    return {
      ...tracks,
      status: statusOn(tracks, today),
      // Nothing comes due for who is off the books; it is looked at again when they are back.
      next_change: live ? nextChangeAfter(tracks, today) : null,
      spells: spellsOf(tracks),
    };
  }

  function changeOf(
    kind: ChangeKind,
    effective: IsoDay,
    status: Status,
    dbId: string,
    by: Actor,
    at = clock(),
  ): Change {
    const { userId, name } = by;
    return { kind, effective, status, db: dbId, at, by: { userId, name } };
  }

  /** A record that begins at a moment: now, or when the file came in that it is from. */
  function newDocument(
    { fields, db: dbId, status, idempotency }: NewRecord,
    kind: 'created' | 'imported',
    by: Actor,
    at = clock(),
  ): RecordDocument {
    const day = dayOf(at);
    const tracks = beginTracks(day, dbId, status ?? 'active', status === null);
    return {
      _id: new ObjectId(),
      db_id: new ObjectId(dbId),
      ...fields,
      army_key: armyKey(fields.army_number),
      search: searchText(fields),
      ...derived(tracks, true, day),
      history: [changeOf(kind, day, status ?? 'active', dbId, by, at)],
      live: true,
      created_at: at,
      deleted_at: null,
      version: 1,
      folded: {},
      unfolded: [dbId],
      ...(idempotency === undefined ? {} : { idempotency }),
    };
  }

  /**
   * Reads, decides, writes if nobody else has in between; else again. `decide` gives null for nothing to do.
   * NOT_FOUND; ALREADY_EXISTS for a number that is taken; STALE, CONFLICT.
   */
  async function change(
    scope: Scope,
    id: string,
    expected: number | null,
    decide: (
      seen: RecordDocument,
    ) => { set: Partial<RecordDocument>; push: Change[]; entry: AuditEntry } | null,
    which: { deleted?: boolean } = {},
  ): Promise<RecordDocument> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const found = which.deleted === true ? await findDeleted(scope, id) : await find(scope, id);
      if (found === null) throw notFound();
      if (expected !== null && found.version !== expected) throw new CodedError('STALE');
      const wanted = decide(found);
      if (wanted === null) return found;
      const { set, push, entry } = wanted;
      const dbs = new Set([
        found.db_id.toHexString(),
        ...[...found.spells, ...(set.spells ?? [])].map((s) => s.db),
      ]);
      try {
        const changed = await records.findOneAndUpdate(
          { _id: found._id, version: found.version },
          {
            $set: {
              ...set,
              // What an import changed before is not given back by its undo any more.
              ...(found.imported === undefined
                ? {}
                : { imported: found.imported.map(({ import_id }) => ({ import_id })) }),
            },
            // From here on it is nobody's but its own: neither published nor taken back with its import.
            $unset: { pristine_import: true, erasing: true },
            $inc: { version: 1 },
            $addToSet: { unfolded: { $each: [...dbs, ...(set.db_id ? [set.db_id.toHexString()] : [])] } },
            $push: { outbox: entry, ...(push.length === 0 ? {} : { history: { $each: push } }) },
          } as never,
          { returnDocument: 'after', projection: withoutInner },
        );
        if (changed !== null) return changed;
      } catch (error) {
        if (isDuplicateKey(error, 'army_key')) throw numberTaken(set.army_number ?? found.army_number);
        throw error;
      }
    }
    throw new CodedError(expected === null ? 'CONFLICT' : 'STALE');
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
    newDocument,

    /** ALREADY_EXISTS. Rejects with MongoDB's duplicate key where the `Idempotency-Key` is there already. */
    async insert(scope: Scope, given: NewRecord, by: Actor): Promise<RecordDocument> {
      if (!scope.dbs.has(given.db)) throw new CodedError('NOT_FOUND', 'DB not found');
      const document = newDocument(given, 'created', by);
      const after = { ...given.fields, db_id: given.db, status: document.status };
      try {
        await records.insertOne({
          ...document,
          outbox: [entryOf('record.create', document._id, null, after, by, clock())],
        });
      } catch (error) {
        if (isDuplicateKey(error, 'army_key')) throw numberTaken(given.fields.army_number);
        throw error;
      }
      return document;
    },

    findByIdempotencyKey: (key: string) => records.findOne({ 'idempotency.key': key }),

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

    /** NOT_FOUND, ALREADY_EXISTS, STALE, CONFLICT. What is the same already changes nothing. */
    update(
      scope: Scope,
      id: string,
      patch: RecordPatch,
      by: Actor,
      expected: number | null,
    ): Promise<RecordDocument> {
      if (patch.db !== undefined && !scope.dbs.has(patch.db))
        throw new CodedError('NOT_FOUND', 'DB not found');
      return change(scope, id, expected, (found) => {
        const today = dayOf(clock());
        const day = patch.effective ?? today;
        const here = found.db_id.toHexString();
        let tracks: Tracks = found;
        const push: Change[] = [];
        const set: Partial<RecordDocument> = {};
        const before: Record<string, unknown> = {};
        const after: Record<string, unknown> = {};
        for (const [name, value] of Object.entries(patch.fields ?? {})) {
          const old = found[name as keyof PersonnelFields];
          if (JSON.stringify(old) === JSON.stringify(value)) continue;
          Object.assign(set, { [name]: value });
          before[name] = old;
          after[name] = value;
        }
        if (patch.status !== undefined && !isOn(found, day, patch.status)) {
          tracks = withStatus(tracks, day, patch.status);
          push.push(changeOf('status', day, patch.status, here, by));
          Object.assign(before, { status: statusOn(found, day) });
          Object.assign(after, { status: patch.status, effective_date: day });
        }
        if (patch.db !== undefined && patch.db !== here) {
          tracks = withPlace(tracks, day, patch.db);
          push.push(changeOf('moved', day, statusOn(tracks, day), patch.db, by));
          set.db_id = new ObjectId(patch.db);
          Object.assign(before, { db_id: here });
          Object.assign(after, { db_id: patch.db, effective_date: day });
        }
        if (Object.keys(after).length === 0) return null;
        const { statuses, places, presence } = tracks;
        const next = { ...found, ...set };
        Object.assign(set, derived({ statuses, places, presence }, true), {
          army_key: armyKey(next.army_number),
          search: searchText(next),
        });
        return { set, push, entry: entryOf('record.update', found._id, before, after, by, clock()) };
      });
    },

    /** Takes a record off the books, from today on. NOT_FOUND. */
    remove(scope: Scope, id: string, by: Actor, expected: number | null): Promise<RecordDocument> {
      return change(scope, id, expected, (found) => {
        const day = dayOf(clock());
        const { status } = found;
        const set = {
          ...derived(withDeletion(found, day), false),
          status,
          live: false,
          deleted_at: clock(),
        };
        return {
          set: withoutFields(set),
          push: [changeOf('deleted', day, status, found.db_id.toHexString(), by)],
          entry: entryOf('record.delete', found._id, { army_number: found.army_number }, null, by, clock()),
        };
      });
    },

    findDeleted,

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

    /** Puts a deleted record back on the books, from today on. NOT_FOUND; ARMY_NUMBER_TAKEN. */
    async restore(scope: Scope, id: string, by: Actor): Promise<RecordDocument> {
      try {
        return await change(
          scope,
          id,
          null,
          (found) => {
            const day = dayOf(clock());
            const set = {
              ...derived(withRestoration(found, day), true),
              live: true,
              deleted_at: null,
            };
            return {
              set: withoutFields(set),
              push: [changeOf('restored', day, set.status, found.db_id.toHexString(), by)],
              entry: entryOf(
                'record.restore',
                found._id,
                null,
                { army_number: found.army_number },
                by,
                clock(),
              ),
            };
          },
          { deleted: true },
        );
      } catch (error) {
        // The one place where the contract wants 409 (decision 3).
        if (error instanceof CodedError && error.code === 'ALREADY_EXISTS') {
          throw new CodedError('ARMY_NUMBER_TAKEN', error.message, { field: 'army_number' });
        }
        throw error;
      }
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

    collection: records,
  };
}

const tracksOnly = { statuses: 1, places: 1, presence: 1 } as const;

/** Whether the status is in force on that day already, from before or from then on. */
function isOn(record: Pick<RecordDocument, 'statuses' | 'presence'>, day: IsoDay, status: Status): boolean {
  const begun = record.statuses[0]!.from <= day;
  return begun && statusOn(record, day) === status;
}

/** Only what follows from the tracks and the deletion: the fields of the person stay as they are. */
function withoutFields(set: Partial<RecordDocument>): Partial<RecordDocument> {
  const { statuses, places, presence, status, next_change, spells, live, deleted_at } = set as RecordDocument;
  return { statuses, places, presence, status, next_change, spells, live, deleted_at };
}

/** The audit's entry about a record. */
export function entryOf(
  action: string,
  id: ObjectId,
  before: Record<string, unknown> | null,
  after: Record<string, unknown> | null,
  { userId, name, requestId }: Actor,
  at: Date,
): AuditEntry {
  const object = { type: 'record', id: id.toHexString() };
  return auditEntry({
    system: 'personnel',
    actor: { userId, name },
    action,
    object,
    before,
    after,
    requestId,
    at,
  });
}

/** A text as part of a regular expression that means just that text. */
function escaped(text: string): string {
  // MongoDB takes no pattern with a null character in it; written so, it is one that no text holds.
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&').replaceAll('\0', '\\x00');
}

export const notFound = () => new CodedError('NOT_FOUND', 'Personnel not found');

/** In the words of the contract, and with its status (400). */
export const numberTaken = (armyNumber: string) =>
  new CodedError('ALREADY_EXISTS', `Personnel with army_number ${armyNumber} already exists in this DB`, {
    field: 'army_number',
  });
