import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

// Goes into logs, jobs and headers: nothing that could break a line or be mistaken for markup.
const acceptable = /^[A-Za-z0-9_-]{8,64}$/;

/** No other process begins its ids with it. */
const ofThisProcess = randomBytes(9).toString('base64url');
let given = 0;

export function newRequestId(): string {
  given += 1;
  return `${ofThisProcess}-${given.toString(36)}`;
}

/** The caller's request id where it is harmless, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const own = request.headers['x-request-id'];
  return typeof own === 'string' && acceptable.test(own) ? own : newRequestId();
}
