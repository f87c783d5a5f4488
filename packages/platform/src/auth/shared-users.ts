import type { SystemName } from '../http/module.ts';
import type { SharedReads, SmallRead } from '../mongo/shared-reads.ts';
import { type UserDocument, userIdOf } from './users.ts';

/** Somebody as figures name them. */
export type Person = Pick<UserDocument, '_id' | 'name' | 'status' | 'memberships'>;

/** The user with that id, or null: who is calling, asked on every request. */
export function shareUsers(reads: SharedReads): (id: string) => Promise<UserDocument | null> {
  return reads.byKey<UserDocument>(
    (ids) => ({
      from: 'users',
      match: { _id: { $in: ids.map(userIdOf) } },
      // Without what only the audit and repeated creations need.
      project: { outbox: 0, idempotency: 0 },
    }),
    ({ _id }) => _id.toHexString(),
  );
}

/** Everybody who is or was a member: figures keep the names of those who left. */
export function peopleOf(system: SystemName): SmallRead {
  return {
    from: 'users',
    match: {
      $or: [
        { [`memberships.${system}.role`]: { $exists: true } },
        { [`formerMemberships.${system}.role`]: { $type: 'string' } },
      ],
    },
    project: { name: 1, status: 1, memberships: 1 },
  };
}
