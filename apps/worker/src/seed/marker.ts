import type { Platform } from '@backoffice/platform';

/** What of a system's demo data is there already. */
export interface SeedState {
  /** Of the demo data: another version is another story. */
  version: number;
  /** Facts that a resumed run must not decide anew, such as the day as of which the data is made. */
  facts: Record<string, string>;
  /** Names of the steps that are done. */
  done: string[];
  finished: boolean;
}

export interface SeedMarker {
  find: () => Promise<SeedState | null>;
  /** Begins, or goes on with other facts; what is done stays done. */
  begin: (version: number, facts: Record<string, string>) => Promise<void>;
  markDone: (step: string) => Promise<void>;
  finish: () => Promise<void>;
}

type SeedDocument = SeedState & { _id: string; startedAt: Date; changedAt: Date };

/** The marker of one system: a document in `seeds`. */
export function createSeedMarker(db: Platform['db'], system: string, clock: () => Date): SeedMarker {
  const seeds = db.collection<SeedDocument>('seeds');
  const update = (change: object) =>
    seeds.updateOne({ _id: system }, change, {
      upsert: true,
      writeConcern: { w: 'majority', journal: true },
    });

  return {
    find: () => seeds.findOne({ _id: system }),
    async begin(version, facts) {
      await update({
        $set: { version, facts, finished: false, changedAt: clock() },
        $setOnInsert: { done: [], startedAt: clock() },
      });
    },
    async markDone(step) {
      await update({ $addToSet: { done: step }, $set: { changedAt: clock() } });
    },
    async finish() {
      await update({ $set: { finished: true, changedAt: clock() } });
    },
  };
}
