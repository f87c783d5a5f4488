import { type Collection, type Db, ObjectId } from 'mongodb';
import type { SystemName } from '../http/module.ts';
import type { Membership } from './member.ts';

/** One person, whichever systems they use. */
export interface UserDocument {
  _id: ObjectId;
  name: string;
  /** Lower-case, unique. */
  email: string;
  passwordHash: string;
  status: 'active' | 'disabled';
  /** A token carries the version it was issued under; raising it ends every older token. */
  tokenVersion: number;
  contact: string;
  memberships: Partial<Record<SystemName, Membership>>;
  createdAt: Date;
  lastLoginAt: Date | null;
}

export type NewUser = Pick<UserDocument, 'name' | 'email' | 'passwordHash' | 'contact' | 'memberships'>;

export type UserRepository = ReturnType<typeof createUserRepository>;

/** The form in which an e-mail address is stored and looked up. */
export function normalEmail(email: string): string {
  return email.trim().toLowerCase();
}

export function createUserRepository(db: Db, clock: () => Date = () => new Date()) {
  const users: Collection<UserDocument> = db.collection('users');

  /** The user with that id, or null; null too for text that is no id. */
  async function findById(id: string): Promise<UserDocument | null> {
    return ObjectId.isValid(id) && id.length === 24 ? users.findOne({ _id: new ObjectId(id) }) : null;
  }

  async function findByEmail(email: string): Promise<UserDocument | null> {
    return users.findOne({ email: normalEmail(email) });
  }

  /** The members of a system in order of name, of some roles only when asked. */
  async function listMembers(system: SystemName, roles?: readonly string[]): Promise<UserDocument[]> {
    const role = roles === undefined ? { $exists: true } : { $in: [...roles] };
    return users
      .find({ [`memberships.${system}.role`]: role })
      .sort({ name: 1, _id: 1 })
      .toArray();
  }

  /**
   * Creates the user, or brings an existing one (same e-mail) to the given state. Safe to repeat. The
   * `tokenVersion` rises on an existing user, because the password may be another one now.
   */
  async function upsertUser(user: NewUser): Promise<UserDocument> {
    const { email, ...rest } = user;
    const stored = await users.findOneAndUpdate(
      { email: normalEmail(email) },
      {
        $set: { ...rest, status: 'active' },
        $inc: { tokenVersion: 1 },
        $setOnInsert: { createdAt: clock(), lastLoginAt: null },
      },
      { upsert: true, returnDocument: 'after' },
    );
    return stored!;
  }

  async function updateLastLogin(id: ObjectId): Promise<void> {
    await users.updateOne({ _id: id }, { $set: { lastLoginAt: clock() } });
  }

  /** Sets the password and ends every token issued before. False when there is no such user. */
  async function updatePassword(id: ObjectId, passwordHash: string): Promise<boolean> {
    const result = await users.updateOne({ _id: id }, { $set: { passwordHash }, $inc: { tokenVersion: 1 } });
    return result.matchedCount === 1;
  }

  /** Enables or disables; disabling ends every token for good, not only until the user is enabled again. */
  async function updateStatus(id: ObjectId, status: UserDocument['status']): Promise<boolean> {
    const result = await users.updateOne({ _id: id }, { $set: { status }, $inc: { tokenVersion: 1 } });
    return result.matchedCount === 1;
  }

  /** Sets what a system knows of a user; null ends the membership. Takes effect on the next request. */
  async function updateMembership(
    id: ObjectId,
    system: SystemName,
    membership: Membership | null,
  ): Promise<boolean> {
    const path = `memberships.${system}`;
    const change =
      membership === null ? { $unset: { [path]: true as const } } : { $set: { [path]: membership } };
    const result = await users.updateOne({ _id: id }, change as never);
    return result.matchedCount === 1;
  }

  return {
    findById,
    findByEmail,
    listMembers,
    upsertUser,
    updateLastLogin,
    updatePassword,
    updateStatus,
    updateMembership,
  };
}
