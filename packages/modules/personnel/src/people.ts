import type { Membership } from '@backoffice/platform';
import type { Role } from './model.ts';

/** A membership of this system. Names stand here in parts; the platform's `name` is made of them. */
export interface OwnMembership extends Membership {
  role: Role;
  firstName: string;
  lastName: string;
  /** Ids of dbs, hexadecimal, lower case. Some may be of dbs that are gone. */
  allowedDbs: string[];
  accessAllDb: boolean;
  /** Somebody else has set the password. */
  isGenerated: boolean;
}

/** A stored membership, read with care: what is not there or of another kind counts for nothing. */
export function readMembership(stored: Membership): OwnMembership {
  const { role, firstName, lastName, allowedDbs, accessAllDb, isGenerated } = stored;
  return {
    role: role === 'admin' ? 'admin' : 'user',
    firstName: typeof firstName === 'string' ? firstName : '',
    lastName: typeof lastName === 'string' ? lastName : '',
    allowedDbs: Array.isArray(allowedDbs) ? allowedDbs.filter((each) => typeof each === 'string') : [],
    accessAllDb: accessAllDb === true,
    isGenerated: isGenerated === true,
  };
}

/** The dbs that a member reaches, if they are live: administrators all of them (decision 6). */
export function allowedOf(membership: Membership): readonly string[] | 'all' {
  const { role, accessAllDb, allowedDbs } = readMembership(membership);
  return role === 'admin' || accessAllDb ? 'all' : allowedDbs;
}

/** A membership for who is made a member at the server's terminal: the last word is the last name. */
export function newMembership({ role, name }: { role: string; name: string }): OwnMembership {
  const words = name.trim().split(/\s+/);
  const lastName = words.length > 1 ? words.pop()! : '';
  return {
    role: role === 'admin' ? 'admin' : 'user',
    firstName: words.join(' '),
    lastName,
    allowedDbs: [],
    accessAllDb: false,
    isGenerated: false,
  };
}

export const fullName = (firstName: string, lastName: string) => `${firstName} ${lastName}`.trim();
