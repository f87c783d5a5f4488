import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@backoffice/core';
import { type AuditEntry, auditEntry } from '../audit/outbox.ts';
import type { Platform } from '../data.ts';
import type { SystemName } from '../http/module.ts';
import { type AdministratorRoles, administeredBy, createDepartures } from './last-administrator.ts';
import type { Member, Membership } from './member.ts';
import { createNewMembers, differing } from './new-members.ts';
import type { PasswordStrength } from './password-strength.ts';
import type { Passwords } from './passwords.ts';
import type { SignIn } from './sign-in.ts';
import { armyNumberFields, normalEmail } from './sign-in-names.ts';
import { assertArmyNumber, takenName } from './taken-names.ts';
import type { UserChange, UserDocument, UserRepository } from './users.ts';

/** Who asks, and from which request: for the audit, and for what they may reach. */
export interface Administrator {
  member: Member;
  requestId: string;
}

export interface UserFacts {
  name?: string;
  email?: string;
  armyNumber?: string;
  contact?: string;
}

export type UserAdmin = ReturnType<typeof createUserAdmin>;

const attempts = 5;

/**
 * What administrators of one system do with its users. A person may be a member of several systems. Whoever
 * administers one of them changes the membership there; the person as such (name, e-mail, password, whether they
 * may sign in at all) only who administers every system that the person uses: a password opens all of them.
 *
 * Each change is a compare-and-set with its audit entry. NOT_FOUND for who is no member here.
 */
