import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type AuditEntry, auditEntry } from '../audit/outbox.ts';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';
import { isDuplicateKey } from '../mongo/duplicate-key.ts';
import { pendingMigrations } from '../mongo/migrations.ts';
import { platformMigrations } from '../mongo/platform-migrations.ts';
import { administeredBy } from './last-administrator.ts';
import { type Membership, membershipOf } from './member.ts';
import { createPasswordStrength } from './password-strength.ts';
import { createPasswords } from './passwords.ts';
import { normalArmyNumber, normalEmail, type SignInKind } from './sign-in-names.ts';
import { createUserRepository, type UserDocument } from './users.ts';

const usage = `Usage: npm run first-admin -- --system <system> --email <address> --name "<name>"
  --army-number <number>   in place of --email, where the system's users sign in by it
  --password-file <path>   read the password from a file, or from standard input where the path is -;
                           else it is asked for, twice
  --another                also when the system has an active administrator
  --existing               the person uses another system already, and keeps name and password`;

/** A password is never an argument: every process of the machine can read those, and the shell keeps them. */
const options = {
  system: { type: 'string' },
  email: { type: 'string' },
  'army-number': { type: 'string' },
  name: { type: 'string' },
  'password-file': { type: 'string' },
  another: { type: 'boolean', default: false },
  existing: { type: 'boolean', default: false },
} as const;

export interface FirstAdministratorSources {
  modules: readonly SystemModule[];
  /** The new password: from that file, from standard input (`-`), or (null) asked for at the terminal. */
  readPassword: (file: string | null) => Promise<string>;
  say: (sentence: string) => void;
}

const words: Readonly<Record<SignInKind, string>> = { email: 'e-mail', armyNumber: 'army number' };
const flags: Readonly<Record<SignInKind, string>> = { email: '--email', armyNumber: '--army-number' };

/** What keeps the command from its work, as a sentence for the terminal. */
class Refusal extends Error {}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch {
    // The parser's own text repeats what was typed, and that may be a password.
    return null;
  }
}

/**
 * Makes an administrator of a system where nobody could: the first one, or `--another` after all who knew a
 * password have left. Gives the exit code: 0, 1 when refused, 2 for arguments that are none.
 */
export async function runFirstAdministratorCommand(
  platform: Pick<Platform, 'db' | 'clock'>,
  args: readonly string[],
  sources: FirstAdministratorSources,
): Promise<number> {
  const { modules, say } = sources;
  const given = parse(args);
  const { system, email, name = '', existing = false } = given ?? {};
  const typed = email ?? given?.['army-number'];
  const both = email !== undefined && given?.['army-number'] !== undefined;
  if (
    given === null ||
    system === undefined ||
    typed === undefined ||
    both ||
    (name.trim() === '' && !existing)
  ) {
    say(usage);
    return 2;
  }
  try {
    const module = modules.find((each) => each.name === system);
    if (module === undefined) {
      const names = modules.map((each) => each.name).join(', ');
      throw new Refusal(`There is no system of that name; there is: ${names}.`);
    }
    const kind = module.signInBy ?? 'email';
    if ((kind === 'email') !== (email !== undefined)) {
      throw new Refusal(`Users of ${module.title} sign in by ${words[kind]}; give ${flags[kind]}.`);
    }
    await assertReady(platform, module, given.another);
    const user = existing
      ? await promote(platform, module, typed)
      : await create(platform, module, { typed, name: name.trim() }, () =>
          sources.readPassword(given['password-file'] ?? null),
        );
    say(`${user.name} <${user[kind]}> is ${module.administrators[0]} of ${module.title}.`);
    return 0;
  } catch (error) {
    if (!(error instanceof Refusal) && (error as Error).name !== 'CodedError') throw error;
    say((error as Error).message);
    return 1;
  }
}

async function assertReady(
  { db }: Pick<Platform, 'db'>,
  module: SystemModule,
  another: boolean,
): Promise<void> {
  const pending = await pendingMigrations(db, [...platformMigrations, ...module.migrations]);
  // Without its index one address could be there twice.
  if (pending.length > 0) throw new Refusal('The database is not up to date; run "npm run migrate latest".');
  const administrators = await createUserRepository(db).listMembers(module.name, module.administrators);
  const active = administrators.find(({ status }) => status === 'active');
  if (active === undefined || another) return;
  throw new Refusal(
    `${module.title} has an active administrator (${active[module.signInBy ?? 'email']}), who can create others. To create one all the same, add --another.`,
  );
}

