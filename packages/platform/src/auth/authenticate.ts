import { CodedError } from '@backoffice/core';
import fastifyJwt from '@fastify/jwt';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Platform } from '../data.ts';
import type { SystemModule, SystemName } from '../http/module.ts';
import type { Member } from './member.ts';
import type { UserDocument, UserRepository } from './users.ts';

const issuer = 'backoffice';

interface TokenClaims {
  sub: string;
  /** For display by the front-end only; what a caller may do is read from the record. */
  role: string;
  tv: number;
}

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: Omit<TokenClaims, 'sub'> & { sub?: string };
  }
}

/** Teaches the instance to sign and verify this system's tokens. */
export async function registerTokens(app: FastifyInstance, platform: Platform, system: SystemName) {
  await app.register(fastifyJwt, {
    secret: platform.config.JWT_SECRET,
    sign: {
      algorithm: 'HS256',
      iss: issuer,
      aud: system,
      // A text with its unit: a bare number is read as seconds here and as milliseconds by the library below.
      expiresIn: `${platform.config.TOKEN_HOURS}h`,
    },
    verify: {
      // Named one by one: what is not named here, the library does not look at.
      algorithms: ['HS256'],
      allowedIss: issuer,
      allowedAud: system,
      requiredClaims: ['exp', 'iss', 'aud', 'sub'],
    },
  });
}

export function signToken(app: FastifyInstance, user: UserDocument, role: string): string {
  return app.jwt.sign({ role, tv: user.tokenVersion }, { sub: user._id.toHexString() });
}

/** What a user's record says of them in a system; null when disabled or not a member. */
export function memberOf(user: UserDocument, system: SystemName): Member | null {
  const membership = user.memberships[system];
  if (user.status !== 'active' || membership === undefined) return null;
  return {
    userId: user._id.toHexString(),
    name: user.name,
    email: user.email,
    contact: user.contact,
    role: membership.role,
    membership,
  };
}

function tokenOf(request: FastifyRequest, bearerOptional: boolean): string | null {
  const header = request.headers.authorization ?? '';
  const bearer = /^Bearer ([^\s]+)$/i.exec(header)?.[1];
  if (bearer !== undefined) return bearer;
  return bearerOptional && /^[^\s]+$/.test(header) ? header : null;
}

/**
 * The hook that lets a request through to a route with a permission. The user is read anew on every
 * request, so a changed password, role or region, or a disabled user, acts at once and not after hours.
 *
 * UNAUTHENTICATED, always with the same text, whatever is wrong with the token; FORBIDDEN when the role
 * lacks the permission.
 */
export function createAuthenticate(app: FastifyInstance, module: SystemModule, users: UserRepository) {
  async function memberBy(token: string): Promise<Member | null> {
    let claims: TokenClaims;
    try {
      claims = app.jwt.verify<TokenClaims>(token);
    } catch {
      return null;
    }
    if (typeof claims.sub !== 'string') return null;
    const user = await users.findById(claims.sub);
    return user !== null && user.tokenVersion === claims.tv ? memberOf(user, module.name) : null;
  }

  return async function authenticate(request: FastifyRequest): Promise<void> {
    const { permission } = request.routeOptions.config;
    if (permission === undefined) return;
    const token = tokenOf(request, module.bearerOptional === true);
    const member = token === null ? null : await memberBy(token);
    if (member === null) throw new CodedError('UNAUTHENTICATED');
    request.member = member;
    if (!module.permissions[permission]?.includes(member.role)) throw new CodedError('FORBIDDEN');
  };
}
