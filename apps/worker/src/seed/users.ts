import {
  createPasswords,
  createUserRepository,
  type Membership,
  type Platform,
  type SeedUser,
  type SystemName,
  signInNameOf,
} from '@backoffice/platform';

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
  for (const person of byName(users).values()) {
    const known = signInNameOf(person);
    const stored = await repository.findBySignInName(known.kind, known.name);
    // Whom somebody has removed does not come back with the next start.
    if (stored === null && (await repository.wasRemoved(known.name, known.kind))) continue;
    if (stored === null) {
      hash ??= passwords.hash(password);
      const { email = null, ...rest } = person;
      await repository.upsertUser({ ...rest, email, passwordHash: await hash });
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

function byName(users: Options['users']): Map<string, Person> {
  const people = new Map<string, Person>();
  for (const { system, membership, ...person } of users) {
    const { kind, name } = signInNameOf(person);
    const key = `${kind} ${name}`;
    const known = people.get(key) ?? { ...person, memberships: {} };
    known.memberships[system] = membership;
    people.set(key, known);
  }
  return people;
}