export function createUserAdmin(
  platform: Pick<Platform, 'db' | 'clock'>,
  system: SystemName,
  options: {
    users: UserRepository;
    passwords: Passwords;
    strength: PasswordStrength;
    signIn: Pick<SignIn, 'forgive'>;
    administrators: AdministratorRoles;
    /** The systems whose users sign in by army number. */
    byArmyNumber: ReadonlySet<string>;
  },
) {
  const { db, clock } = platform;
  const { users, passwords, strength, signIn, administrators, byArmyNumber } = options;
  const depart = createDepartures(db, users, clock, administrators);

  function entry(
    by: Administrator,
    action: string,
    id: string,
    before: object | null,
    after: object | null,
  ): AuditEntry {
    return auditEntry({
      system,
      actor: { userId: by.member.userId, name: by.member.name },
      action,
      object: { type: 'user', id },
      before: before as AuditEntry['before'],
      after: after as AuditEntry['after'],
      requestId: by.requestId,
      at: clock(),
    });
  }

  /** A member of this system, who may have left it. NOT_FOUND. */
  async function find(id: string): Promise<UserDocument> {
    const user = await users.findById(id);
    const here = user?.memberships[system] ?? user?.formerMemberships?.[system];
    if (user === null || here === undefined) throw new CodedError('NOT_FOUND');
    return user;
  }

  /** FORBIDDEN where the person uses a system that the administrator does not administer. */
  async function assertWholePerson(by: Administrator, user: UserDocument): Promise<void> {
    const others = Object.keys(user.memberships).filter((name) => name !== system);
    if (others.length === 0) return;
    const own = await users.findById(by.member.userId);
    const administered = new Set<string>(own === null ? [] : administeredBy(own, administrators));
    if (others.every((name) => administered.has(name))) return;
    throw new CodedError(
      'FORBIDDEN',
      'This person uses another system, too, which you do not administer. You can end the membership here instead.',
    );
  }

  /**
   * Reads, decides, writes if nobody else has in between; else again. `expected` is the version that the caller
   * has seen: then it is not tried again. STALE.
   */
  async function change(
    id: string,
    expected: number | null,
    decide: (user: UserDocument) => Promise<UserChange | null>,
  ): Promise<UserDocument> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const seen = await find(id);
      if (expected !== null && seen.version !== expected) throw new CodedError('STALE');
      const wanted = await decide(seen);
      if (wanted === null) return seen;
      try {
        const changed = await depart(seen, wanted);
        if (changed !== null) return changed;
      } catch (error) {
        throw takenName(error) ?? error;
      }
      await delay(Math.random() * 10 * 2 ** attempt);
    }
    throw new CodedError(expected === null ? 'CONFLICT' : 'STALE');
  }

  function assertMember(user: UserDocument): Membership {
    const membership = user.memberships[system];
    if (membership === undefined) throw new CodedError('CONFLICT', 'This user was removed.');
    return membership;
  }

  return {
    find,
    ...createNewMembers(system, { users, passwords, strength, byArmyNumber, entry }),

    /**
     * What is left out stays; what is the same already changes nothing. EMAIL_TAKEN, ARMY_NUMBER_TAKEN,
     * LAST_ADMINISTRATOR, STALE, FORBIDDEN.
     */
    async update(
      by: Administrator,
      id: string,
      { name, email, armyNumber, contact, membership }: UserFacts & { membership: Partial<Membership> },
      expected: number | null,
    ): Promise<UserDocument> {
      if (armyNumber !== undefined) assertArmyNumber(armyNumber);
      return change(id, expected, async (seen) => {
        const current = assertMember(seen);
        const person = {
          name: name ?? seen.name,
          email: email === undefined ? seen.email : normalEmail(email),
          ...(armyNumber === undefined ? {} : { armyNumber }),
          contact: contact ?? seen.contact,
        };
        const next = { ...current, ...membership };
        const before = differing({ ...seen, ...current }, { ...person, ...next });
        if (before === null) return null;
        if (Object.keys(person).some((field) => field in before)) await assertWholePerson(by, seen);
        const after = Object.fromEntries(
          Object.keys(before).map((field) => [
            field,
            ({ ...person, ...next } as Record<string, unknown>)[field],
          ]),
        );
        return {
          set: {
            ...person,
            ...(armyNumber === undefined ? {} : armyNumberFields(armyNumber)),
            memberships: { ...seen.memberships, [system]: next as Membership },
          },
          entry: entry(by, 'user.update', id, before, after),
        };
      });
    },

    /** Whether the person may sign in at all. Ends every token for good. LAST_ADMINISTRATOR, FORBIDDEN. */
    async setStatus(
      by: Administrator,
      id: string,
      status: 'active' | 'disabled',
      expected: number | null,
    ): Promise<UserDocument> {
      return change(id, expected, async (seen) => {
        assertMember(seen);
        if (seen.status === status) return null;
        await assertWholePerson(by, seen);
        const action = status === 'active' ? 'user.enable' : 'user.disable';
        return {
          set: { status },
          endTokens: true,
          entry: entry(by, action, id, { status: seen.status }, { status }),
        };
      });
    },

    /**
     * Ends every token. `membership`: what changes of it in the same write. WEAK_PASSWORD, FORBIDDEN,
     * INVALID_REQUEST for a password over 72 bytes.
     */
    async resetPassword(
      by: Administrator,
      id: string,
      password: string,
      membership: Partial<Membership> = {},
    ): Promise<UserDocument> {
      const user = await find(id);
      assertMember(user);
      await assertWholePerson(by, user);
      passwords.assertCheckable(password);
      await strength.assertStrong(password, [user.name, user.email ?? '', user.armyNumber ?? '', system]);
      const passwordHash = await passwords.hash(password);
      const changed = await change(id, null, async (seen) => {
        const next = { ...assertMember(seen), ...membership } as Membership;
        await assertWholePerson(by, seen);
        return {
          set: { passwordHash, memberships: { ...seen.memberships, [system]: next } },
          endTokens: true,
          entry: entry(by, 'user.reset-password', id, null, null),
        };
      });
      // Most are reset because somebody has forgotten theirs and now has to wait.
      await signIn.forgive(changed);
      return changed;
    },

    /** Ends every sign-in of the user. */
    async signOut(by: Administrator, id: string): Promise<UserDocument> {
      return change(id, null, async (seen) => {
        assertMember(seen);
        return { endTokens: true, entry: entry(by, 'user.sign-out', id, null, null) };
      });
    },

    /**
     * Ends the membership. Who is a member nowhere else is removed: the name stays in figures and records, the
     * e-mail is free for others. The army number is free as soon as no system is left to sign in to by it.
     * LAST_ADMINISTRATOR, STALE.
     */
    async remove(by: Administrator, id: string, expected: number | null): Promise<UserDocument> {
      return change(id, expected, async (seen) => {
        const current = seen.memberships[system];
        if (current === undefined) return null;
        const { [system]: _ended, ...memberships } = seen.memberships;
        const formerMemberships = { ...seen.formerMemberships, [system]: current };
        const last = Object.keys(memberships).length === 0;
        const gone = {
          status: 'removed',
          email: null,
          ...(seen.email === null ? {} : { formerEmail: seen.email }),
        };
        const number = seen.armyNumber == null ? {} : { armyNumber: seen.armyNumber };
        return {
          set: {
            ...{ memberships, formerMemberships },
            ...(last ? (gone as Partial<UserDocument>) : {}),
            ...(Object.keys(memberships).some((name) => byArmyNumber.has(name)) ? {} : numberGone(seen)),
          },
          endTokens: true,
          entry: entry(by, 'user.remove', id, { email: seen.email, ...number, ...current }, null),
        };
      });
    },
  };
}

/** What remains of the army number of who has left the last system to sign in to by it. */
function numberGone({ armyNumber, armyKey }: UserDocument): Partial<UserDocument> {
  if (armyNumber == null || armyKey == null) return {};
  return { ...armyNumberFields(null), formerArmyNumber: armyNumber, formerArmyKey: armyKey };
}
