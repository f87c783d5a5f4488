import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Db, Document } from 'mongodb';
import { OperationError } from './errors.ts';
import { type HoldDocument, type HoldScope, holdsOf, inForce } from './maintenance.ts';
import { liveProcesses, nameOf, type ProcessRole } from './presence.ts';
import type { Say } from './teller.ts';

/** A hold that is ours. */
export interface Hold {
  token: string;
  /** Throws when it has ended or is another's by now. */
  assertOurs: () => void;
  widen: (scope: HoldScope) => Promise<void>;
  /**
   * Waits until every living process of these roles has said that it stands still.
   * @throws OperationError naming those that do not, after `waitMs`
   */
  quiet: (roles: readonly ProcessRole[], how: Waiting) => Promise<void>;
  release: () => Promise<void>;
  /** Leaves it as it is without keeping it: a restore that failed must go on keeping others out. */
  abandon: () => void;
}

export interface Waiting {
  waitMs: number;
  say: Say;
  signal: AbortSignal;
}

export interface HoldWish {
  kind: HoldDocument['kind'];
  scope: HoldScope;
  reason: string;
  lasting?: boolean;
  /** Without a sign of life from its holder it ends after so long. */
  leaseMs?: number;
}

const pollMs = 150;

/**
 * Takes the hold and keeps it until released. One at a time. A restore may take over that of a restore that
 * was killed; nobody else may.
 * @throws OperationError when somebody else holds
 */
export async function takeHold(db: Db, wish: HoldWish): Promise<Hold> {
  const holds = holdsOf(db);
  const { leaseMs = 10_000, lasting = false } = wish;
  const token = randomBytes(12).toString('hex');
  const holder = `process ${process.pid} on ${hostname()}`;
  const until = { $add: ['$$NOW', leaseMs] };
  const ended = { until: new Date(0), lasting: false };
  await holds.updateOne({ _id: 'hold' }, { $setOnInsert: ended }, { upsert: true });
  const free: Document[] = [{ lasting: false, $expr: { $lt: ['$until', '$$NOW'] } }];
  if (wish.kind === 'restore') free.push({ kind: 'restore', $expr: { $lt: ['$until', '$$NOW'] } });
  const facts = {
    $literal: { token, kind: wish.kind, scope: wish.scope, reason: wish.reason, holder, lasting },
  };
  const taken = await holds.updateOne({ _id: 'hold', $or: free }, [
    { $replaceWith: { $mergeObjects: [{ _id: '$_id' }, facts] } },
    { $set: { since: '$$NOW', until } },
  ]);
  if (taken.modifiedCount === 0) throw new OperationError(await whoHolds(db));

  let lost = false;
  let renewed = performance.now();
  const beat = async () => {
    const asked = performance.now();
    try {
      // One that has ended must not begin again: in between others have written.
      const kept = await holds.updateOne({ _id: 'hold', token, ...inForce }, [{ $set: { until } }]);
      if (kept.matchedCount === 1) renewed = asked;
      else lost = true;
    } catch {
      // MongoDB does not answer; it may be back before the hold ends.
    }
  };
  const timer = setInterval(() => void beat(), leaseMs / 5);

  const hold: Hold = {
    token,
    assertOurs() {
      const late = !lasting && performance.now() - renewed > leaseMs;
      if (lost || late) throw new OperationError('The hold could not be kept; others have gone on writing.');
    },
    async widen(scope) {
      const done = await holds.updateOne({ _id: 'hold', token, ...inForce }, [{ $set: { scope, until } }]);
      lost ||= done.matchedCount === 0;
      hold.assertOurs();
    },
    async quiet(roles, { waitMs, say, signal }) {
      const end = performance.now() + waitMs;
      let said = performance.now();
      for (;;) {
        signal.throwIfAborted();
        hold.assertOurs();
        const live = await liveProcesses(db);
        const busy = live.filter((each) => roles.includes(each.role) && each.quiet !== token);
        if (busy.length === 0) return;
        const names = busy.map(nameOf).join(', ');
        if (performance.now() > end) {
          throw new OperationError(
            `Waited ${Math.round(waitMs / 1_000)} s in vain for ${names} to finish what runs. Nothing was changed; try again later, or wait longer with --wait.`,
          );
        }
        if (performance.now() - said > 2_000) {
          say(`waiting for ${names}`);
          said = performance.now();
        }
        await delay(pollMs);
      }
    },
    abandon() {
      clearInterval(timer);
    },
    async release() {
      clearInterval(timer);
      await holds.updateOne({ _id: 'hold', token }, { $set: ended });
    },
  };
  return hold;
}

async function whoHolds(db: Db): Promise<string> {
  const other = await holdsOf(db).findOne({ _id: 'hold', ...inForce });
  if (other?.lasting) {
    return `A restore (${other.holder}) was begun and has not come to its end. Run it again: nobody can work before it has.`;
  }
  return `Another ${other?.kind ?? 'backup'} is under way${other ? ` (${other.holder})` : ''}.`;
}
