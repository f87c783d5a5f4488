import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

// Goes into logs, jobs and headers: nothing that could break a line or be mistaken for markup.
const acceptable = /^[A-Za-z0-9_-]{8,64}$/;

export function newRequestId(): string {
  return randomBytes(12).toString('base64url');
}

/** The caller's request id where it is harmless, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && acceptable.test(given) ? given : newRequestId();
}
