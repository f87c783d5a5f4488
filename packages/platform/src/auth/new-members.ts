import { CodedError } from '@backoffice/core';
import type { AuditEntry } from '../audit/outbox.ts';
import { createOnce, type Idempotency } from '../http/idempotency.ts';
import type { SystemName } from '../http/module.ts';
import type { Membership } from './member.ts';
import type { PasswordStrength } from './password-strength.ts';
import type { Passwords } from './passwords.ts';
import { normalEmail } from './sign-in-names.ts';
import { armyNumberTaken, assertArmyNumber, emailTaken, takenName } from './taken-names.ts';
import type { Administrator } from './user-admin.ts';
import type { UserDocument, UserRepository } from './users.ts';

/** Somebody new, who signs in by e-mail or by army number. */
export interface NewMember {
  name: string;
  email?: string | null;
  armyNumber?: string | null;
  contact?: string;
  password: string;
  membership: Membership;
}

const attempts = 5;

/** How somebody becomes a member of a system: as a new user, or as one who uses another system already. */
export function createNewMembers(
  system: SystemName,
  options: {
    users: UserRepository;
    passwords: Passwords;
    strength: PasswordStrength;
    byArmyNumber: ReadonlySet<string>;
    entry: (
      by: Administrator,
      action: string,
      id: string,
      before: object | null,
      after: object | null,
    ) => AuditEntry;
  },
) {
  const { users, passwords, strength, byArmyNumber, entry } = options;

  async function takenAlready(email: string | null, armyNumber: string | null): Promise<CodedError | null> {
    if (email !== null && (await users.findByEmail(email)) !== null) return emailTaken();
    if (armyNumber === null || (await users.findByArmyNumber(armyNumber)) === null) return null;
    return armyNumberTaken();
  }

  return {
    /**
     * EMAIL_TAKEN, ARMY_NUMBER_TAKEN, WEAK_PASSWORD, INVALID_REQUEST for an army number of white space alone or a
     * password over 72 bytes, IDEMPOTENCY_KEY_REUSED. `replayed`: the same request created the user earlier.
     */
    async create(
      by: Administrator,
      given: NewMember,
      idempotency: Idempotency | null,
    ): Promise<{ user: UserDocument; replayed: boolean }> {
      const { name, email = null, armyNumber = null, contact = '', password, membership } = given;
      if (armyNumber !== null) assertArmyNumber(armyNumber);
      const { made: user, replayed } = await createOnce(idempotency, users.findByIdempotencyKey, async () => {
        // The index decides; this spares the costly hash.
        const taken = await takenAlready(email, armyNumber);
        if (taken !== null) throw taken;
        passwords.assertCheckable(password);
        await strength.assertStrong(password, [name, email ?? '', armyNumber ?? '', system]);
        const passwordHash = await passwords.hash(password);
        const memberships = { [system]: membership };
        const number = armyNumber === null ? {} : { armyNumber };
        const person = { name, email: email === null ? null : normalEmail(email), ...number, contact };
        try {
          return await users.insertUser(
            { ...person, passwordHash, memberships, idempotency: idempotency ?? undefined },
            (id) => entry(by, 'user.create', id.toHexString(), null, { ...person, ...membership }),
          );
        } catch (error) {
          throw takenName(error) ?? error;
        }
      });
      return { user, replayed };
    },

    /**
     * Makes somebody who uses another system a member of this one. `typed`: the name by which this system's users
     * sign in. Safe to repeat. NOT_FOUND; CONFLICT for a member who is something else.
     */
    async admit(by: Administrator, typed: string, membership: Membership): Promise<UserDocument> {
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        const kind = byArmyNumber.has(system) ? 'armyNumber' : 'email';
        const seen = await users.findBySignInName(kind, typed);
        if (seen === null || seen.status === 'removed') throw new CodedError('NOT_FOUND');
        const current = seen.memberships[system];
        if (current !== undefined) {
          if (differing(current, { ...membership }) === null) return seen;
          throw new CodedError('CONFLICT', 'This person is a member of the system already.');
        }
        const changed = await users.compareAndSet(seen, {
          set: { memberships: { ...seen.memberships, [system]: membership } },
          entry: entry(by, 'user.admit', seen._id.toHexString(), null, { ...membership }),
        });
        if (changed !== null) return changed;
      }
      throw new CodedError('CONFLICT');
    },
  };
}

/** The earlier values of what differs; null when nothing does. */
export function differing(before: object, after: Record<string, unknown>): Record<string, unknown> | null {
  const old = before as Record<string, unknown>;
  const changed = Object.keys(after).filter(
    (name) => JSON.stringify(old[name]) !== JSON.stringify(after[name]),
  );
  return changed.length === 0 ? null : Object.fromEntries(changed.map((name) => [name, old[name] ?? null]));
}
