import { CodedError } from '@backoffice/core';
import bcrypt from 'bcrypt';

export interface Passwords {
  /** INVALID_REQUEST for a password over 72 bytes, which none can be. */
  assertCheckable: (password: string) => void;
  /** A hash to store. INVALID_REQUEST for a password over 72 bytes. */
  hash: (password: string) => Promise<string>;
  /**
   * Whether the password belongs to the hash. Without a hash (no such user) the same work is done against
   * a dummy, so that the time taken does not tell whether an address is known.
   */
  matches: (password: string, hash: string | null) => Promise<boolean>;
}

const maximumBytes = 72;

/** bcrypt silently ignores what comes after 72 bytes, so two different passwords would open one account. */
function refuseLong(password: string): void {
  if (Buffer.byteLength(password, 'utf8') > maximumBytes) {
    throw new CodedError('INVALID_REQUEST', `The password is longer than ${maximumBytes} bytes.`, {
      field: 'password',
    });
  }
}

/** Passwords with bcrypt. A lower cost is for tests and seeding throw-away users only. */
export function createPasswords(cost = 12): Passwords {
  // Made at once, not on the first unknown address: else that one answer would take twice as long.
  const dummy = bcrypt.hash('nobody has this password', cost);
  // A failure shows where the dummy is used; it must not end the process before that.
  dummy.catch(() => undefined);

  return {
    assertCheckable: refuseLong,
    async hash(password) {
      refuseLong(password);
      return bcrypt.hash(password, cost);
    },
    async matches(password, hash) {
      refuseLong(password);
      const same = await bcrypt.compare(password, hash ?? (await dummy));
      return same && hash !== null;
    },
  };
}
