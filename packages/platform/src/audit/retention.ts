import type { Db } from 'mongodb';
import { acquireLease } from '../mongo/lease.ts';
import { AuditChainError, type Chain, isCheckpointOf, signedCheckpoint, storedHead } from './chain.ts';
import { verifyChain } from './verify.ts';

const day = 24 * 3_600_000;
/** A checkpoint a day at the most: each stays for good. */
const everyMs = day;
const leaseMs = 10 * 60_000;

/**
 * Removes the entries that are older than `days`, from the front of the chain, and leaves a signed checkpoint in
 * their place. The checkpoint comes first: killed in between, the next run removes what is left. Gives how many
 * the new checkpoint speaks of.
 *
 * What is removed is verified before: a checkpoint must not cover up that something was changed.
 * @throws AuditChainError when it was; then nothing is removed
 */
export async function applyRetention(
  db: Db,
  chain: Chain,
  key: string,
  days: number,
  now: Date,
): Promise<number> {
  if (days === 0) return 0;
  // Two at once would leave checkpoints that do not know of each other.
  const lease = await acquireLease(db, 'audit-retention', leaseMs);
  if (lease === null) return 0;
  try {
    return await removeBefore(chain, key, days, now, lease.renew);
  } finally {
    await lease.release();
  }
}

async function removeBefore(
  chain: Chain,
  key: string,
  days: number,
  now: Date,
  renew: () => Promise<boolean>,
): Promise<number> {
  const { entries, checkpoints } = chain;
  const newest = await checkpoints.findOne({}, { sort: { _id: -1 } });
  if (newest !== null) {
    if (!isCheckpointOf(key, newest))
      throw new AuditChainError(`The checkpoint at ${newest._id} has no seal of AUDIT_KEY.`);
    await entries.deleteMany({ _id: { $lte: newest._id } });
    if (now.getTime() - newest.at.getTime() < everyMs) return 0;
  }
  const before = new Date(now.getTime() - days * day);
  const first = await entries.findOne({}, { sort: { _id: 1 } });
  const head = await storedHead(chain);
  if (first === null || first.at >= before || head === null) return 0;
  const stays = await entries.findOne({ at: { $gte: before } }, { sort: { _id: 1 }, projection: { _id: 1 } });
  // The last entry stays in any case: the next one continues from it.
  const upTo = Math.min((stays?._id ?? Number.POSITIVE_INFINITY) - 1, head.seq - 1);
  if (upTo < first._id) return 0;

  const { fault } = await verifyChain(chain, key, { until: upTo });
  if (fault !== null) throw new AuditChainError(`Nothing was removed: ${fault.sentence}`);
  const last = await entries.findOne({ _id: upTo });
  if (last === null || !(await renew())) return 0;
  const previous = newest?._id ?? 0;
  const facts = { _id: upTo, hash: last.hash, count: upTo - previous, before, days, at: now, previous };
  await checkpoints.insertOne(signedCheckpoint(key, facts));
  await entries.deleteMany({ _id: { $lte: upTo } });
  return facts.count;
}
