import { setTimeout as delay } from 'node:timers/promises';
import type { Collection, Db } from 'mongodb';
import { isDuplicateKey } from '../mongo/duplicate-key.ts';

/** How many wrong passwords are free, and how long the next one has to wait then. */
export interface Limit {
  free: number;
  /**
   * After `n` wrong ones (`free` or more) the next attempt waits 2^(n - less) seconds, at most 15 minutes.
   * Null: it waits until the count is forgotten.
   */
  less: number | null;
  /** When the count is forgotten: so long after the last wrong one (`less` a number) or the first (null). */
  forgetMs: number;
}

const minute = 60_000;
const longestWaitMs = 15 * minute;

/**
 * The limits of signing in. The account's own limit over all places is wide, so that it hardly ever stops the
 * owner at a new place; whole offices sit behind one address, so that one's is wider still.
 */
export const limits = {
  accountAndNetwork: { free: 5, less: 0, forgetMs: 24 * 60 * minute },
  account: { free: 30, less: 25, forgetMs: 24 * 60 * minute },
  network: { free: 100, less: null, forgetMs: 15 * minute },
} as const satisfies Record<string, Limit>;

interface Counter {
  _id: string;
  failures: number;
  /** Attempts under way. They count like wrong ones until it is known what they were. */
  open: number;
  openedAt: Date;
  blockedUntil: Date;
  /** The count is worth nothing from then on; a TTL index removes it. */
  expiresAt: Date;
  /** The block that was written to the log of sign-ins, so that it is written once. */
  loggedBlock?: Date;
}

export type Claim = { claimed: true } | { claimed: false; waitMs: number; firstOfBlock: boolean };

// An attempt whose process died is taken for a wrong one after this.
const abandonedMs = 30_000;
const pollMs = 25;
const patienceMs = 15_000;
const never = new Date(0);

/**
 * Counters of wrong passwords in MongoDB: they hold over restarts, and for all processes. An attempt is claimed
 * before the password is compared, so that of a burst no more are tried than the limit leaves.
 */
export function createBackOff(db: Db, clock: () => Date) {
  const counters: Collection<Counter> = db.collection('sign_in_failures');

  async function take(id: string, { free }: Limit, now: Date): Promise<boolean> {
    const taken = await counters.updateOne(
      {
        _id: id,
        expiresAt: { $gt: now },
        blockedUntil: { $lte: now },
        // Beyond the free ones, one at a time.
        $expr: { $lt: ['$open', { $max: [1, { $subtract: [free, '$failures'] }] }] },
      },
      { $inc: { open: 1 }, $set: { openedAt: now } },
    );
    return taken.modifiedCount === 1;
  }

  /** Begins a counter that is missing or worth nothing any more. */
  async function begin(id: string, { forgetMs }: Limit, now: Date): Promise<void> {
    const fresh = { failures: 0, open: 0, openedAt: now, blockedUntil: never };
    try {
      await counters.updateOne(
        { _id: id, expiresAt: { $lte: now } },
        { $set: { ...fresh, expiresAt: new Date(now.getTime() + forgetMs) } },
        { upsert: true },
      );
    } catch (error) {
      // There is one that counts: somebody else has begun it.
      if (!isDuplicateKey(error)) throw error;
    }
  }

  /** Who is first to say so in a block logs it; knocking again and again must not fill the log. */
  async function blocked(id: string, blockedUntil: Date, now: Date): Promise<Claim> {
    const marked = await counters.updateOne(
      { _id: id, loggedBlock: { $ne: blockedUntil } },
      { $set: { loggedBlock: blockedUntil } },
    );
    const waitMs = blockedUntil.getTime() - now.getTime();
    return { claimed: false, waitMs, firstOfBlock: marked.modifiedCount === 1 };
  }

  /**
   * Claims an attempt. While others are under way it waits for how they end, for a short time: the right
   * password from many windows at once is no attack.
   */
  async function claim(id: string, limit: Limit): Promise<Claim> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const now = clock();
      if (await take(id, limit, now)) return { claimed: true };
      const counter = await counters.findOne({ _id: id });
      if (counter === null || counter.expiresAt <= now) {
        await begin(id, limit, now);
        continue;
      }
      if (counter.blockedUntil > now) return blocked(id, counter.blockedUntil, now);
      const { open, openedAt } = counter;
      if (open > 0 && now.getTime() - openedAt.getTime() > abandonedMs) {
        await counters.updateOne(
          { _id: id, open, openedAt },
          { $set: { open: 0 }, $inc: { failures: open } },
        );
        continue;
      }
      if (performance.now() > until) return { claimed: false, waitMs: 1_000, firstOfBlock: false };
      await delay(pollMs);
    }
  }

  /** The claimed attempt was wrong. One write: between counting and blocking nobody slips through. */
  async function fail(id: string, limit: Limit): Promise<void> {
    const now = clock();
    const { free, less, forgetMs } = limit;
    const exponent = { $min: [20, { $subtract: ['$failures', less ?? 0] }] };
    const waitMs = { $min: [longestWaitMs, { $multiply: [1_000, { $pow: [2, exponent] }] }] };
    const until = less === null ? '$expiresAt' : { $add: [now, waitMs] };
    await counters.updateOne({ _id: id }, [
      {
        $set: {
          failures: { $add: ['$failures', 1] },
          open: { $max: [0, { $subtract: ['$open', 1] }] },
          ...(less === null ? {} : { expiresAt: new Date(now.getTime() + forgetMs) }),
        },
      },
      { $set: { blockedUntil: { $cond: [{ $gte: ['$failures', free] }, until, '$blockedUntil'] } } },
    ]);
  }

  /** The claimed attempt counts for nothing. */
  async function release(id: string): Promise<void> {
    await counters.updateOne({ _id: id, open: { $gt: 0 } }, { $inc: { open: -1 } });
  }

  async function clear(id: string): Promise<void> {
    await counters.deleteOne({ _id: id });
  }

  /** Clears every counter whose id begins so. */
  async function clearAll(beginning: string): Promise<void> {
    await counters.deleteMany({ _id: { $gte: beginning, $lt: `${beginning}\uffff` } });
  }

  return { claim, fail, release, clear, clearAll };
}
