import type { Collection, Filter } from 'mongodb';
import type { SystemName } from '../http/module.ts';
import { normalArmyNumber } from './sign-in-names.ts';
import type { UserDocument } from './users.ts';

export interface MemberQuery {
  /** Left out: of every role. */
  roles?: readonly string[];
  /**
   * Those with the text as a part of one of the fields, in any letter case: `name`, `email`, `armyNumber` (with or
   * without spaces), or a field of the membership. An empty text is in all of them.
   */
  search?: { text: string; fields: readonly string[] };
  /** By name, or by when the user was created; then by id. */
  order?: 'name' | 'created';
  /** From 1. */
  page: number;
  limit: number;
}

const ofThePerson = new Set(['name', 'email', 'armyNumber']);

/** Who is a member of a system, or was. */
export function createMemberLists(users: Collection<UserDocument>) {
  /** The members of a system, active or disabled, in order of name; of some roles only when asked. */
  async function listMembers(system: SystemName, roles?: readonly string[]): Promise<UserDocument[]> {
    return users
      .find(membersOf(system, roles), { projection: { outbox: 0 } })
      .sort({ name: 1, _id: 1 })
      .toArray();
  }

  /** One page of the members, active or disabled, with the number of all that were found. */
  async function searchMembers(
    system: SystemName,
    query: MemberQuery,
  ): Promise<{ total: number; users: UserDocument[] }> {
    const { roles, search, order = 'name', page, limit } = query;
    const filter: Filter<UserDocument> = {
      ...membersOf(system, roles),
      ...(search === undefined || search.text === '' ? {} : { $or: partsOf(system, search) }),
    };
    const [total, found] = await Promise.all([
      users.countDocuments(filter),
      users
        .find(filter, { projection: { outbox: 0, idempotency: 0 } })
        .sort({ [order === 'name' ? 'name' : 'createdAt']: 1, _id: 1 })
        .skip((page - 1) * limit)
        .limit(limit)
        .toArray(),
    ]);
    return { total, users: found };
  }

  /** How many members there are; of those created from one moment on and before another, where given. */
  async function countMembers(
    system: SystemName,
    { roles, from, before }: { roles?: readonly string[]; from?: Date; before?: Date } = {},
  ): Promise<number> {
    const createdAt = {
      ...(from === undefined ? {} : { $gte: from }),
      ...(before === undefined ? {} : { $lt: before }),
    };
    const created = Object.keys(createdAt).length === 0 ? {} : { createdAt };
    return users.countDocuments({ ...membersOf(system, roles), ...created });
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

  return { listMembers, searchMembers, countMembers, listFormer };
}

function membersOf(system: SystemName, roles?: readonly string[]): Filter<UserDocument> {
  return { [`memberships.${system}.role`]: roles === undefined ? { $exists: true } : { $in: [...roles] } };
}

function partsOf(
  system: SystemName,
  { text, fields }: NonNullable<MemberQuery['search']>,
): Filter<UserDocument>[] {
  // MongoDB takes no pattern with a null character in it.
  const escaped = (wanted: string) => wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\0', '\\x00');
  const part = (wanted: string) => ({ $regex: escaped(wanted), $options: 'i' });
  const number = fields.includes('armyNumber') ? normalArmyNumber(text) : '';
  return [
    ...fields.map((field) => ({
      [ofThePerson.has(field) ? field : `memberships.${system}.${field}`]: part(text),
    })),
    ...(number === '' ? [] : [{ armyKey: part(number) }]),
  ];
}
