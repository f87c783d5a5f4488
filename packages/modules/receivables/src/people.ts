import { CodedError } from '@backoffice/core';
import type { Member, Membership, Person, UserDocument, UserRepository } from '@backoffice/platform';
import type { EngineerName } from './figures.ts';
import { byText, keyOf, type Region, regionCodes, type Scope } from './model.ts';

const everywhere: readonly string[] = ['Admin', 'Country Manager'];

/** What a membership of this system is, read with care: a region that there is not is none. */
export function readMembership({ role, region, department }: Membership) {
  return {
    role,
    region: regionCodes.find((code) => code === region) ?? null,
    department: typeof department === 'string' ? department : null,
  };
}

function regionOf(user: Pick<UserDocument, 'memberships'>): Region | null {
  const membership = user.memberships.receivables;
  return membership === undefined ? null : readMembership(membership).region;
}

/** What a member may change (decision 27): all regions, or the own one; without one, nothing. */
export function writeScope(member: Member): Scope {
  if (everywhere.includes(member.role)) return { regions: null };
  const { region } = readMembership(member.membership);
  return { regions: region === null ? [] : [region] };
}

/** What a member may read: the same, unless the setting opens reading to all. */
export function readScope(member: Member, setting: 'own' | 'all'): Scope {
  return setting === 'all' ? { regions: null } : writeScope(member);
}

/**
 * Everybody who looks after customers or once did: the figures of those who have left or have another role now
 * stay theirs. Only who is an engineer today has a region here, and so is listed without any figures too.
 */
export function engineersOf(people: readonly Person[]): EngineerName[] {
  const named = people.map((user) => {
    const region = isEngineer(user) ? regionOf(user) : null;
    return { id: user._id.toHexString(), name: user.name, region };
  });
  return named.sort((a, b) => byText(a.name, b.name) || byText(a.id, b.id));
}

function isEngineer({ status, memberships }: Pick<UserDocument, 'status' | 'memberships'>): boolean {
  return status === 'active' && memberships.receivables?.role === 'Engineer';
}

async function activeEngineers(users: UserRepository): Promise<UserDocument[]> {
  const members = await users.listMembers('receivables', ['Engineer']);
  return members.filter(isEngineer);
}

/** Finds the one engineer of a region by name, compared without case; null when there is none, or two. */
export async function engineersByName(users: UserRepository) {
  const engineers = await activeEngineers(users);
  return (region: Region, name: string): string | null => {
    const found = engineers.filter((user) => regionOf(user) === region && keyOf(user.name) === name);
    return found.length === 1 ? found[0]!._id.toHexString() : null;
  };
}

/** The engineer to assign: a user id or a name that is unique in the regions. ENGINEER_UNKNOWN (decision 28). */
export async function findEngineer(
  users: UserRepository,
  regions: readonly Region[],
  asked: { engineerId?: string; engineerName?: string },
): Promise<string> {
  const engineers = (await activeEngineers(users)).filter((user) => {
    const region = regionOf(user);
    return region !== null && regions.includes(region);
  });
  const byId = engineers.find((user) => user._id.toHexString() === asked.engineerId?.toLowerCase());
  if (byId !== undefined) return byId._id.toHexString();
  const name = keyOf(asked.engineerName ?? asked.engineerId ?? '');
  const byName = engineers.filter((user) => keyOf(user.name) === name);
  if (byName.length !== 1) throw new CodedError('ENGINEER_UNKNOWN');
  return byName[0]!._id.toHexString();
}
