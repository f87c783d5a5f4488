import { CodedError } from '@backoffice/core';
import type { FastifyRequest } from 'fastify';
import type { SystemModule } from '../http/module.ts';

/** What one system knows of a user. A `region` of null means none: such a user sees no region's data. */
export interface Membership {
  role: string;
  region: string | null;
  department: string | null;
}

/** A membership of the system with what is given; what is not said of it is nothing. */
export function membershipOf(
  { membership }: Pick<SystemModule, 'membership'>,
  given: Partial<Membership>,
): Membership {
  const nothing = Object.fromEntries(Object.keys(membership).map((name) => [name, null]));
  return { ...nothing, ...given } as unknown as Membership;
}

/** Who is calling, read from the user's record on this very request (never from the token). */
export interface Member {
  userId: string;
  name: string;
  /** Null for who signs in to a system by another name. */
  email: string | null;
  contact: string;
  role: string;
  membership: Membership;
}

declare module 'fastify' {
  interface FastifyRequest {
    member: Member | null;
  }
  interface FastifyContextConfig {
    /** The permission a caller needs; must be in the module's table. */
    permission?: string;
    /** Open to everybody, without a token. */
    public?: boolean;
  }
}

/** The caller of a route that names a permission. UNAUTHENTICATED when there is none. */
export function requireMember(request: FastifyRequest): Member {
  if (request.member === null) throw new CodedError('UNAUTHENTICATED');
  return request.member;
}
