import type { Audited, Idempotency } from '@backoffice/platform';
import type { ObjectId } from 'mongodb';

/** What somebody on the books may be (contract, entities). */
export const statuses = ['active', 'inactive', 'awol', 'death', 'rtu', 'posted', 'cse'] as const;
export type Status = (typeof statuses)[number];

export const roles = ['admin', 'user'] as const;
export type Role = (typeof roles)[number];

/** `YYYY-MM-DD` in the business time zone. Text order is time order. */
export type IsoDay = string;
/** The end of what has none. */
export const forever: IsoDay = '9999-12-31';

export interface Bank {
  name: string;
  sort_code: string;
}

/** What people enter of a record, under the names of the wire. */
export interface PersonnelFields {
  first_name: string;
  last_name: string;
  middle_name: string | null;
  /** As entered; compared as `armyKey` says. */
  army_number: string;
  phone_number: string;
  rank: string;
  bank: Bank;
  acct_number: string;
  sub_sector: string;
  location: string | null;
  remark: string | null;
}

/** A status from a day on, until the next entry's day. */
export interface StatusEntry {
  from: IsoDay;
  status: Status;
  /** Nobody said so: what a record begins with. Gives way to what is said of its day or of an earlier one. */
  assumed?: true;
}

/** A db from a day on, until the next entry's day. `db`: its id, hexadecimal. */
export interface PlaceEntry {
  from: IsoDay;
  db: string;
}

/** On the books from a day on (included) until another (excluded). */
export interface PresenceEntry {
  from: IsoDay;
  to: IsoDay;
}

/** The three things that decide where somebody is counted, each over time and each in order of days. */
export interface Tracks {
  statuses: StatusEntry[];
  places: PlaceEntry[];
  presence: PresenceEntry[];
}

/** Counted in one db under one status from a day on (included) until another (excluded). */
export interface Spell {
  db: string;
  status: Status;
  from: IsoDay;
  to: IsoDay;
}

export type ChangeKind = 'created' | 'imported' | 'status' | 'moved' | 'deleted' | 'restored';

/** What was recorded, when and by whom. Never rewritten: a later entry for the same day stands beside it. */
export interface Change {
  kind: ChangeKind;
  /** From which day on it counts. */
  effective: IsoDay;
  /** After it. */
  status: Status;
  db: string;
  at: Date;
  by: { userId: string; name: string };
}

/** What of a record stands in the figures of a db, and as of which version of them. */
export interface Folded {
  at: number;
  parts: string[];
}

/** What an import changed of a record that stood already. */
export interface ImportedChange {
  import_id: ObjectId;
  /** As it was, to be given back by an undo. Gone once somebody has changed the record: then it stays. */
  before?: Tracks & { fields: PersonnelFields; pristine_import?: ObjectId };
}

/** One person's record; the only document that a change of it writes to. */
export interface RecordDocument extends PersonnelFields, Tracks, Audited {
  _id: ObjectId;
  /** Where the record is now. */
  db_id: ObjectId;
  army_key: string;
  /** As of the day of the last write, or of the last planned change that has come due. */
  status: Status;
  /** The next planned change of the status: null where none is to come. */
  next_change: IsoDay | null;
  /** The searchable fields, lower case, a line each. */
  search: string;
  /** Follows from the tracks; kept for the indexes. */
  spells: Spell[];
  history: Change[];
  /** False once deleted; army numbers are unique among live records of a db. */
  live: boolean;
  created_at: Date;
  deleted_at: Date | null;
  /** Rises with every change. */
  version: number;
  /** The import that brought it. */
  import_id?: ObjectId;
  /** The same, until anything of the record is changed: only these go with an undo, or come with a publication. */
  pristine_import?: ObjectId;
  /** What imports made of it, the latest last. */
  imported?: ImportedChange[];
  /** An undo has begun to take it back. */
  erasing?: true;
  /** Taken back: as if it had never been, and removed when nothing refers to it any more. */
  erased?: true;
  /** By db: what the figures there hold of it. */
  folded: Record<string, Folded>;
  /** The dbs whose figures do not hold its present state yet. */
  unfolded: string[];
  idempotency?: Idempotency;
}

/** A logical database. Deleted, it takes its records out of sight without touching them. */
export interface DbDocument extends Audited {
  _id: ObjectId;
  name: string;
  short_code: string;
  description: string;
  created_at: Date;
  deleted_at: Date | null;
  /** Imports whose untouched records nobody sees: not published yet, or being taken back. */
  hidden_imports: ObjectId[];
  version: number;
  idempotency?: Idempotency;
}

/** A db within reach. */
export type Reachable = Pick<DbDocument, '_id' | 'name' | 'short_code' | 'hidden_imports'>;

/** What a caller may see: the live dbs that they reach, by id. The first parameter of every call for records. */
export interface Scope {
  dbs: ReadonlyMap<string, Reachable>;
}

/** Who changes something, and in which request. */
export interface Actor {
  userId: string;
  name: string;
  requestId: string;
}

/** Under what an army number is compared: without white space, in upper case (decision 2). */
export function armyKey(armyNumber: string): string {
  return armyNumber.normalize('NFC').replace(/\s+/gu, '').toUpperCase();
}

/** What a search for a part of one field looks into (decision 13): no part can reach over a line's end. */
export function searchText(
  fields: Pick<PersonnelFields, 'first_name' | 'last_name' | 'middle_name' | 'army_number'>,
): string {
  const { first_name, last_name, middle_name, army_number } = fields;
  return [first_name, last_name, middle_name ?? '', army_number, armyKey(army_number)]
    .map(foldCase)
    .join('\n');
}

/** The form in which texts are searched. */
export function foldCase(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').toLowerCase();
}
