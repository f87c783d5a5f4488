import { createHmac } from 'node:crypto';
import { CodedError } from '@backoffice/core';
import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requireMember } from '../auth/member.ts';
import { isDuplicateKey } from '../mongo/duplicate-key.ts';
import type { SystemName } from './module.ts';

/**
 * What a created object keeps of the request that created it, under a partial unique index on
 * `idempotency.key`. Both are hexadecimal and say nothing about the request to who reads the database.
 */
export interface Idempotency {
  /** Of system, user, route and the header's value. */
  key: string;
  /** Of path parameters, query and body. */
  bodyHash: string;
}

declare module 'fastify' {
  interface FastifyInstance {
    idempotencySeal: (text: string) => string;
  }
}

const headerForm = /^[\x21-\x7e]{1,255}$/;

/** For the `headers` of a route's schema, so that the documentation shows the header. */
export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^[!-~]+$',
      description:
        'Makes a repetition safe: the same key with the same request gives the first answer again, with another request 422. Kept per user and route.',
    }),
  ),
});

/**
 * Lets the instance seal what is kept. Keyed, because a body may hold a password, which a bare hash would
 * let somebody guess; with the audit's key, because that one never changes.
 */
export function registerIdempotency(app: FastifyInstance, system: SystemName, auditKey: string): void {
  app.decorate('idempotencySeal', (text: string) =>
    createHmac('sha256', auditKey).update(`idempotency\n${system}\n${text}`).digest('hex'),
  );
}

/**
 * What the request's `Idempotency-Key` says; null without one. `body` stands in for a body that is no JSON
 * value. INVALID_REQUEST for a key that is not 1 to 255 visible ASCII characters; UNAUTHENTICATED on a
 * route without a signed-in user.
 */
export function idempotencyOf(request: FastifyRequest, body: unknown = request.body): Idempotency | null {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return null;
  if (typeof header !== 'string' || !headerForm.test(header)) {
    const field = 'idempotency-key';
    const message = '"idempotency-key" is not 1 to 255 visible ASCII characters.';
    throw new CodedError('INVALID_REQUEST', message, { field, in: 'headers' });
  }
  const { userId } = requireMember(request);
  const { idempotencySeal: seal } = request.server;
  const { params, query } = request;
  return {
    key: seal(`key\n${userId}\n${request.method} ${request.routeOptions.url}\n${header}`),
    bodyHash: seal(`body\n${JSON.stringify(sorted({ params, query, body }))}`),
  };
}

/** IDEMPOTENCY_KEY_REUSED unless the stored object was created by the very same request. */
export function assertSameRequest(stored: Idempotency | null | undefined, given: Idempotency): void {
  if (stored?.bodyHash !== given.bodyHash) throw new CodedError('IDEMPOTENCY_KEY_REUSED');
}

/** Whether an insert was refused because an object with that `idempotency.key` exists: somebody was faster. */
export function isKeyTaken(error: unknown): boolean {
  return isDuplicateKey(error, 'idempotency.key');
}

const takenCodes: readonly string[] = ['ALREADY_EXISTS', 'EMAIL_TAKEN', 'ARMY_NUMBER_TAKEN'];

/**
 * Creates something once for an `Idempotency-Key`: the same request again gets what the first one made, also where
 * both came at once. IDEMPOTENCY_KEY_REUSED for another request.
 */
export async function createOnce<T extends { idempotency?: Idempotency }>(
  idempotency: Idempotency | null,
  find: (key: string) => Promise<T | null>,
  create: () => Promise<T>,
): Promise<{ made: T; replayed: boolean }> {
  async function earlier(): Promise<T | null> {
    if (idempotency === null) return null;
    const found = await find(idempotency.key);
    if (found !== null) assertSameRequest(found.idempotency, idempotency);
    return found;
  }

  const first = await earlier();
  if (first !== null) return { made: first, replayed: true };
  try {
    return { made: await create(), replayed: false };
  } catch (error) {
    // The same request may have been faster; then it is its name or number, too, that is taken.
    const taken = error instanceof CodedError && takenCodes.includes(error.code);
    const winner = taken || isKeyTaken(error) ? await earlier() : null;
    if (winner === null) throw error;
    return { made: winner, replayed: true };
  }
}

/** Says that nothing was created now: the answer is that of the first request. */
export function markReplayed(reply: FastifyReply): void {
  reply.header('idempotent-replayed', 'true');
}

/** The same value with the names of every object in order: in whatever order a caller wrote them. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}
