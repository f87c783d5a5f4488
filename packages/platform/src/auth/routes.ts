import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';
import type { Identity } from './identity.ts';
import { requireMember } from './member.ts';
import { originOf } from './own-account.ts';
import { profileOf } from './profile.ts';
import { createSignInLog } from './sign-in-log.ts';
import { ChangedPassword, ChangePasswordBody, Done, OwnSignInsQuery, SignIns } from './user-schemas.ts';
import { signInsView } from './user-views.ts';
import { userIdOf } from './users.ts';

const own = { permission: 'auth:own' };
const tags = ['auth'];

/** Signing in to one system, and what users do about themselves. */
export function authRoutes(
  platform: Pick<Platform, 'db' | 'clock' | 'config'>,
  module: SystemModule,
  { signIn, signToken, own: account }: Identity,
): FastifyPluginAsyncTypebox {
  const { signInBy = 'email' } = module;
  const log = createSignInLog(platform);
  const profile = profileOf(module);
  // Unknown properties are ignored: existing front-ends send the department and the year along.
  const LoginBody = Type.Object({
    [signInBy]: Type.String({ minLength: 1, maxLength: 320 }),
    password: Type.String({ minLength: 1, maxLength: 1024 }),
  });
  const LoginAnswer = Type.Object({ token: Type.String(), user: profile.schema });

  return async (app) => {
    app.post(
      '/auth/login',
      {
        config: { public: true, signIn: true, duringBackup: true },
        schema: { tags, summary: 'Sign in', body: LoginBody, response: { 200: LoginAnswer } },
      },
      async (request) => {
        const { [signInBy]: name, password } = request.body as Record<string, string>;
        const { user, member } = await signIn.withPassword(originOf(request), name!, password!);
        return { token: signToken(user, member.role), user: profile.view(member) };
      },
    );

    app.get(
      '/auth/me',
      { config: own, schema: { tags, summary: 'Who is signed in', response: { 200: profile.schema } } },
      async (request) => profile.view(requireMember(request)),
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
        const changed = await account.changePassword(request, request.body);
        return { success: true as const, token: signToken(changed, requireMember(request).role) };
      },
    );

    app.post(
      '/auth/sign-out',
      { config: own, schema: { tags, summary: 'End every sign-in of mine', response: { 200: Done } } },
      async (request) => {
        await account.signOut(request);
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
