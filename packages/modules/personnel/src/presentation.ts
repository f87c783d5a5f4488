import type { UserDocument } from '@backoffice/platform';
import type { DbDocument, RecordDocument, Scope } from './model.ts';
import { readMembership } from './people.ts';
import type { ShownRecord } from './repository/record-reader.ts';

// What goes out, under the names and in the order of the contract.

export function dbView({ _id, name, short_code, description, created_at }: DbDocument) {
  return { id: _id.toHexString(), name, short_code, description, created_at: created_at.toISOString() };
}
export type DbView = ReturnType<typeof dbView>;

/** The live dbs by id, for `allowed_dbs` of users. */
export function dbsById(dbs: readonly DbDocument[]): ReadonlyMap<string, DbView> {
  return new Map(dbs.map((db) => [db._id.toHexString(), dbView(db)]));
}

/** A user without anything secret. Dbs that are gone are left out. */
export function userView(user: UserDocument, dbs: ReadonlyMap<string, DbView>) {
  const { role, firstName, lastName, allowedDbs, accessAllDb, isGenerated } = readMembership(
    user.memberships.personnel!,
  );
  return {
    id: user._id.toHexString(),
    first_name: firstName,
    last_name: lastName,
    army_number: user.armyNumber ?? '',
    role,
    allowed_dbs: allowedDbs.map((id) => dbs.get(id)).filter((db) => db !== undefined),
    access_all_db: accessAllDb,
    is_generated: isGenerated,
    created_at: user.createdAt.toISOString(),
  };
}

export function recordView(record: ShownRecord) {
  const { name, sort_code } = record.bank;
  return {
    id: record._id.toHexString(),
    first_name: record.first_name,
    last_name: record.last_name,
    middle_name: record.middle_name,
    army_number: record.army_number,
    phone_number: record.phone_number,
    rank: record.rank,
    bank: { name, sort_code },
    acct_number: record.acct_number,
    sub_sector: record.sub_sector,
    location: record.location,
    remark: record.remark,
    status: record.status,
    db_id: record.db_id.toHexString(),
    created_at: record.created_at.toISOString(),
    isDeleted: !record.live,
  };
}

export function deletedView(record: RecordDocument) {
  return { ...recordView(record), deleted_at: (record.deleted_at ?? record.created_at).toISOString() };
}

/** What was recorded of somebody, in the order of recording. A db out of the caller's sight is not named. */
export function historyView({ history }: Pick<RecordDocument, 'history'>, { dbs }: Scope) {
  return history.map(({ effective, status, db, kind, at, by }) => ({
    effective_date: effective,
    status,
    db_id: dbs.has(db) ? db : null,
    kind,
    recorded_at: at.toISOString(),
    by: { id: by.userId, name: by.name },
  }));
}
