import { CodedError } from '@backoffice/core';
import type { FastifyRequest } from 'fastify';
import { auditEntry } from '../audit/outbox.ts';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';
import { type Membership, requireMember } from './member.ts';
import type { PasswordStrength } from './password-strength.ts';
import type { Passwords } from './passwords.ts';
import type { Origin, SignIn } from './sign-in.ts';
import type { UserChange, UserDocument, UserRepository } from './users.ts';

export interface OwnPassword {
  currentPassword: string;
  newPassword: string;
  /** What changes of the membership in the same write. */
  membership?: Partial<Membership>;
}

export type OwnAccount = ReturnType<typeof createOwnAccount>;

const attempts = 5;

/** Where a request comes from. */
export function originOf(request: FastifyRequest): Origin {
  return { address: request.ip, userAgent: request.headers['user-agent'] ?? '' };
}

/** What users do about themselves, in one system. All of it UNAUTHENTICATED where the sign-in has ended meanwhile. */
export function createOwnAccount(
  { clock }: Pick<Platform, 'clock'>,
  { name: system, title }: Pick<SystemModule, 'name' | 'title'>,
  options: { users: UserRepository; passwords: Passwords; strength: PasswordStrength; signIn: SignIn },
) {
  const { users, passwords, strength, signIn } = options;

  /** The caller's own record. */
  async function record(request: FastifyRequest): Promise<UserDocument> {
    const user = await users.findById(requireMember(request).userId);
    if (user === null) throw new CodedError('UNAUTHENTICATED');
    return user;
  }

  /** Changes the caller's own record, ends all tokens, and tells the audit. CONFLICT. */
  async function change(
    request: FastifyRequest,
    { tokenVersion }: UserDocument,
    action: string,
    setOf: (seen: UserDocument) => UserChange['set'],
  ): Promise<UserDocument> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const seen = await record(request);
      // An administrator has ended the sign-in meanwhile; what was asked under it must not undo that.
      if (seen.tokenVersion !== tokenVersion) throw new CodedError('UNAUTHENTICATED');
      const id = seen._id.toHexString();
      const entry = auditEntry({
        system,
        actor: { userId: id, name: seen.name },
        action,
        object: { type: 'user', id },
        before: null,
        after: null,
        requestId: request.id,
        at: clock(),
      });
      const set = setOf(seen);
      const wanted = set === undefined ? { endTokens: true, entry } : { set, endTokens: true, entry };
      const changed = await users.compareAndSet(seen, wanted);
      if (changed !== null) return changed;
    }
    throw new CodedError('CONFLICT');
  }

  return {
    record,

    /**
     * Sets another password; ends every token, so that the caller needs a new one. WRONG_PASSWORD,
     * TOO_MANY_ATTEMPTS, WEAK_PASSWORD, INVALID_REQUEST for the current one again or one over 72 bytes.
     */
    async changePassword(request: FastifyRequest, given: OwnPassword): Promise<UserDocument> {
      const { currentPassword, newPassword, membership } = given;
      const user = await record(request);
      await signIn.confirm(originOf(request), user, currentPassword);
      passwords.assertCheckable(newPassword);
      if (newPassword === currentPassword) {
        const field = 'newPassword';
        throw new CodedError('INVALID_REQUEST', 'The new password is the current one.', { field });
      }
      await strength.assertStrong(newPassword, [user.name, user.email ?? '', user.armyNumber ?? '', title]);
      const passwordHash = await passwords.hash(newPassword);
      return change(request, user, 'user.change-password', ({ memberships }) => {
        const current = memberships[system];
        if (membership === undefined || current === undefined) return { passwordHash };
        return { passwordHash, memberships: { ...memberships, [system]: { ...current, ...membership } } };
      });
    },

    /** Ends every sign-in of the caller. */
    async signOut(request: FastifyRequest): Promise<UserDocument> {
      return change(request, await record(request), 'user.sign-out', () => undefined);
    },
  };
}
