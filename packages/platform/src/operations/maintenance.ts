import { CodedError } from '@backoffice/core';
import type { Collection, Db, Document } from 'mongodb';

/** What a hold stops: jobs; jobs and writes of callers; reads as well. Each one takes in those before it. */
export type HoldScope = 'jobs' | 'writes' | 'everything';

/** While it is in force, processes do not begin what it covers. One document, `hold`. */
export interface HoldDocument {
  _id: string;
  /** Of this very hold; processes acknowledge it by this. */
  token: string;
  kind: 'backup' | 'restore';
  scope: HoldScope;
  /** A sentence for callers. */
  reason: string;
  /** Who holds, for people. */
  holder: string;
  since: Date;
  /** Ends then by itself, unless it lasts: after a killed restore nobody may work on half a database. */
  until: Date;
  lasting: boolean;
}

export type Work = 'job' | 'write' | 'read';

export interface Maintenance {
  /** Does the work and counts it as running. MAINTENANCE while a hold covers such work; then nothing is done. */
  run: <T>(kind: Work, work: () => Promise<T>) => Promise<T>;
  /** The hold in force if it covers such work; never older than two seconds. At once where it need not be asked for. */
  holdOn: (kind: Work) => HoldDocument | null | Promise<HoldDocument | null>;
  /** The same without asking the database: as last seen. */
  seenOn: (kind: Work) => HoldDocument | null;
  /** How many pieces of work run that a hold would have to wait for. */
  running: () => number;
  /** Looks at the hold now. */
  look: () => Promise<HoldDocument | null>;
  /** Done before each look; a process says here that it lives. */
  beforeLook: (say: () => Promise<void>) => void;
}

const covered: Readonly<Record<HoldScope, readonly Work[]>> = {
  jobs: ['job'],
  writes: ['job', 'write'],
  everything: ['job', 'write', 'read'],
};

/** A look is good for so long. Above the second at which processes look, below what a hold waits for. */
const freshMs = 2_000;

export const inForce: Document = { $or: [{ lasting: true }, { $expr: { $gt: ['$until', '$$NOW'] } }] };

export function holdsOf(db: Db): Collection<HoldDocument> {
  return db.collection('maintenance');
}

export function covers(hold: HoldDocument | null, kind: Work): hold is HoldDocument {
  return hold !== null && covered[hold.scope].includes(kind);
}

/**
 * What a process knows of the hold. A standalone MongoDB has no snapshots to read from, so a backup has to
 * ask everybody to stand still for a moment, and has to know that they do.
 */
export function createMaintenance(db: Db): Maintenance {
  let seen: HoldDocument | null = null;
  let seenAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<HoldDocument | null> | undefined;
  let before: () => Promise<void> = async () => undefined;
  const counts: Record<Work, number> = { job: 0, write: 0, read: 0 };

  async function ask(): Promise<HoldDocument | null> {
    // Before the answer: what is said of that moment must not be younger than it is.
    const asked = performance.now();
    await before();
    seen = await holdsOf(db).findOne({ _id: 'hold', ...inForce });
    seenAt = asked;
    return seen;
  }

  function look(): Promise<HoldDocument | null> {
    looking ??= ask().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  function holdOn(kind: Work): HoldDocument | null | Promise<HoldDocument | null> {
    // A process that was halted for a while must not go by what it knew before.
    if (performance.now() - seenAt < freshMs) return covers(seen, kind) ? seen : null;
    return look().then((hold) => (covers(hold, kind) ? hold : null));
  }

  return {
    async run(kind, work) {
      // Counted before the look: who sees a hold and nothing running can say that nothing will run.
      counts[kind] += 1;
      try {
        const hold = await holdOn(kind);
        if (hold !== null) throw new CodedError('MAINTENANCE', hold.reason);
        return await work();
      } finally {
        counts[kind] -= 1;
      }
    },
    holdOn,
    seenOn: (kind) => (covers(seen, kind) ? seen : null),
    running: () => counts.job + counts.write,
    look,
    beforeLook(say) {
      before = say;
    },
  };
}
