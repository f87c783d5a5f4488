import { CodedError } from '@backoffice/core';
import { type AuditEntry, auditEntry } from '@backoffice/platform';
import { ObjectId } from 'mongodb';
import {
  type Actor,
  armyKey,
  type Change,
  type ChangeKind,
  type IsoDay,
  type PersonnelFields,
  type RecordDocument,
  type Status,
  searchText,
  type Tracks,
} from '../model.ts';
import { beginTracks, nextChangeAfter, spellsOf, statusOn } from '../tracks.ts';

export interface NewRecord {
  fields: PersonnelFields;
  /** The db's id, hexadecimal: within the scope and live. */
  db: string;
  /** Null: not said, and so active. */
  status: Status | null;
  idempotency?: RecordDocument['idempotency'];
}

/** What follows from the tracks on a day. */
export function derivedFrom({ statuses, places, presence }: Tracks, live: boolean, today: IsoDay) {
  const tracks = { statuses, places, presence };
  return {
    ...tracks,
    status: statusOn(tracks, today),
    // Nothing comes due for who is off the books; it is looked at again when they are back.
    next_change: live ? nextChangeAfter(tracks, today) : null,
    spells: spellsOf(tracks),
  };
}

/** What was recorded, by whom and when. */
export function changeOf(
  kind: ChangeKind,
  effective: IsoDay,
  status: Status,
  dbId: string,
  { userId, name }: Pick<Actor, 'userId' | 'name'>,
  at: Date,
): Change {
  return { kind, effective, status, db: dbId, at, by: { userId, name } };
}

/** A record that begins at a moment, which falls on that day: now, or when the file came in that it is from. */
export function newRecord(
  { fields, db: dbId, status, idempotency }: NewRecord,
  kind: 'created' | 'imported',
  by: Actor,
  { at, day }: { at: Date; day: IsoDay },
): RecordDocument {
  const tracks = beginTracks(day, dbId, status ?? 'active', status === null);
  return {
    _id: new ObjectId(),
    db_id: new ObjectId(dbId),
    ...fields,
    army_key: armyKey(fields.army_number),
    search: searchText(fields),
    ...derivedFrom(tracks, true, day),
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

/** The dbs whose figures a record is or was in. */
export function dbsOf({ db_id, spells }: Pick<RecordDocument, 'db_id' | 'spells'>): string[] {
  return [...new Set([db_id.toHexString(), ...spells.map((spell) => spell.db)])];
}

/** Whether the status is in force on that day already, from before or from then on. */
export function isOn(
  record: Pick<RecordDocument, 'statuses' | 'presence'>,
  day: IsoDay,
  status: Status,
): boolean {
  const begun = record.statuses[0]!.from <= day;
  return begun && statusOn(record, day) === status;
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

export const notFound = () => new CodedError('NOT_FOUND', 'Personnel not found');

/** In the words of the contract, and with its status (400). */
export const numberTaken = (armyNumber: string) =>
  new CodedError('ALREADY_EXISTS', `Personnel with army_number ${armyNumber} already exists in this DB`, {
    field: 'army_number',
  });
