import { createHmac } from 'node:crypto';
import { CodedError } from '@backoffice/core';
import { ObjectId } from 'mongodb';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';
import { memberOf } from './authenticate.ts';
import { type Claim, createBackOff, type Limit, limits } from './back-off.ts';
import type { Member } from './member.ts';
import { networkOf } from './network.ts';
import type { Passwords } from './passwords.ts';
import { createSignInLog, type SignInOutcome } from './sign-in-log.ts';
import { normalName, type SignInKind } from './sign-in-names.ts';
import type { UserDocument, UserRepository } from './users.ts';

/** Where an attempt comes from. */
export interface Origin {
  /** The client's own address, as far as proxies are trusted. */
  address: string;
  userAgent: string;
}

export interface SignedIn {
  user: UserDocument;
  member: Member;
}

export interface SignIn {
  /**
   * The member with that name (the e-mail or the army number, as the system has it) and password.
   * INVALID_CREDENTIALS, the same for an unknown name, a wrong password, a disabled user and no member of the
   * system; TOO_MANY_ATTEMPTS with `retryAfterSeconds`; INVALID_REQUEST for a password that none can be.
   */
  withPassword: (origin: Origin, name: string, password: string) => Promise<SignedIn>;
  /** Whether it is the user's password, for who has signed in already. WRONG_PASSWORD, TOO_MANY_ATTEMPTS. */
  confirm: (origin: Origin, user: UserDocument, password: string) => Promise<void>;
  /** Forgets the wrong passwords of an account, everywhere: it has another password now. */
  forgive: (user: UserDocument) => Promise<void>;
}

const nobody = new ObjectId('000000000000000000000000');

/** Signing in to one system: the password, the back-off before it and the log behind it. */
export function createSignIn(
  platform: Pick<Platform, 'db' | 'clock' | 'config'>,
  { name: system, signInBy = 'email' }: Pick<SystemModule, 'name' | 'signInBy'>,
  users: UserRepository,
  passwords: Passwords,
): SignIn {
  const { db, clock, config } = platform;
  const backOff = createBackOff(db, clock);
  const log = createSignInLog(platform);
  const seal = (text: string) =>
    createHmac('sha256', config.AUDIT_KEY).update(text).digest('hex').slice(0, 32);
  // An address alone, another kind of name with its kind: no two kinds share a counter.
  const accountOf = (typed: string, kind: SignInKind = signInBy) =>
    seal(`account\n${kind === 'email' ? '' : `${kind}\n`}${normalName(kind, typed)}`);

  /**
   * Claims an attempt at every counter, then looks whether the password is right. The counters go by what was
   * typed, not by who has it: an unknown name is answered as a known one.
   */
  async function attempt(
    origin: Origin,
    name: string,
    user: UserDocument | null,
    check: () => Promise<{ good: boolean; outcome: SignInOutcome }>,
  ): Promise<{ good: boolean }> {
    const network = networkOf(origin.address);
    const account = accountOf(name);
    const known = await log.isKnown(user?._id ?? nobody, network);
    // The one that all of an office share comes last: who waits at the others must not hold a place in it.
    const counters: [string, Limit][] = [
      [`place:${account}:${network}`, limits.accountAndNetwork],
      // From where the owner has signed in before, strangers elsewhere can't keep the owner out.
      ...(known ? [] : [[`account:${account}`, limits.account] as [string, Limit]]),
      [`network:${network}`, limits.network],
    ];
    const facts = {
      system,
      userId: user?._id ?? null,
      identifier: user === null ? seal(`identifier\n${name}`) : null,
      address: origin.address,
      network,
      userAgent: origin.userAgent,
    };

    const claimed: [string, Limit][] = [];
    for (const counter of counters) {
      const claim = await backOff.claim(...counter);
      if (claim.claimed) {
        claimed.push(counter);
        continue;
      }
      await Promise.all(claimed.map(([id]) => backOff.release(id)));
      if (claim.firstOfBlock) await log.add({ ...facts, outcome: 'too_many_attempts' });
      throw tooMany(claim);
    }
    try {
      const { good, outcome } = await check();
      for (const [id, limit] of claimed) {
        if (!good) await backOff.fail(id, limit);
        else if (id.startsWith('place:')) await backOff.clear(id);
        else await backOff.release(id);
      }
      await log.add({ ...facts, outcome });
      return { good };
    } catch (error) {
      // A fault of ours is no guess of theirs.
      await Promise.all(claimed.map(([id]) => backOff.release(id).catch(() => undefined)));
      throw error;
    }
  }

  return {
    async withPassword(origin, name, password) {
      passwords.assertCheckable(password);
      const user = await users.findBySignInName(signInBy, name);
      const member = user === null ? null : memberOf(user, system);
      const { good } = await attempt(origin, name, user, async () => {
        // Compared first and always, whatever is known of the user: the time says nothing.
        const same = await passwords.matches(password, user?.passwordHash ?? null);
        const outcome = outcomeOf(user, member, same);
        return { good: outcome === 'signed_in', outcome };
      });
      if (!good || user === null || member === null) throw new CodedError('INVALID_CREDENTIALS');
      await users.updateLastLogin(user._id);
      return { user, member };
    },

    async confirm(origin, user, password) {
      passwords.assertCheckable(password);
      const name = user[signInBy] ?? user._id.toHexString();
      const { good } = await attempt(origin, name, user, async () => {
        const good = await passwords.matches(password, user.passwordHash);
        return { good, outcome: good ? 'password_confirmed' : 'wrong_password' };
      });
      if (!good) throw new CodedError('WRONG_PASSWORD', undefined, { field: 'currentPassword' });
    },

    async forgive(user) {
      // One password opens all of their systems, by whatever name.
      for (const kind of ['email', 'armyNumber'] as const) {
        const name = user[kind];
        if (name == null && kind !== signInBy) continue;
        const account = accountOf(name ?? user._id.toHexString(), kind);
        await backOff.clear(`account:${account}`);
        await backOff.clearAll(`place:${account}:`);
      }
    },
  };
}

function outcomeOf(user: UserDocument | null, member: Member | null, same: boolean): SignInOutcome {
  if (user === null) return 'unknown_user';
  if (!same) return 'wrong_password';
  if (user.status !== 'active') return 'disabled';
  return member === null ? 'not_a_member' : 'signed_in';
}

function tooMany(claim: Claim & { claimed: false }): CodedError {
  const retryAfterSeconds = Math.max(1, Math.ceil(claim.waitMs / 1_000));
  return new CodedError('TOO_MANY_ATTEMPTS', undefined, { retryAfterSeconds });
}
