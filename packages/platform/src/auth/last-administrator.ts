import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@backoffice/core';
import type { Collection, Db } from 'mongodb';
import type { SystemName } from '../http/module.ts';
import type { UserChange, UserDocument, UserRepository } from './users.ts';

/** The roles that administer each system. */
export type AdministratorRoles = ReadonlyMap<SystemName, readonly string[]>;

/** Whoever was about to let somebody go and died does not keep others waiting for longer. */
const abandonedMs = 10_000;
const attempts = 6;

/** The systems that a user administers now. */
export function administeredBy(
  { status, memberships }: Pick<UserDocument, 'status' | 'memberships'>,
  roles: AdministratorRoles,
): SystemName[] {
  if (status !== 'active') return [];
  return [...roles]
    .filter(([system, names]) => names.includes(memberships[system]?.role ?? ''))
    .map(([system]) => system);
}

/**
 * Changes after which a user administers fewer systems, so that each system keeps an active administrator, also
 * when two of them let each other go at the same moment.
 *
 * There is no transaction over two users. So whoever goes is marked first, then those who would stay are counted,
 * without anybody who is marked, and only then the change is made, in the write that takes the mark away. Of two
 * who do this at once at least one counts after the other has marked. Where both see each other, both step back
 * and try again at different times.
 */
export function createDepartures(
  db: Db,
  users: UserRepository,
  clock: () => Date,
  roles: AdministratorRoles,
) {
  const collection: Collection<UserDocument> = db.collection('users');

  async function mark(seen: UserDocument, token: string): Promise<boolean> {
    const at = clock();
    const marked = await collection.updateOne(
      { _id: seen._id, version: seen.version, leaving: { $exists: false } },
      { $set: { leaving: { token, at } } },
    );
    return marked.modifiedCount === 1;
  }

  async function isChanged(seen: UserDocument): Promise<boolean> {
    const same = { _id: seen._id, version: seen.version };
    return (await collection.countDocuments(same, { limit: 1 })) === 0;
  }

  async function unmark(token: string): Promise<void> {
    await collection.updateOne({ 'leaving.token': token }, { $unset: { leaving: true } });
  }

  /** A mark that was left behind is taken away before anybody counts on its bearer: its owner can't use it then. */
  async function removeAbandoned(): Promise<void> {
    const before = new Date(clock().getTime() - abandonedMs);
    await collection.updateMany({ 'leaving.at': { $lt: before } }, { $unset: { leaving: true } });
  }

  /** Of these systems, one that nobody would administer any more. */
  async function orphaned(seen: UserDocument, systems: readonly SystemName[]): Promise<boolean> {
    for (const system of systems) {
      const stays = await collection.findOne(
        {
          _id: { $ne: seen._id },
          status: 'active',
          [`memberships.${system}.role`]: { $in: [...(roles.get(system) ?? [])] },
          leaving: { $exists: false },
        },
        { projection: { _id: 1 } },
      );
      if (stays === null) return true;
    }
    return false;
  }

  /**
   * The same as `compareAndSet` of the users (null when somebody else was faster), for a change that may take
   * administration from the user. LAST_ADMINISTRATOR.
   */
  return async function change(seen: UserDocument, wanted: UserChange): Promise<UserDocument | null> {
    const after = { ...seen, ...wanted.set };
    const keeps = new Set(administeredBy(after, roles));
    const lost = administeredBy(seen, roles).filter((system) => !keeps.has(system));
    if (lost.length === 0) return users.compareAndSet(seen, wanted);

    for (let attempt = 1; ; attempt += 1) {
      const token = randomBytes(12).toString('hex');
      await removeAbandoned();
      const marked = await mark(seen, token);
      // Somebody else has changed the user; who only has a mark on the user may step back.
      if (!marked && (await isChanged(seen))) return null;
      try {
        const alone = !marked || (await orphaned(seen, lost));
        if (!alone) return await users.compareAndSet(seen, wanted, token);
      } finally {
        // Gone already where the change was made.
        await unmark(token);
      }
      // Those who would stay may only be marked: by somebody who steps back, too.
      if (attempt === attempts) throw new CodedError(marked ? 'LAST_ADMINISTRATOR' : 'CONFLICT');
      await delay(Math.random() * 20 * 2 ** attempt);
    }
  };
}
