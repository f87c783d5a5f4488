import { CodedError } from '@backoffice/core';
import { type FastifyPluginAsyncTypebox, type Static, Type } from '@fastify/type-provider-typebox';
import type { SystemModule } from '../http/module.ts';
import { memberOf, signToken } from './authenticate.ts';
import { type Member, requireMember } from './member.ts';
import type { Passwords } from './passwords.ts';
import type { UserRepository } from './users.ts';

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
  email: Type.String(),
  region: Type.Union([Type.String(), Type.Null()]),
  contact: Type.String(),
});

const LoginAnswer = Type.Object({ token: Type.String(), user: SignedInUser });

function signedInUser(member: Member): Static<typeof SignedInUser> {
  const { userId, name, email, contact, role, membership } = member;
  const { department, region } = membership;
  return { id: userId, name, role, department, email, region, contact };
}

/** `POST /auth/login` and `GET /auth/me` of one system. */
export function authRoutes(
  module: SystemModule,
  users: UserRepository,
  passwords: Passwords,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/auth/login',
      {
        config: { public: true, signIn: true, duringBackup: true },
        schema: { tags: ['auth'], summary: 'Sign in', body: LoginBody, response: { 200: LoginAnswer } },
      },
      async (request) => {
        const { email, password } = request.body;
        const user = await users.findByEmail(email);
        // The comparison comes first and always, whatever is known of the user: the time says nothing.
        const same = await passwords.matches(password, user?.passwordHash ?? null);
        const member = user === null ? null : memberOf(user, module.name);
        if (!same || user === null || member === null) throw new CodedError('INVALID_CREDENTIALS');
        await users.updateLastLogin(user._id);
        return { token: signToken(app, user, member.role), user: signedInUser(member) };
      },
    );

    app.get(
      '/auth/me',
      {
        config: { permission: 'auth:own' },
        schema: { tags: ['auth'], summary: 'Who is signed in', response: { 200: SignedInUser } },
      },
      async (request) => signedInUser(requireMember(request)),
    );
  };
}
