import { type Collection, type Db, ObjectId } from 'mongodb';
import type { AuditEntry, Audited } from '../audit/outbox.ts';
import type { Idempotency } from '../http/idempotency.ts';
import type { SystemName } from '../http/module.ts';
import type { Membership } from './member.ts';

export type Memberships = Partial<Record<SystemName, Membership>>;

/** One person, whichever systems they use. */
export interface UserDocument extends Audited {
  _id: ObjectId;
  name: string;
  /** Lower-case, unique. Null for who was removed, and for who signs in to a system by another name. */
  email: string | null;
  /** The address of who was removed: kept for the reader of old records, free for others. */
  formerEmail?: string;
  passwordHash: string;
  /** Whoever is removed stays as a name in figures and in the audit, and can never sign in again. */
  status: 'active' | 'disabled' | 'removed';
  /** A token carries the version it was issued under; raising it ends every older token. */
  tokenVersion: number;
  /** Rises with every change of what an administrator sees; a sign-in is none. */
  version: number;
  contact: string;
  memberships: Memberships;
  /** What memberships were when they ended. */
  formerMemberships?: Memberships;
  createdAt: Date;
  lastLoginAt: Date | null;
  /** Of the request that created the user. */
  idempotency?: Idempotency;
  /** There while it is decided whether an administrator may go (see last-administrator.ts). */
  leaving?: { token: string; at: Date };
}

export type NewUser = Pick<UserDocument, 'name' | 'passwordHash' | 'contact' | 'memberships'> & {
  email: string;
};

/** What a compare-and-set of a user does beside raising the version. */
export interface UserChange {
  set?: Partial<Omit<UserDocument, '_id' | 'version' | 'tokenVersion' | 'outbox'>>;
  unset?: readonly (keyof UserDocument)[];
  /** Ends every token issued before. */
  endTokens?: boolean;
  entry: AuditEntry;
}

export type UserRepository = ReturnType<typeof createUserRepository>;

/** The form in which an e-mail address is stored and looked up. */
export function normalEmail(email: string): string {
  return email.normalize('NFC').trim().toLowerCase();
}

/** The id that a text is, or null. */
export function userIdOf(text: string): ObjectId | null {
  return /^[0-9a-f]{24}$/i.test(text) ? new ObjectId(text) : null;
}

