import { type Collection, type Db, ObjectId } from 'mongodb';
import type { AuditEntry, Audited } from '../audit/outbox.ts';
import type { Idempotency } from '../http/idempotency.ts';
import type { SystemName } from '../http/module.ts';
import type { Membership } from './member.ts';
import { createMemberLists } from './member-lists.ts';
import { armyNumberFields, normalArmyNumber, normalEmail, type SignInKind } from './sign-in-names.ts';

export type Memberships = Partial<Record<SystemName, Membership>>;

/** One person, whichever systems they use. */
export interface UserDocument extends Audited {
  _id: ObjectId;
  name: string;
  /** Lower-case, unique. Null for who was removed, and for who signs in to a system by another name. */
  email: string | null;
  /** The address of who was removed: kept for the reader of old records, free for others. */
  formerEmail?: string;
  /** As it was entered, and as it is shown. */
  armyNumber?: string | null;
  /** Its normal form (`normalArmyNumber`), unique. Null, or left out, for who has none. */
  armyKey?: string | null;
  /** The number of who was removed, as entered and in its normal form; free for others. */
  formerArmyNumber?: string;
  formerArmyKey?: string;
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

/** Somebody without an e-mail signs in by army number. */
export type NewUser = Pick<UserDocument, 'name' | 'passwordHash' | 'contact' | 'memberships'> & {
  email: string | null;
  armyNumber?: string | null;
};

/** What a compare-and-set of a user does beside raising the version. */
export interface UserChange {
  set?: Partial<Omit<UserDocument, '_id' | 'version' | 'tokenVersion' | 'outbox'>>;
  unset?: readonly (keyof UserDocument)[];
  /** Ends every token issued before. */
  endTokens?: boolean;
  entry: AuditEntry;
}

const nameless = 'A user needs an e-mail or an army number to sign in by.';

export type UserRepository = ReturnType<typeof createUserRepository>;

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

  async function findByEmail(email: string): Promise<UserDocument | null> {
    return users.findOne({ email: normalEmail(email) });
  }

  /** The user with that army number, however it is written. */
  async function findByArmyNumber(armyNumber: string): Promise<UserDocument | null> {
    return users.findOne({ armyKey: normalArmyNumber(armyNumber) });
  }

  /** Whoever signs in by that name, in a system of that kind. */
  async function findBySignInName(kind: SignInKind, typed: string): Promise<UserDocument | null> {
    return kind === 'email' ? findByEmail(typed) : findByArmyNumber(typed);
  }

  /** Whether a user who was removed signed in by that name. */
  async function wasRemoved(typed: string, kind: SignInKind = 'email'): Promise<boolean> {
    const former =
      kind === 'email' ? { formerEmail: normalEmail(typed) } : { formerArmyKey: normalArmyNumber(typed) };
    return (await users.countDocuments(former, { limit: 1 })) === 1;
  }

  /**
   * Creates the user, or brings an existing one (same e-mail; without one, same army number) to the given state.
   * Safe to repeat. The `tokenVersion` rises on an existing user, because the password may be another one now.
   */
  async function upsertUser<U extends NewUser>(
    user: U,
    entry?: AuditEntry,
  ): Promise<UserDocument & Pick<U, 'email'>> {
    const { name, email, armyNumber = null, passwordHash, contact, memberships } = user;
    if (email === null && armyNumber === null) throw new Error(nameless);
    const stored = await users.findOneAndUpdate(
      email === null ? { armyKey: normalArmyNumber(armyNumber!) } : { email: normalEmail(email) },
      {
        $set: {
          ...{ name, passwordHash, contact, memberships },
          ...(armyNumber === null ? {} : armyNumberFields(armyNumber)),
          status: 'active',
        },
        $inc: { tokenVersion: 1, version: 1 },
        // Who is there already and uses another system may have an address.
        $setOnInsert: { createdAt: clock(), lastLoginAt: null, ...(email === null ? { email } : {}) },
        ...(entry === undefined ? {} : { $push: { outbox: entry } }),
      },
      { upsert: true, returnDocument: 'after' },
    );
    return stored as UserDocument & Pick<U, 'email'>;
  }

  /** Rejects with MongoDB's duplicate key where e-mail, army number or `Idempotency-Key` is there already. */
  async function insertUser(
    user: NewUser & { idempotency?: Idempotency | undefined },
    entryOf: (id: ObjectId) => AuditEntry,
  ): Promise<UserDocument> {
    const _id = new ObjectId();
    const { idempotency, armyNumber, ...rest } = user;
    if (user.email === null && armyNumber == null) throw new Error(nameless);
    const document: UserDocument = {
      _id,
      ...rest,
      email: user.email === null ? null : normalEmail(user.email),
      ...(armyNumber == null ? {} : armyNumberFields(armyNumber)),
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

  /**
   * Takes a value out of an array that every membership of a system has: what it names is gone. Safe to repeat:
   * whoever has lost it already is left alone. Gives the number of users changed.
   */
  async function pullFromMemberships(
    system: SystemName,
    field: string,
    value: string,
    entryOf: (id: ObjectId) => AuditEntry,
  ): Promise<number> {
    const path = `memberships.${system}.${field}`;
    let changed = 0;
    for await (const { _id } of users.find({ [path]: value }, { projection: { _id: 1 } })) {
      // One at a time: each needs an entry of its own.
      const pulled = await users.updateOne({ _id, [path]: value }, {
        $pull: { [path]: value },
        $inc: { version: 1 },
        $push: { outbox: entryOf(_id) },
      } as never);
      changed += pulled.modifiedCount;
    }
    return changed;
  }

  return {
    ...createMemberLists(users),
    findById,
    findByEmail,
    findByArmyNumber,
    findBySignInName,
    findByIdempotencyKey,
    wasRemoved,
    upsertUser,
    insertUser,
    compareAndSet,
    updateLastLogin,
    updatePassword,
    updateStatus,
    updateMembership,
    pullFromMemberships,
  };
}
