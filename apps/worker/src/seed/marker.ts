import type { Platform, SeedMarker, SeedState } from '@backoffice/platform';

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
