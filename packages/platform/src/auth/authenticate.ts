import { CodedError } from '@backoffice/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SystemModule, SystemName } from '../http/module.ts';
import type { Member } from './member.ts';
import { createTokenReader, type TokenClaims } from './tokens.ts';
import type { UserDocument } from './users.ts';

/** What a user's record says of them in a system; null when disabled, removed or not a member. */
export function memberOf(user: UserDocument, system: SystemName): Member | null {
  const membership = user.memberships[system];
  if (user.status !== 'active' || membership === undefined) return null;
  return {
    userId: user._id.toHexString(),
    name: user.name,
    email: user.email,
    armyNumber: user.armyNumber ?? null,
    contact: user.contact,
    role: membership.role,
    membership,
  };
}

/** How each form of the header is told, and where the token is in it. */
const headerForms: Readonly<Record<NonNullable<SystemModule['authorization']>, RegExp>> = {
  bearer: /^Bearer ([^\s]+)$/i,
  'bearer-exact': /^Bearer ([^\s]+)$/,
  'bearer-or-bare': /^(?:Bearer )?([^\s]+)$/i,
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is calling, while it is looked up; null where that has not begun. */
    caller: Promise<Member | null> | null;
    /** What the route reads ahead, while it is read. */
    ahead: Promise<unknown> | null;
  }
  interface FastifyContextConfig {
    /** What the handler will need whoever asks: read while it is looked up who is calling. See `readAhead`. */
    ahead?: () => Promise<unknown>;
  }
}

/** What the route's `config.ahead` has begun to read; read now where it has not. */
export function readAhead<T>(request: FastifyRequest, read: () => Promise<T>): Promise<T> {
  return (request.ahead as Promise<T> | null) ?? read();
}

const ignore = () => undefined;

/**
 * Lets a request through to a route with a permission. The user is read anew on every request, so a changed
 * password, role or region, or a disabled user, acts at once and not after hours.
 */
export function createAuthentication(
  app: FastifyInstance,
  module: SystemModule,
  findUser: (id: string) => Promise<UserDocument | null>,
) {
  const tokens = createTokenReader(app, headerForms[module.authorization ?? 'bearer']);
  app.decorateRequest('caller', null);
  app.decorateRequest('ahead', null);

  async function memberBy(claims: TokenClaims | null): Promise<Member | null> {
    const user = claims === null ? null : await findUser(claims.sub);
    return user !== null && user.tokenVersion === claims?.tv ? memberOf(user, module.name) : null;
  }

  return {
    /**
     * Begins to read what the request will need, for all to wait for it but once. Only for who has been here with
     * that token before: a stranger makes the database work after all limits, or not at all.
     */
    begin(request: FastifyRequest): void {
      const { permission, ahead } = request.routeOptions.config;
      const claims = permission === undefined ? null : tokens.known(request.headers.authorization);
      if (claims === null) return;
      request.caller = memberBy(claims);
      // Nobody may wait for it: a limit may be reached.
      request.caller.catch(ignore);
      request.ahead = ahead?.() ?? null;
      request.ahead?.catch(ignore);
    },

    /**
     * The hook. UNAUTHENTICATED, always with the same text, whatever is wrong with the token; FORBIDDEN when the
     * role lacks the permission.
     */
    async authenticate(request: FastifyRequest): Promise<void> {
      const { permission } = request.routeOptions.config;
      if (permission === undefined) return;
      const member = await (request.caller ?? memberBy(tokens.read(request.headers.authorization)));
      if (member === null) throw new CodedError('UNAUTHENTICATED');
      request.member = member;
      if (!module.permissions[permission]?.includes(member.role)) throw new CodedError('FORBIDDEN');
    },
  };
}
