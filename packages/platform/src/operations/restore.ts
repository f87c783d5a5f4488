import { join, resolve } from 'node:path';
import type { Db, IndexDescription } from 'mongodb';
import type { Platform } from '../data.ts';
import { acquireLease, keepLease } from '../mongo/lease.ts';
import { createMigrator, type Migration, migrationLeaseMs } from '../mongo/migrations.ts';
import { databaseId } from '../uploads/retention.ts';
import { collectionsOf, record, sameContent } from './backup.ts';
import { loadCollection, readContent } from './dump.ts';
import { explainDisk, OperationError } from './errors.ts';
import { putBack, readFileList } from './file-copies.ts';
import { type Hold, takeHold } from './hold.ts';
import { holdsOf } from './maintenance.ts';
import type { DumpedCollection, Manifest } from './manifest.ts';
import { liveProcesses, nameOf } from './presence.ts';
import { createTeller, type Say } from './teller.ts';
import { verifyBackup } from './verify-backup.ts';

export interface RestoreOptions {
  folder: string;
  /** Also where the database holds something, which is lost then. */
  replace: boolean;
  /** Also while processes run: they stand still for it, and go on with what was restored. */
  force: boolean;
  /** Takes a backup that was sealed with another AUDIT_KEY, on its hashes alone. */
  unsealed: boolean;
  waitMs: number;
  migrations: readonly Migration[];
  say: Say;
  signal: AbortSignal;
}

export interface RestoreResult {
  manifest: Manifest;
  /** Of them, those that were not in the store any more. */
  filesPutBack: number;
  migrated: string[];
  /** Keys that were removed from Redis. */
  queueKeys: number;
  ms: number;
}

const reason = 'The system is being restored from a backup. Please repeat this in a few minutes.';

/**
 * Puts a backup in the place of what the database holds. The whole backup is checked before anything is
 * touched, and everything that was written is read back. Until it has come to its end nobody can work on the
 * database, also when it was killed midway: then it is run again.
 *
 * @throws OperationError with one sentence
 */
export async function restoreBackup(platform: Platform, options: RestoreOptions): Promise<RestoreResult> {
  const { db, config, redis } = platform;
  const { say, signal } = options;
  const began = performance.now();
  const folder = resolve(options.folder);
  const at = new Date();

  say('checking the backup');
  const manifest = await verifyBackup(folder, options.unsealed ? null : config.AUDIT_KEY, say, signal);
  refuseNewer(manifest, options.migrations);
  await redis.ping().catch(() => {
    throw new OperationError(
      'Redis does not answer; the queues in it have to be emptied. Nothing was changed.',
    );
  });
  await refuseOverwriting(db, options.replace);
  if (!options.force) await refuseRunning(db);

  const hold = await takeHold(db, { kind: 'restore', scope: 'everything', reason, lasting: true });
  try {
    await hold.quiet(['worker', 'api'], options);
  } catch (error) {
    // Nothing has been touched yet.
    await hold.release();
    throw error;
  }
  try {
    const filesPutBack = await restoreFiles(platform, folder, say, signal);
    const lease = await acquireLease(db, 'migrations', migrationLeaseMs);
    if (lease === null) throw new OperationError('Migrations are under way.');
    const endLease = keepLease(lease, migrationLeaseMs);
    try {
      await restoreDatabase(db, folder, manifest, hold, say, signal);
    } finally {
      await endLease();
    }
    const migrator = createMigrator(db, options.migrations, { say });
    const migrated = await migrator.latest();
    const queueKeys = await emptyQueues(platform);
    const ms = Math.round(performance.now() - began);
    await record(db, { kind: 'restore', at, folder, manifest, ms, heldMs: ms });
    await hold.release();
    return { manifest, filesPutBack, migrated, queueKeys, ms };
  } catch (error) {
    hold.abandon();
    const { message } = explainDisk(error, folder) as Error;
    throw new OperationError(
      `${message} The database is not whole now, and nobody can work on it: run the restore again.`,
    );
  }
}

/** A version that does not know a migration does not know what the data look like after it. */
function refuseNewer(manifest: Manifest, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map((each) => each.name));
  const unknown = manifest.migrations.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new OperationError(
      `The backup is of a newer version: this one does not know the migration ${unknown[0]}.`,
    );
  }
}

async function refuseOverwriting(db: Db, replace: boolean): Promise<void> {
  if (replace) return;
  // What a killed restore has left is nobody's data.
  if ((await holdsOf(db).findOne({ _id: 'hold', lasting: true, kind: 'restore' })) !== null) return;
  for (const name of await collectionsOf(db)) {
    if (name === 'migrations') continue;
    if ((await db.collection(name).findOne({}, { projection: { _id: 1 } })) === null) continue;
    throw new OperationError(
      `The database ${db.databaseName} is not empty (${name}). Nothing was changed; with --replace its content is given up.`,
    );
  }
}

async function refuseRunning(db: Db): Promise<void> {
  const live = await liveProcesses(db);
  if (live.length === 0) return;
  throw new OperationError(
    `Still running: ${live.map(nameOf).join(', ')}. Stop them first; with --force they stand still for it instead. Nothing was changed.`,
  );
}

/** Files come first: one more of them does no harm, should the rest fail. */
async function restoreFiles(
  { files, db }: Platform,
  folder: string,
  say: Say,
  signal: AbortSignal,
): Promise<number> {
  const tell = createTeller(say);
  await files.identity();
  // Whichever database they belonged to: from now on it is this one.
  await files.belongsTo(await databaseId(db), true);
  let count = 0;
  for await (const entry of readFileList(folder)) {
    if ((await putBack(files, join(folder, 'files', entry.key), entry, signal)) === 'put back') count += 1;
    tell(() => `${count.toLocaleString('en')} files put back`);
  }
  return count;
}

async function restoreDatabase(
  db: Db,
  folder: string,
  manifest: Manifest,
  hold: Hold,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  for (const name of await collectionsOf(db)) await db.collection(name).drop();
  const tell = createTeller(say);
  for (const each of manifest.collections as DumpedCollection[]) {
    const { name } = each;
    await db.createCollection(name);
    const progress = (n: number) =>
      tell(() => `${name}: ${n.toLocaleString('en')} of ${each.documents.toLocaleString('en')} documents`);
    await loadCollection(db, name, join(folder, each.dump), progress, signal);
    const now = await readContent(db, name, () => undefined, signal);
    if (!sameContent(now, each))
      throw new OperationError(`${name} is not in the database as it is in the backup.`);
    hold.assertOurs();
  }
  // Last: a time to live begins to count at once, and unique ones are checked against everything.
  for (const { name, indexes } of manifest.collections as DumpedCollection[]) {
    const wanted = indexes.filter((index) => index.name !== '_id_').map(describe);
    if (wanted.length > 0) await db.collection(name).createIndexes(wanted);
  }
}

/** An index as MongoDB tells it, as it is asked for. */
function describe({ v: _version, ns: _namespace, ...index }: Record<string, unknown>): IndexDescription {
  return index as unknown as IndexDescription;
}

/** Jobs in Redis are of another time. What is to be done stands in the records; the sweeper enqueues it. */
async function emptyQueues({ redis, config }: Platform): Promise<number> {
  let removed = 0;
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${config.QUEUE_PREFIX}:*`, 'COUNT', 500);
    if (keys.length > 0) removed += await redis.unlink(...keys);
    cursor = next;
  } while (cursor !== '0');
  return removed;
}
