import { randomBytes } from 'node:crypto';
import type { Collection, Db, Document, Filter } from 'mongodb';
import type { Platform } from '../data.ts';
import type { SystemName } from '../http/module.ts';
import type { UploadDocument } from './model.ts';

const day = 24 * 3_600_000;
/** What is younger may belong to an upload whose record is just being written. */
const orphanMs = 3_600_000;
const pieceSize = 500;

/** What one round of housekeeping did. */
export interface Housekeeping {
  /** Files and row errors of uploads whose time is over. */
  expired: number;
  /** Stored files without a record. Null where the store is another database's. */
  orphans: number | null;
  /** Ended jobs that were removed from Redis. */
  jobs: number;
}

/**
 * The hourly round: what the retention settings let go, and what killed processes have left. Safe to repeat
 * and to run twice at once.
 */
export function createHousekeeping(platform: Platform, system: SystemName) {
  return async function keepHouse(): Promise<Housekeeping> {
    return {
      expired: await removeExpired(platform, system),
      orphans: await removeOrphans(platform),
      jobs: await removeOldJobs(platform, system),
    };
  };
}

/**
 * Ended uploads that nothing can come back to: failed ones, dry runs, repetitions, and those undone. What was
 * imported can be in force or come back into force, and can always be undone: its file stays for good.
 */
function expiredBefore(system: SystemName, before: Date): Filter<UploadDocument> {
  const ended: Document = {
    status: { $in: ['completed', 'completed_with_errors'] },
    finishedAt: { $lt: before },
  };
  return {
    system,
    fileRemovedAt: null,
    'undo.state': { $ne: 'queued' },
    $or: [
      { status: 'failed', finishedAt: { $lt: before } },
      { ...ended, dryRun: true },
      { ...ended, duplicateOf: { $ne: null } },
      { ...ended, 'undo.state': 'done', 'undo.finishedAt': { $lt: before } },
    ],
  } as Filter<UploadDocument>;
}

async function removeExpired({ db, config, clock, files }: Platform, system: SystemName): Promise<number> {
  if (config.UPLOAD_RETENTION_DAYS === 0) return 0;
  const uploads: Collection<UploadDocument> = db.collection('uploads');
  const now = clock();
  const expired = expiredBefore(system, new Date(now.getTime() - config.UPLOAD_RETENTION_DAYS * day));
  let removed = 0;
  for await (const { _id, fileKey } of uploads.find(expired, { projection: { fileKey: 1 } })) {
    // The record says so first: a file that is gone must never be taken for one that is there. Should this
    // end in between, the file is one that no record claims, and goes with those.
    const change = { $set: { fileRemovedAt: now, errors: [] } };
    const said = await uploads.updateOne({ ...expired, _id }, change);
    if (said.modifiedCount === 0) continue;
    await db.collection('upload_errors').deleteMany({ uploadId: _id });
    await files.remove(fileKey);
    removed += 1;
  }
  return removed;
}

async function removeOrphans(platform: Platform): Promise<number | null> {
  const { db, clock, files, log } = platform;
  if (!(await files.belongsTo(await databaseId(db)))) {
    log.warn('the files in DATA_DIR belong to another database; those without a record are left alone');
    return null;
  }
  const before = clock().getTime() - orphanMs;
  let removed = 0;
  let old: string[] = [];
  const sweep = async () => {
    const claimed = await claimedKeys(db, old);
    for (const key of old.filter((each) => !claimed.has(each))) {
      await files.remove(key);
      removed += 1;
    }
    old = [];
  };
  for await (const { key, keptAt } of files.list()) {
    if (keptAt.getTime() < before) old.push(key);
    if (old.length >= pieceSize) await sweep();
  }
  await sweep();
  return removed;
}

/** Of the keys, those that a record names whose file is to be there. */
async function claimedKeys(db: Db, keys: readonly string[]): Promise<Set<string>> {
  const uploads: Collection<UploadDocument> = db.collection('uploads');
  const claiming = { fileKey: { $in: [...keys] }, fileRemovedAt: null } as Filter<UploadDocument>;
  const found = await uploads.find(claiming, { projection: { _id: 0, fileKey: 1 } }).toArray();
  return new Set(found.map((each) => each.fileKey));
}

async function removeOldJobs({ jobs, config }: Platform, system: SystemName): Promise<number> {
  const age = config.JOB_RETENTION_DAYS * day;
  return (await jobs.bullQueue(system).clean(age, 1_000, 'failed')).length;
}

/** What a database is known by to the store of its files. Made once; a restored one is another. */
export async function databaseId(db: Db): Promise<string> {
  const ids = db.collection<{ _id: string; id: string }>('maintenance');
  const made = { id: randomBytes(12).toString('hex') };
  const found = await ids.findOneAndUpdate(
    { _id: 'database' },
    { $setOnInsert: made },
    { upsert: true, returnDocument: 'after' },
  );
  return found!.id;
}
