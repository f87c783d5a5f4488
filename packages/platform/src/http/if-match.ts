import { CodedError } from '@backoffice/core';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The entity tag of an object that users edit: its version, which every change raises. */
export function entityTag(version: number): string {
  return `"v${version}"`;
}

/** Says which version the answer shows or the change made, for a later `If-Match`. */
export function sendVersion(reply: FastifyReply, version: number): void {
  reply.header('etag', entityTag(version));
}

/**
 * The version that a change expects, from `If-Match`; null when the caller does not mind (no header, or `*`).
 * A proxy that compresses may have made the tag a weak one; the version is the same. Existing front-ends send none. STALE for a tag that no version of ours can have.
 */
export function expectedVersion(request: FastifyRequest): number | null {
  const header = request.headers['if-match']?.trim();
  if (header === undefined || header === '*') return null;
  const version = /^(?:W\/)?"v(\d{1,15})"$/.exec(header)?.[1];
  if (version === undefined) throw new CodedError('STALE');
  return Number(version);
}
