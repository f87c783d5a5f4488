import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

// Goes into logs, jobs and headers: nothing that could break a line or be mistaken for markup.
const acceptable = /^[A-Za-z0-9_-]{8,64}$/;

const idBytes = 12;
let pool = Buffer.alloc(0);
let used = 0;

export function newRequestId(): string {
  // Asking for random bytes costs the same for one id as for a hundred.
  if (used >= pool.length) {
    pool = randomBytes(idBytes * 100);
    used = 0;
  }
  used += idBytes;
  return pool.toString('base64url', used - idBytes, used);
}

/** The caller's request id where it is harmless, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && acceptable.test(given) ? given : newRequestId();
}
