import { type Collection, type Filter, ObjectId } from 'mongodb';
import type { Platform } from '../data.ts';
import type { SystemName } from '../http/module.ts';

export const signInOutcomes = [
  'signed_in',
  'wrong_password',
  'unknown_user',
  'disabled',
  'not_a_member',
  'too_many_attempts',
  // Whoever has signed in already gave the current password again, to set another.
  'password_confirmed',
] as const;
export type SignInOutcome = (typeof signInOutcomes)[number];

/** One attempt to sign in. A log, with an end; not part of the audit. */
export interface SignInEntry {
  _id: ObjectId;
  system: SystemName;
  userId: ObjectId | null;
  /**
   * Sealed, of an identifier that nobody has: people type passwords there. The same text gives the same seal,
   * so that a series of attempts shows.
   */
  identifier: string | null;
  address: string;
  /** Of the address; see network.ts. */
  network: string;
  userAgent: string;
  outcome: SignInOutcome;
  at: Date;
  expiresAt: Date;
}

export interface SignInQuery {
  system?: SystemName;
  userId?: ObjectId;
  outcome?: SignInOutcome;
  /** From this moment on, and before that one. */
  from?: Date;
  to?: Date;
  page: number;
  limit: number;
}

const day = 24 * 60 * 60_000;
const userAgentLength = 200;

export function createSignInLog({ db, clock, config }: Pick<Platform, 'db' | 'clock' | 'config'>) {
  const entries: Collection<SignInEntry> = db.collection('sign_ins');

  async function add(entry: Omit<SignInEntry, '_id' | 'at' | 'expiresAt'>): Promise<void> {
    const at = clock();
    await entries.insertOne({
      _id: new ObjectId(),
      ...entry,
      userAgent: entry.userAgent.slice(0, userAgentLength),
      at,
      expiresAt: new Date(at.getTime() + config.SIGN_IN_RETENTION_DAYS * day),
    });
  }

  /** Whether the user has signed in from that network. */
  async function isKnown(userId: ObjectId, network: string): Promise<boolean> {
    const found = await entries.findOne(
      { userId, network, outcome: 'signed_in' },
      { projection: { _id: 1 } },
    );
    return found !== null;
  }

  /** Newest first, with the number of all. */
  async function list(query: SignInQuery): Promise<{ total: number; entries: SignInEntry[] }> {
    const { system, userId, outcome, from, to, page, limit } = query;
    const at = { ...(from === undefined ? {} : { $gte: from }), ...(to === undefined ? {} : { $lt: to }) };
    const filter: Filter<SignInEntry> = {
      ...(system === undefined ? {} : { system }),
      ...(userId === undefined ? {} : { userId }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(Object.keys(at).length === 0 ? {} : { at }),
    };
    const [total, found] = await Promise.all([
      entries.countDocuments(filter),
      entries
        .find(filter)
        .sort({ at: -1, _id: -1 })
        .skip((page - 1) * limit)
        .limit(limit)
        .toArray(),
    ]);
    return { total, entries: found };
  }

  return { add, isKnown, list };
}
