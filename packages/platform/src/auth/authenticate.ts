import { CodedError } from '@backoffice/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SystemModule, SystemName } from '../http/module.ts';
import type { Member } from './member.ts';
import { createTokenReader } from './tokens.ts';
import type { UserDocument, UserRepository } from './users.ts';

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

/**
 * The hook that lets a request through to a route with a permission. The user is read anew on every
 * request, so a changed password, role or region, or a disabled user, acts at once and not after hours.
 *
 * UNAUTHENTICATED, always with the same text, whatever is wrong with the token; FORBIDDEN when the role
 * lacks the permission.
 */
export function createAuthenticate(app: FastifyInstance, module: SystemModule, users: UserRepository) {
  const readToken = createTokenReader(app);
  const form = headerForms[module.authorization ?? 'bearer'];

  async function memberBy(token: string): Promise<Member | null> {
    const claims = readToken(token);
    if (claims === null) return null;
    const user = await users.findById(claims.sub);
    return user !== null && user.tokenVersion === claims.tv ? memberOf(user, module.name) : null;
  }

  return async function authenticate(request: FastifyRequest): Promise<void> {
    const { permission } = request.routeOptions.config;
    if (permission === undefined) return;
    const token = form.exec(request.headers.authorization ?? '')?.[1];
    const member = token === undefined ? null : await memberBy(token);
    if (member === null) throw new CodedError('UNAUTHENTICATED');
    request.member = member;
    if (!module.permissions[permission]?.includes(member.role)) throw new CodedError('FORBIDDEN');
  };
}