/** Of the role that administers the system. */
function administration(module: SystemModule, name: string): Membership {
  const role = module.administrators[0]!;
  return module.newMembership?.({ role, name }) ?? membershipOf(module, { role });
}

function entryOf(
  { clock }: Pick<Platform, 'clock'>,
  module: SystemModule,
  action: string,
  id: string,
  after: object,
): AuditEntry {
  return auditEntry({
    system: module.name,
    // Whoever works at the server's own terminal; no user has done this.
    actor: { userId: 'first-admin', name: 'Command first-admin' },
    action,
    object: { type: 'user', id },
    before: null,
    after: after as AuditEntry['after'],
    requestId: `first-admin-${randomBytes(6).toString('hex')}`,
    at: clock(),
  });
}

/** The e-mail in its normal form, or the army number as it is to be shown. */
function checkedName(kind: SignInKind, typed: string): string {
  if (kind === 'armyNumber') {
    if (normalArmyNumber(typed) === '' || typed.length > 100) throw new Refusal('The army number is none.');
    return typed.trim();
  }
  const email = normalEmail(typed);
  if (!/^[^\s@]+@[^\s@]+$/.test(email) || email.length > 320) {
    throw new Refusal('The e-mail address is none.');
  }
  return email;
}

/** Everything that can be refused is, before somebody thinks up a password. */
async function create(
  platform: Pick<Platform, 'db' | 'clock'>,
  module: SystemModule,
  { typed, name }: { typed: string; name: string },
  readPassword: () => Promise<string>,
): Promise<UserDocument> {
  const { signInBy: kind = 'email', title } = module;
  const signInName = checkedName(kind, typed);
  const users = createUserRepository(platform.db, platform.clock);
  const taken = new Refusal(
    `There is a user with that ${words[kind]} already. Who uses another system is made administrator with --existing.`,
  );
  if ((await users.findBySignInName(kind, signInName)) !== null) throw taken;

  const password = await readPassword();
  const strength = createPasswordStrength();
  try {
    const passwords = createPasswords();
    passwords.assertCheckable(password);
    await strength.assertStrong(password, [name, signInName, title]);
    const membership = administration(module, name);
    const person =
      kind === 'email' ? { name, email: signInName } : { name, email: null, armyNumber: signInName };
    return await users.insertUser(
      {
        ...person,
        contact: '',
        passwordHash: await passwords.hash(password),
        memberships: { [module.name]: membership },
      },
      (id) => entryOf(platform, module, 'user.create', id.toHexString(), { ...person, ...membership }),
    );
  } catch (error) {
    throw isDuplicateKey(error) ? taken : error;
  } finally {
    await strength.close();
  }
}

/** Gives somebody who is there the membership of an administrator; nothing else of theirs changes. */
async function promote(
  platform: Pick<Platform, 'db' | 'clock'>,
  module: SystemModule,
  typed: string,
): Promise<UserDocument> {
  const { signInBy: kind = 'email' } = module;
  const users = createUserRepository(platform.db, platform.clock);
  const seen = await users.findBySignInName(kind, typed);
  if (seen === null) throw new Refusal(`There is no user with that ${words[kind]}.`);
  if (seen.status !== 'active') {
    throw new Refusal('That user is disabled. Take another, or create a new one without --existing.');
  }
  const roles = new Map([[module.name, module.administrators]]);
  if (administeredBy(seen, roles).length > 0) return seen;
  const membership = {
    ...administration(module, seen.name),
    ...seen.memberships[module.name],
    role: module.administrators[0]!,
  };
  const changed = await users.compareAndSet(seen, {
    set: { memberships: { ...seen.memberships, [module.name]: membership } },
    entry: entryOf(platform, module, 'user.admit', seen._id.toHexString(), membership),
  });
  if (changed === null) throw new Refusal('Somebody else changed that user just now. Please repeat.');
  return changed;
}
