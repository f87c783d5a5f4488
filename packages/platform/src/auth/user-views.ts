import type { SystemModule } from '../http/module.ts';
import type { Membership } from './member.ts';
import type { SignInEntry } from './sign-in-log.ts';
import type { UserDocument } from './users.ts';

/** A user as an administrator of the system sees them: what they are in other systems is not told. */
export function userView(user: UserDocument, module: Pick<SystemModule, 'name' | 'membership' | 'signInBy'>) {
  const { _id, name, email, formerEmail, contact, status, createdAt, lastLoginAt, version } = user;
  const armyNumber = user.armyNumber ?? user.formerArmyNumber ?? null;
  const current = user.memberships[module.name];
  const membership = (current ?? user.formerMemberships?.[module.name]) as Membership;
  const known: [string, unknown][] = Object.keys(module.membership).map((key) => [
    key,
    membership[key] ?? null,
  ]);
  return {
    id: _id.toHexString(),
    name,
    ...(module.signInBy === 'armyNumber' ? { armyNumber } : {}),
    email: email ?? formerEmail ?? null,
    contact,
    // Who has left this system is gone for its administrators, whatever they are elsewhere.
    status: current === undefined ? ('removed' as const) : status,
    ...(Object.fromEntries(known) as Membership),
    otherSystems: Object.keys(user.memberships).some((system) => system !== module.name),
    createdAt: createdAt.toISOString(),
    lastLoginAt: lastLoginAt?.toISOString() ?? null,
    version: version ?? 0,
  };
}

export function signInsView(
  { total, entries }: { total: number; entries: readonly SignInEntry[] },
  page: number,
  limit: number,
) {
  const signIns = entries.map(({ at, userId, outcome, address, userAgent }) => ({
    at: at.toISOString(),
    userId: userId?.toHexString() ?? null,
    outcome,
    address,
    userAgent,
  }));
  return { total, page, limit, signIns };
}
