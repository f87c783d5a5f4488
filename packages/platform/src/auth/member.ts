import { CodedError } from '@backoffice/core';
import type { FastifyRequest } from 'fastify';
import type { SystemModule } from '../http/module.ts';

/** What one system knows of a user: the role, and whatever else the system's `membership` names. */
export interface Membership {
  role: string;
  [field: string]: unknown;
}

/** A membership of the system with what is given; what is not said of it is nothing. */
export function membershipOf(
  { membership }: Pick<SystemModule, 'membership'>,
  given: Readonly<Record<string, unknown>>,
): Membership {
  const nothing = Object.fromEntries(Object.keys(membership).map((name) => [name, null]));
  return { ...nothing, ...given } as Membership;
}

/** Who is calling, read from the user's record on this very request (never from the token). */
export interface Member {
  userId: string;
  name: string;
  /** Null for who signs in to a system by another name; so is the army number. */
  email: string | null;
  armyNumber: string | null;
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
