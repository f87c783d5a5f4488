import { randomBytes } from 'node:crypto';
import type { Collection, Db } from 'mongodb';

interface LeaseDocument {
  _id: string;
  token: string;
  until: Date;
  holder: string;
}

/** A lock in MongoDB that ends by itself when its holder does. */
export interface Lease {
  /** Whether it is still ours; extends it. */
  renew: () => Promise<boolean>;
  release: () => Promise<void>;
}

/** Moments are the server's, so that it does not matter whose clock is wrong. */
function inMs(ms: number) {
  return { $add: ['$$NOW', ms] };
}

/**
 * Renews a lease for as long as the work with it takes. The result ends both. A renewal that fails is not told: the
 * server is away, and so is the work.
 */
export function keepLease(lease: Lease, leaseMs: number): () => Promise<void> {
  const renewal = setInterval(() => lease.renew().catch(() => undefined), leaseMs / 3);
  return async () => {
    clearInterval(renewal);
    await lease.release();
  };
}

/** The lease if nobody holds it now, else null. */
export async function acquireLease(db: Db, name: string, leaseMs: number): Promise<Lease | null> {
  const leases: Collection<LeaseDocument> = db.collection('leases');
  const token = randomBytes(12).toString('hex');
  const holder = `process ${process.pid}`;
  // Made once, as one that has ended long ago: an upsert can't compare with the server's clock.
  const ended = { token: '', holder: '', until: new Date(0) };
  await leases.updateOne({ _id: name }, { $setOnInsert: ended }, { upsert: true });
  const taken = await leases.updateOne({ _id: name, $expr: { $lt: ['$until', '$$NOW'] } }, [
    { $set: { token, holder, until: inMs(leaseMs) } },
  ]);
  if (taken.modifiedCount === 0) return null;
  return {
    async renew() {
      const renewed = await leases.updateOne({ _id: name, token }, [{ $set: { until: inMs(leaseMs) } }]);
      return renewed.matchedCount === 1;
    },
    async release() {
      await leases.updateOne({ _id: name, token }, { $set: { until: new Date(0) } });
    },
  };
}
