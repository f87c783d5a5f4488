import { CodedError } from '@backoffice/core';
import { normalArmyNumber } from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { answer, nothing } from '../answers.ts';
import { dbsById, userView } from '../presentation.ts';
import { ChangePasswordBody, Done, LoginAnswer, LoginBody } from '../schemas.ts';
import type { RouteContext } from './context.ts';

const tags = ['auth'];

/** INVALID_REQUEST for a number of spaces alone. */
export function assertArmyNumber(given: string): void {
  if (normalArmyNumber(given) !== '') return;
  throw new CodedError('INVALID_REQUEST', '"army_number" is empty.', { field: 'army_number' });
}

/** Names the field of this call in which a new password does not do. */
export function passwordFault(field: string) {
  return (error: unknown): never => {
    const about = error instanceof CodedError && (error.details?.field ?? 'password');
    const refused = error instanceof CodedError && ['INVALID_REQUEST', 'WEAK_PASSWORD'].includes(error.code);
    if (!refused || !['password', 'newPassword'].includes(String(about))) throw error;
    throw new CodedError(error.code, error.message, { ...error.details, field });
  };
}

/** `/auth/*`: signing in by army number, and another password of one's own. */
export function authRoutes({ identity, repository, wholeScope }: RouteContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/auth/login',
      {
        config: { public: true, signIn: true },
        schema: {
          tags,
          summary: 'Sign in',
          body: LoginBody,
          response: { 200: LoginAnswer },
        },
      },
      async (request) => {
        const { army_number, password } = request.body;
        assertArmyNumber(army_number);
        const { user, member } = await identity.signIn.withPassword(
          identity.originOf(request),
          army_number,
          password,
        );
        const token = identity.signToken(user, member.role);
        const dbs = dbsById(await repository.dbs.list(await wholeScope()));
        return answer('Login successfully', { token, user: userView(user, dbs) });
      },
    );

    app.post(
      '/auth/change-password',
      {
        config: { permission: 'auth:own' },
        schema: {
          tags,
          summary: 'Another password of your own; ends every sign-in',
          body: ChangePasswordBody,
          response: { 200: Done },
        },
      },
      async (request) => {
        const { old_password: currentPassword, new_password: newPassword } = request.body;
        // It would be refused as too long, where it is simply not the one.
        if (Buffer.byteLength(currentPassword) > 72) throw new CodedError('WRONG_PASSWORD');
        const membership = { isGenerated: false };
        await identity.own
          .changePassword(request, { currentPassword, newPassword, membership })
          .catch(passwordFault('new_password'));
        return answer('Password updated successfully', nothing);
      },
    );
  };
}
