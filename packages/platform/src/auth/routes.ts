import { CodedError } from '@backoffice/core';
import { type FastifyPluginAsyncTypebox, type Static, Type } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { auditEntry } from '../audit/outbox.ts';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';
import { type Member, requireMember } from './member.ts';
import type { PasswordStrength } from './password-strength.ts';
import type { Passwords } from './passwords.ts';
import type { Origin, SignIn } from './sign-in.ts';
import { createSignInLog } from './sign-in-log.ts';
import { signToken } from './tokens.ts';
import { ChangedPassword, ChangePasswordBody, Done, OwnSignInsQuery, SignIns } from './user-schemas.ts';
import { signInsView } from './user-views.ts';
import { type UserChange, type UserDocument, type UserRepository, userIdOf } from './users.ts';

// Unknown properties are ignored: existing front-ends send the department and the year along.
const LoginBody = Type.Object({
  email: Type.String({ minLength: 1, maxLength: 320 }),
  password: Type.String({ minLength: 1, maxLength: 1024 }),
});

const SignedInUser = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Type.String(),
  department: Type.Union([Type.String(), Type.Null()]),
  email: Type.Union([Type.String(), Type.Null()]),
  region: Type.Union([Type.String(), Type.Null()]),
  contact: Type.String(),
});

const LoginAnswer = Type.Object({ token: Type.String(), user: SignedInUser });

const own = { permission: 'auth:own' };
const tags = ['auth'];
const attempts = 5;

function signedInUser(member: Member): Static<typeof SignedInUser> {
  const { userId, name, email, contact, role, membership } = member;
  const { department, region } = membership;
  return { id: userId, name, role, department, email, region, contact };
}

export function originOf(request: FastifyRequest): Origin {
  return { address: request.ip, userAgent: request.headers['user-agent'] ?? '' };
}

export interface AuthRoutesOptions {
  platform: Pick<Platform, 'db' | 'clock' | 'config'>;
  module: SystemModule;
  users: UserRepository;
  passwords: Passwords;
  strength: PasswordStrength;
  signIn: SignIn;
}

/** Signing in to one system, and what users do about themselves. */
export function authRoutes(options: AuthRoutesOptions): FastifyPluginAsyncTypebox {
  const { platform, module, users, passwords, strength, signIn } = options;
  const { clock } = platform;
  const log = createSignInLog(platform);

  async function ownRecord(request: FastifyRequest): Promise<UserDocument> {
    const user = await users.findById(requireMember(request).userId);
    if (user === null) throw new CodedError('UNAUTHENTICATED');
    return user;
  }

  /** Changes the caller's own record, ends all tokens, and tells the audit. CONFLICT. */
  async function changeOwn(
    request: FastifyRequest,
    { tokenVersion }: UserDocument,
    action: string,
    set?: UserChange['set'],
  ) {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const seen = await ownRecord(request);
      // An administrator has ended the sign-in meanwhile; what was asked under it must not undo that.
      if (seen.tokenVersion !== tokenVersion) throw new CodedError('UNAUTHENTICATED');
      const id = seen._id.toHexString();
      const entry = auditEntry({
        system: module.name,
        actor: { userId: id, name: seen.name },
        action,
        object: { type: 'user', id },
        before: null,
        after: null,
        requestId: request.id,
        at: clock(),
      });
      const change = set === undefined ? { endTokens: true, entry } : { set, endTokens: true, entry };
      const changed = await users.compareAndSet(seen, change);
      if (changed !== null) return changed;
    }
    throw new CodedError('CONFLICT');
  }

  return async (app) => {
    app.post(
      '/auth/login',
      {
        config: { public: true, signIn: true, duringBackup: true },
        schema: { tags, summary: 'Sign in', body: LoginBody, response: { 200: LoginAnswer } },
      },
      async (request) => {
        const { email, password } = request.body;
        const { user, member } = await signIn.withPassword(originOf(request), email, password);
        return { token: signToken(app, user, member.role), user: signedInUser(member) };
      },
    );

    app.get(
      '/auth/me',
      { config: own, schema: { tags, summary: 'Who is signed in', response: { 200: SignedInUser } } },
      async (request) => signedInUser(requireMember(request)),
    );

    app.post(
      '/auth/change-password',
      {
        config: own,
        schema: {
          tags,
          summary: 'Set another password; ends every other sign-in',
          body: ChangePasswordBody,
          response: { 200: ChangedPassword },
        },
      },
      async (request) => {
        const { currentPassword, newPassword } = request.body;
        const user = await ownRecord(request);
        await signIn.confirm(originOf(request), user, currentPassword);
        passwords.assertCheckable(newPassword);
        if (newPassword === currentPassword) {
          const field = 'newPassword';
          throw new CodedError('INVALID_REQUEST', 'The new password is the current one.', { field });
        }
        await strength.assertStrong(newPassword, [user.name, user.email ?? '', module.title]);
        const passwordHash = await passwords.hash(newPassword);
        const changed = await changeOwn(request, user, 'user.change-password', { passwordHash });
        return { success: true as const, token: signToken(app, changed, requireMember(request).role) };
      },
    );

    app.post(
      '/auth/sign-out',
      { config: own, schema: { tags, summary: 'End every sign-in of mine', response: { 200: Done } } },
      async (request) => {
        await changeOwn(request, await ownRecord(request), 'user.sign-out');
        return { success: true as const };
      },
    );

    app.get(
      '/auth/sign-ins',
      {
        config: own,
        schema: {
          tags,
          summary: 'Attempts to sign in as me, newest first',
          querystring: OwnSignInsQuery,
          response: { 200: SignIns },
        },
      },
      async (request) => {
        const { page = 1, limit = 50 } = request.query;
        const userId = userIdOf(requireMember(request).userId)!;
        return signInsView(await log.list({ system: module.name, userId, page, limit }), page, limit);
      },
    );
  };
}
