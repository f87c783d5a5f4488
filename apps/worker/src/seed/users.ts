import {
  createPasswords,
  createUserRepository,
  type Membership,
  type Platform,
  type SystemName,
} from '@backoffice/platform';

import type { SeedUser } from './module-seed.ts';

interface Options {
  db: Platform['db'];
  users: readonly (SeedUser & { system: SystemName })[];
  password: string;
  /** Whether a user who is there and has another password gets this one again. */
  resetPasswords: boolean;
}

/**
 * Creates the users who are missing; one of several systems gets a membership in each. A user who exists
 * keeps everything but, where asked for, the password, so that a second start ends nobody's sign-in.
 * Gives the number of users created or changed.
 */
export async function seedUsers({ db, users, password, resetPasswords }: Options): Promise<number> {
  const repository = createUserRepository(db);
  const passwords = createPasswords();
  // At this cost a hash takes a quarter of a second: all share one, and equal hashes are compared once.
  let hash: Promise<string> | undefined;
  const compared = new Map<string, Promise<boolean>>();
  const fits = (stored: string) => {
    const known = compared.get(stored) ?? passwords.matches(password, stored);
    compared.set(stored, known);
    return known;
  };

  let changed = 0;
  for (const { email, name, contact, memberships } of byEmail(users).values()) {
    const stored = await repository.findByEmail(email);
    // Whom somebody has removed does not come back with the next start.
    if (stored === null && (await repository.wasRemoved(email))) continue;
    if (stored === null) {
      hash ??= passwords.hash(password);
      await repository.upsertUser({ email, name, contact, memberships, passwordHash: await hash });
      changed += 1;
    } else if (resetPasswords && !(await fits(stored.passwordHash))) {
      hash ??= passwords.hash(password);
      await repository.updatePassword(stored._id, await hash);
      changed += 1;
    }
  }
  return changed;
}

type Person = Omit<SeedUser, 'membership'> & { memberships: Partial<Record<SystemName, Membership>> };

function byEmail(users: Options['users']): Map<string, Person> {
  const people = new Map<string, Person>();
  for (const { system, membership, ...person } of users) {
    const known = people.get(person.email) ?? { ...person, memberships: {} };
    known.memberships[system] = membership;
    people.set(person.email, known);
  }
  return people;
}
