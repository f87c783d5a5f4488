import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Collection, Db } from 'mongodb';
import type { Platform } from '../data.ts';
import { covers, type HoldDocument } from './maintenance.ts';

export type ProcessRole = 'api' | 'worker';

/** A running process, as it says of itself. It counts as living until `until`. */
export interface ProcessDocument {
  _id: string;
  role: ProcessRole;
  host: string;
  pid: number;
  node: string;
  startedAt: Date;
  /** By the process's own clock, at the same moment as `seenAt` by MongoDB's. */
  clock: Date;
  seenAt: Date;
  until: Date;
  /** The token of the hold under which it does nothing, or null. */
  quiet: string | null;
  running: number;
  /** Which store of files it uses; the same for all that share one. Null where it could not be read. */
  store: string | null;
}

const lookMs = 1_000;
const beatMs = 3_000;
/** After so long without a sign a process counts as dead. */
export const lifeMs = 10_000;

export function processesOf(db: Db): Collection<ProcessDocument> {
  return db.collection('processes');
}

/** Those that have given a sign of life within ten seconds. */
export async function liveProcesses(db: Db): Promise<ProcessDocument[]> {
  return processesOf(db)
    .find({ $expr: { $gt: ['$until', '$$NOW'] } })
    .sort({ role: 1, host: 1, pid: 1 })
    .toArray();
}

/** For people: `worker (process 12 on host)`. */
export function nameOf({ role, pid, host }: Pick<ProcessDocument, 'role' | 'pid' | 'host'>): string {
  return `${role === 'api' ? 'API' : 'worker'} (process ${pid} on ${host})`;
}

export interface Presence {
  /** Takes the process off the list. */
  end: () => Promise<void>;
}

/**
 * Says every few seconds that this process lives, looks every second whether a hold is in force, and
 * acknowledges it once nothing runs that the hold covers. MongoDB may be away at any time.
 *
 * Living is said before looking: whoever sets a hold and then reads the list finds every process that can
 * have looked before.
 */
export function startPresence(platform: Platform, role: ProcessRole): Presence {
  const { db, maintenance, log, files, clock } = platform;
  const processes = processesOf(db);
  const id = randomBytes(12).toString('hex');
  const startedAt = clock();
  const mine = role === 'worker' ? 'job' : 'write';
  let beatAt = Number.NEGATIVE_INFINITY;
  let quiet: string | null = null;
  let store: string | null = null;
  let ending = false;
  let timer: NodeJS.Timeout | undefined;

  async function beat(): Promise<void> {
    const asked = performance.now();
    store ??= await files.identity().catch(() => null);
    const facts = { role, host: hostname(), pid: process.pid, node: process.version, startedAt };
    const now = { clock: clock(), quiet, running: maintenance.running(), store };
    await processes.updateOne(
      { _id: id },
      // Literal: a host may be called anything.
      [
        { $set: { facts: { $literal: { ...facts, ...now } } } },
        { $replaceWith: { $mergeObjects: [{ _id: '$_id' }, '$facts'] } },
        { $set: { seenAt: '$$NOW', until: { $add: ['$$NOW', lifeMs] } } },
      ],
      { upsert: true },
    );
    beatAt = asked;
  }

  maintenance.beforeLook(async () => {
    if (!ending && performance.now() - beatAt >= beatMs) await beat();
  });

  async function tick(): Promise<void> {
    try {
      const next = quietUnder(await maintenance.look());
      if (next !== quiet) {
        quiet = next;
        await beat();
      }
    } catch (error) {
      log.debug({ err: error }, 'no sign of life');
    }
    if (!ending) timer = setTimeout(tick, lookMs);
  }

  function quietUnder(hold: HoldDocument | null): string | null {
    return covers(hold, mine) && maintenance.running() === 0 ? hold.token : null;
  }

  void tick();
  return {
    async end() {
      ending = true;
      clearTimeout(timer);
      await processes.deleteOne({ _id: id }).catch(() => undefined);
    },
  };
}
