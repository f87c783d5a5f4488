import { CodedError } from '@backoffice/core';
import { type AuditEntry, isDuplicateKey } from '@backoffice/platform';
import { type Collection, type Db, ObjectId } from 'mongodb';
import {
  type Actor,
  armyKey,
  type Change,
  type IsoDay,
  type PersonnelFields,
  type RecordDocument,
  type Scope,
  type Status,
  searchText,
  type Tracks,
} from '../model.ts';
import { statusOn, withDeletion, withPlace, withRestoration, withStatus } from '../tracks.ts';
import { createRecordReader, withoutInner } from './record-reader.ts';
import {
  changeOf,
  dbsOf,
  derivedFrom,
  entryOf,
  isOn,
  type NewRecord,
  newRecord,
  notFound,
  numberTaken,
} from './record-state.ts';

/** What a change asks for; what is left out stays. */
export interface RecordPatch {
  fields?: Partial<PersonnelFields>;
  /** Another db, hexadecimal: within the scope and live. */
  db?: string;
  status?: Status;
  /** From which day on status and db count; left out: today. */
  effective?: IsoDay;
}

export type RecordRepository = ReturnType<typeof createRecordRepository>;

const attempts = 8;

/** The personnel records. Every call but the worker's own takes the caller's scope first. */
export function createRecordRepository(db: Db, clock: () => Date, dayOf: (at: Date) => IsoDay) {
  const records: Collection<RecordDocument> = db.collection('personnel_records');
  const reader = createRecordReader(records, clock, dayOf);

  const newDocument = (given: NewRecord, kind: 'created' | 'imported', by: Actor, at = clock()) =>
    newRecord(given, kind, by, { at, day: dayOf(at) });

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
    ) => { set: Partial<RecordDocument>; push: Change[]; entries: AuditEntry[] } | null,
    which: { deleted?: boolean } = {},
  ): Promise<RecordDocument> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const found =
        which.deleted === true ? await reader.findDeleted(scope, id) : await reader.find(scope, id);
      if (found === null) throw notFound();
      if (expected !== null && found.version !== expected) throw new CodedError('STALE');
      const wanted = decide(found);
      if (wanted === null) return found;
      const { set, push, entries } = wanted;
      const dbs = new Set([...dbsOf(found), ...dbsOf({ ...found, ...set })]);
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
            $addToSet: { unfolded: { $each: [...dbs] } },
            $push: { outbox: { $each: entries }, ...(push.length === 0 ? {} : { history: { $each: push } }) },
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

  /** What a patch makes of a record; `restoring`: of a deleted one, which is back from today on by the same write. */
  function updateOne(
    scope: Scope,
    id: string,
    patch: RecordPatch,
    by: Actor,
    expected: number | null,
    restoring: boolean,
  ): Promise<RecordDocument> {
    if (patch.db !== undefined && !scope.dbs.has(patch.db)) throw new CodedError('NOT_FOUND', 'DB not found');
    return change(
      scope,
      id,
      expected,
      (found) => {
        const today = dayOf(clock());
        const day = patch.effective ?? today;
        const here = found.db_id.toHexString();
        let tracks: Tracks = found;
        const push: Change[] = [];
        const set: Partial<RecordDocument> = {};
        const entries: AuditEntry[] = [];
        if (restoring) {
          tracks = withRestoration(tracks, today);
          push.push(changeOf('restored', today, statusOn(tracks, today), here, by, clock()));
          Object.assign(set, { live: true, deleted_at: null });
          const { army_number } = found;
          entries.push(entryOf('record.restore', found._id, null, { army_number }, by, clock()));
        }
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
          push.push(changeOf('status', day, patch.status, here, by, clock()));
          Object.assign(before, { status: statusOn(found, day) });
          Object.assign(after, { status: patch.status, effective_date: day });
        }
        if (patch.db !== undefined && patch.db !== here) {
          tracks = withPlace(tracks, day, patch.db);
          push.push(changeOf('moved', day, statusOn(tracks, day), patch.db, by, clock()));
          set.db_id = new ObjectId(patch.db);
          Object.assign(before, { db_id: here });
          Object.assign(after, { db_id: patch.db, effective_date: day });
        }
        if (Object.keys(after).length > 0) {
          entries.push(entryOf('record.update', found._id, before, after, by, clock()));
        }
        if (entries.length === 0) return null;
        const next = { ...found, ...set };
        Object.assign(set, derivedFrom(tracks, true, today), {
          army_key: armyKey(next.army_number),
          search: searchText(next),
        });
        return { set, push, entries };
      },
      { deleted: restoring },
    );
  }

  return {
    ...reader,
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

    /** NOT_FOUND, ALREADY_EXISTS, STALE, CONFLICT. What is the same already changes nothing. */
    update: (scope: Scope, id: string, patch: RecordPatch, by: Actor, expected: number | null) =>
      updateOne(scope, id, patch, by, expected, false),

    /** Takes a record off the books, from today on. NOT_FOUND. */
    remove(scope: Scope, id: string, by: Actor, expected: number | null): Promise<RecordDocument> {
      return change(scope, id, expected, (found) => {
        const day = dayOf(clock());
        const { status } = found;
        const set = {
          ...derivedFrom(withDeletion(found, day), false, day),
          status,
          live: false,
          deleted_at: clock(),
        };
        return {
          set,
          push: [changeOf('deleted', day, status, found.db_id.toHexString(), by, clock())],
          entries: [
            entryOf('record.delete', found._id, { army_number: found.army_number }, null, by, clock()),
          ],
        };
      });
    },

    /**
     * Puts a deleted record back on the books, from today on, and changes it by the same write: all of it happens
     * or nothing. NOT_FOUND; ARMY_NUMBER_TAKEN; STALE, CONFLICT.
     */
    async restore(
      scope: Scope,
      id: string,
      by: Actor,
      patch: RecordPatch = {},
      expected: number | null = null,
    ): Promise<RecordDocument> {
      try {
        return await updateOne(scope, id, patch, by, expected, true);
      } catch (error) {
        // The one place where the contract wants 409 (decision 3).
        if (error instanceof CodedError && error.code === 'ALREADY_EXISTS') {
          throw new CodedError('ARMY_NUMBER_TAKEN', error.message, { field: 'army_number' });
        }
        throw error;
      }
    },

    collection: records,
  };
}