export function createUserRepository(db: Db, clock: () => Date = () => new Date()) {
  const users: Collection<UserDocument> = db.collection('users');

  /** The user with that id, or null; null too for text that is no id. */
  async function findById(id: string): Promise<UserDocument | null> {
    const _id = userIdOf(id);
    return _id === null ? null : users.findOne({ _id }, { projection: { outbox: 0, idempotency: 0 } });
  }

  /** The users with these ids, by id; text that is no id is nobody's. */
  async function findByIds(ids: readonly string[]): Promise<Map<string, UserDocument>> {
    const wanted = ids.filter((id) => /^[0-9a-f]{24}$/i.test(id)).map((id) => new ObjectId(id));
    // Asked for on every request: without what only the audit and repeated creations need.
    const projection = { outbox: 0, idempotency: 0 };
    const found = await users.find({ _id: { $in: wanted } }, { projection }).toArray();
    return new Map(found.map((user) => [user._id.toHexString(), user]));
  }

  async function findByEmail(email: string): Promise<UserDocument | null> {
    return users.findOne({ email: normalEmail(email) });
  }

  /** Whether a user who was removed had that address. */
  async function wasRemoved(email: string): Promise<boolean> {
    return (await users.countDocuments({ formerEmail: normalEmail(email) }, { limit: 1 })) === 1;
  }

  /** The members of a system, active or disabled, in order of name; of some roles only when asked. */
  async function listMembers(system: SystemName, roles?: readonly string[]): Promise<UserDocument[]> {
    const role = roles === undefined ? { $exists: true } : { $in: [...roles] };
    return users
      .find({ [`memberships.${system}.role`]: role }, { projection: { outbox: 0 } })
      .sort({ name: 1, _id: 1 })
      .toArray();
  }

  /** Those who were members of a system and are not any more, in order of name. */
  async function listFormer(system: SystemName): Promise<UserDocument[]> {
    return users
      .find(
        {
          [`formerMemberships.${system}.role`]: { $type: 'string' },
          [`memberships.${system}.role`]: { $exists: false },
        },
        { projection: { outbox: 0 } },
      )
      .sort({ name: 1, _id: 1 })
      .toArray();
  }

  /** Everybody who is or was a member, in order of name: figures keep the names of those who left. */
  async function listPeople(
    system: SystemName,
  ): Promise<Pick<UserDocument, '_id' | 'name' | 'status' | 'memberships'>[]> {
    return users
      .find({
        $or: [
          { [`memberships.${system}.role`]: { $exists: true } },
          { [`formerMemberships.${system}.role`]: { $type: 'string' } },
        ],
      })
      .project<Pick<UserDocument, '_id' | 'name' | 'status' | 'memberships'>>({
        name: 1,
        status: 1,
        memberships: 1,
      })
      .sort({ name: 1, _id: 1 })
      .toArray();
  }

  /**
   * Creates the user, or brings an existing one (same e-mail) to the given state. Safe to repeat. The
   * `tokenVersion` rises on an existing user, because the password may be another one now.
   */
  async function upsertUser(user: NewUser, entry?: AuditEntry): Promise<UserDocument & { email: string }> {
    const { email, ...rest } = user;
    const stored = await users.findOneAndUpdate(
      { email: normalEmail(email) },
      {
        $set: { ...rest, status: 'active' },
        $inc: { tokenVersion: 1, version: 1 },
        $setOnInsert: { createdAt: clock(), lastLoginAt: null },
        ...(entry === undefined ? {} : { $push: { outbox: entry } }),
      },
      { upsert: true, returnDocument: 'after' },
    );
    return stored as UserDocument & { email: string };
  }

  /** Rejects with MongoDB's duplicate key where the e-mail or the `Idempotency-Key` is there already. */
  async function insertUser(
    user: NewUser & { idempotency?: Idempotency | undefined },
    entryOf: (id: ObjectId) => AuditEntry,
  ): Promise<UserDocument> {
    const _id = new ObjectId();
    const { idempotency, ...rest } = user;
    const document: UserDocument = {
      _id,
      ...rest,
      email: normalEmail(user.email),
      status: 'active',
      tokenVersion: 1,
      version: 1,
      createdAt: clock(),
      lastLoginAt: null,
      ...(idempotency === undefined ? {} : { idempotency }),
      outbox: [entryOf(_id)],
    };
    await users.insertOne(document);
    return document;
  }

  async function findByIdempotencyKey(key: string): Promise<UserDocument | null> {
    return users.findOne({ 'idempotency.key': key });
  }

  /**
   * Changes the user if nobody else has since `seen` was read, and puts the entry into the outbox in the same
   * write. Null when somebody has. `leavingToken` is that of an administrator's leave (last-administrator.ts).
   */
  async function compareAndSet(
    seen: UserDocument,
    { set, unset = [], endTokens = false, entry }: UserChange,
    leavingToken?: string,
  ): Promise<UserDocument | null> {
    const gone = leavingToken === undefined ? unset : [...unset, 'leaving' as const];
    return users.findOneAndUpdate(
      {
        _id: seen._id,
        version: seen.version,
        ...(leavingToken === undefined ? {} : { 'leaving.token': leavingToken }),
      },
      {
        ...(set === undefined ? {} : { $set: set }),
        ...(gone.length === 0 ? {} : { $unset: Object.fromEntries(gone.map((name) => [name, true])) }),
        $inc: { version: 1, ...(endTokens ? { tokenVersion: 1 } : {}) },
        $push: { outbox: entry },
      } as never,
      { returnDocument: 'after', projection: { outbox: 0 } },
    );
  }

  async function updateLastLogin(id: ObjectId): Promise<void> {
    await users.updateOne({ _id: id }, { $set: { lastLoginAt: clock() } });
  }

  /** Sets the password and ends every token issued before. False when there is no such user. */
  async function updatePassword(id: ObjectId, passwordHash: string, entry?: AuditEntry): Promise<boolean> {
    const result = await users.updateOne(
      { _id: id },
      {
        $set: { passwordHash },
        $inc: { tokenVersion: 1, version: 1 },
        ...(entry === undefined ? {} : { $push: { outbox: entry } }),
      },
    );
    return result.matchedCount === 1;
  }

  /** Enables or disables; disabling ends every token for good, not only until the user is enabled again. */
  async function updateStatus(id: ObjectId, status: UserDocument['status']): Promise<boolean> {
    const result = await users.updateOne(
      { _id: id },
      { $set: { status }, $inc: { tokenVersion: 1, version: 1 } },
    );
    return result.matchedCount === 1;
  }

  /** Sets what a system knows of a user; null ends the membership. Takes effect on the next request. */
  async function updateMembership(
    id: ObjectId,
    system: SystemName,
    membership: Membership | null,
  ): Promise<boolean> {
    const path = `memberships.${system}`;
    const version = { $add: [{ $ifNull: ['$version', 0] }, 1] };
    const result = await users.updateOne(
      { _id: id },
      membership === null
        ? [{ $set: { [`formerMemberships.${system}`]: `$${path}`, version } }, { $unset: path }]
        : [{ $set: { [path]: { $literal: membership }, version } }],
    );
    return result.matchedCount === 1;
  }

  return {
    findById,
    findByIds,
    findByEmail,
    findByIdempotencyKey,
    wasRemoved,
    listMembers,
    listFormer,
    listPeople,
    upsertUser,
    insertUser,
    compareAndSet,
    updateLastLogin,
    updatePassword,
    updateStatus,
    updateMembership,
  };
}
