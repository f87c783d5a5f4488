import { setTimeout as delay } from 'node:timers/promises';
import type { SystemName } from '../http/module.ts';
import { isDuplicateKey } from '../mongo/duplicate-key.ts';
import {
  AuditChainError,
  type Chain,
  endOfChain,
  isHeadOf,
  linked,
  noHash,
  signedHead,
  storedHead,
} from './chain.ts';
import { type AuditEntry, auditEntry } from './outbox.ts';
import type { Outboxes } from './outboxes.ts';

export interface MoveOptions {
  /** Looked at between two batches. */
  signal?: AbortSignal;
  /** Begins no further batch after so long. */
  ms?: number;
  batch?: number;
}

const batchSize = 200;

export interface MoverOptions {
  chain: Chain;
  outboxes: Outboxes;
  key: string;
  clock: () => Date;
  /** All of this build. */
  systems: readonly SystemName[];
}

/**
 * Moves entries from the outboxes into the chain. Correct with any number of movers at once and a kill at any
 * point, by the order of its writes, each of a single document:
 *
 * 1. the entries, in order behind the last one. Who finds a number taken, or an entry in the chain already, looks
 *    again; an ordered bulk stops there, so no number is left out
 * 2. the head, never back to a lower number
 * 3. the outboxes. Killed before this, the next run finds the entries in the chain and takes them out
 *
 * So what is not covered by the head yet still waits in an outbox: cutting it off loses nothing.
 */
export function createMover({ chain, outboxes, key, clock, systems }: MoverOptions) {
  const { entries, heads, checkpoints } = chain;

  /**
   * Refuses to go on where the chain has lost what the head speaks of: new entries would take the numbers of the
   * lost ones, and a new head the place of the only witness.
   */
  async function checkHead(): Promise<void> {
    let head = await storedHead(chain);
    if (head === null) {
      const empty = (await entries.findOne({})) === null && (await checkpoints.findOne({})) === null;
      // Asked in this order: another mover may have begun the chain in between.
      head = await storedHead(chain);
      if (head === null && !empty) throw new AuditChainError('The audit chain has no head.');
      if (head === null) {
        const first = { _id: 'head', ...signedHead(key, { seq: 0, hash: noHash }, clock()) };
        await ignoreTaken(heads.updateOne({ _id: 'head' }, { $setOnInsert: first }, { upsert: true }));
        return;
      }
    }
    if (!isHeadOf(key, head))
      throw new AuditChainError('The head of the audit chain has no seal of AUDIT_KEY.');
    if (head.seq === 0) return;
    const last = await entries.findOne({ _id: head.seq }, { projection: { hash: 1 } });
    if (last?.hash !== head.hash) {
      throw new AuditChainError(`Entry ${head.seq} of the audit chain, its head, is gone or is another one.`);
    }
  }

  async function append(waiting: readonly AuditEntry[]): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const ids = waiting.map((entry) => entry.id);
      const there = await entries.find({ entryId: { $in: ids } }, { projection: { entryId: 1 } }).toArray();
      const known = new Set(there.map((each) => each.entryId));
      const missing = waiting.filter((entry) => !known.has(entry.id) && known.add(entry.id));
      if (missing.length === 0) return;
      try {
        await entries.insertMany(linked(key, missing, await endOfChain(chain)), { ordered: true });
        return;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        await delay(Math.random() * Math.min(5 * 2 ** attempt, 200));
      }
    }
  }

  async function raiseHead(): Promise<void> {
    const end = await endOfChain(chain);
    await heads.updateOne({ _id: 'head', seq: { $lt: end.seq } }, { $set: signedHead(key, end, clock()) });
  }

  /** One batch; gives how many entries it took out of the outboxes. */
  async function moveSome(limit: number): Promise<number> {
    const waiting = await outboxes.listWaiting(limit);
    if (waiting.length === 0) return 0;
    await checkHead();
    await append(waiting.map(({ entry }) => entry));
    await raiseHead();
    await outboxes.removeMoved(waiting);
    return waiting.length;
  }

  /**
   * Moves batch after batch until nothing waits.
   * @throws AuditChainError when the chain does not fit its head; then nothing is moved
   */
  async function move({ signal, ms = Number.POSITIVE_INFINITY, batch = batchSize }: MoveOptions = {}) {
    const end = performance.now() + ms;
    let moved = 0;
    for (;;) {
      const some = await moveSome(batch);
      moved += some;
      if (some === 0 || signal?.aborted || performance.now() > end) return moved;
    }
  }

  /**
   * Goes on behind what is left of a chain that does not fit its head, when the loss is known and looked into. What
   * was lost, and why that is accepted, becomes the next entry; it can't be undone. Gives the fault, or null where
   * there is none.
   */
  async function accept(reason: string): Promise<string | null> {
    const fault = await checkHead().then(
      () => null,
      (error) => {
        if (error instanceof AuditChainError) return error.message;
        throw error;
      },
    );
    if (fault === null) return null;
    const lost = await storedHead(chain);
    const end = await endOfChain(chain);
    const told = systems.map((system) =>
      auditEntry({
        system,
        actor: { userId: 'operator', name: 'Operator' },
        action: 'audit.loss-accepted',
        object: { type: 'audit', id: 'chain' },
        before: lost === null ? null : { seq: lost.seq, hash: lost.hash, at: lost.at },
        after: { ...end, fault, reason },
        requestId: 'command',
        at: clock(),
      }),
    );
    const added = linked(key, told, end);
    await entries.insertMany(added, { ordered: true });
    const { _id: seq, hash } = added.at(-1)!;
    await heads.replaceOne({ _id: 'head' }, signedHead(key, { seq, hash }, clock()), { upsert: true });
    return fault;
  }

  return { move, accept };
}

async function ignoreTaken(write: Promise<unknown>): Promise<void> {
  await write.catch((error) => {
    if (!isDuplicateKey(error)) throw error;
  });
}
