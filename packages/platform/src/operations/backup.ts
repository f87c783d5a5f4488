import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Db } from 'mongodb';
import type { Platform } from '../data.ts';
import { acquireLease, keepLease } from '../mongo/lease.ts';
import { migrationLeaseMs } from '../mongo/migrations.ts';
import { backupName, prune, removeTorsos } from './backup-folders.ts';
import { type Content, dumpCollection, readContent, syncPath } from './dump.ts';
import { explainDisk, OperationError } from './errors.ts';
import { copyMeasured, type FileEntry, writeFileList } from './file-copies.ts';
import { type Hold, takeHold } from './hold.ts';
import { type DumpedCollection, type Manifest, writeManifest } from './manifest.ts';
import { createTeller, type Say } from './teller.ts';
import { verifyBackup } from './verify-backup.ts';

export interface BackupOptions {
  /** The folder in which the backup becomes a folder of its own. */
  into: string;
  /** How many backups of this database stay there; undefined: all. */
  keep?: number | undefined;
  /** How long to wait for imports and requests under way to end. */
  waitMs: number;
  say: Say;
  signal: AbortSignal;
}

export interface BackupResult {
  folder: string;
  manifest: Manifest;
  /** How long callers could not write, in milliseconds. */
  heldMs: number;
  ms: number;
  /** Folders of older backups that were removed. */
  removed: string[];
}

/** A backup that was made, or a restore that came to its end: one document in `backups`. */
export interface BackupRecord {
  kind: 'backup' | 'restore';
  at: Date;
  folder: string;
  documents: number;
  bytes: number;
  files: number;
  ms: number;
  heldMs: number;
}

/** Of running processes, not of the business. */
export const passing: ReadonlySet<string> = new Set(['maintenance', 'processes', 'leases', 'backups']);

/**
 * Collections that sign-ins write while a backup is made. Each document stands for itself, so there is no
 * moment that they would have to be of. Those with a time to live belong to them by themselves.
 */
const standalone: ReadonlySet<string> = new Set(['users']);

const reason = 'A backup is being made; nothing can be changed for a moment. Please repeat this shortly.';

/**
 * Database and files as they are at one moment, in a new folder `<database>-<time>`. It has its name only
 * when it is complete and was read back.
 *
 * Files come first: they never change, and nobody has to wait for them. Then everybody is asked to stand
 * still (first the workers, which may take a while, then the APIs), and the documents are read twice. Only
 * when both readings are the same did everybody stand still indeed.
 *
 * @throws OperationError with one sentence; nothing of the backup is left then
 */
export async function createBackup(platform: Platform, options: BackupOptions): Promise<BackupResult> {
  const { db, config } = platform;
  const began = performance.now();
  const at = new Date();
  const { say, signal } = options;
  const into = resolve(options.into);
  const folder = join(into, backupName(db.databaseName, at));
  const partial = `${folder}-${randomBytes(3).toString('hex')}.partial`;

  // Migrations change everything; neither begins while the other is under way.
  const lease = await acquireLease(db, 'migrations', migrationLeaseMs);
  if (lease === null)
    throw new OperationError('Migrations or another backup are under way; try again when they are done.');
  const endLease = keepLease(lease, migrationLeaseMs);
  try {
    await mkdir(join(partial, 'collections'), { recursive: true, mode: 0o700 });
    await removeTorsos(into, db.databaseName, partial);
    const files = new Map<string, FileEntry>();
    await copyFiles(platform, partial, files, options);
    const { collections, missing, heldMs } = await holding(platform, partial, files, options);
    const manifest = await finish(platform, partial, { at, collections, files, missing });

    say('reading it back');
    await verifyBackup(partial, config.AUDIT_KEY, say, signal);
    await rename(partial, folder);
    await syncPath(into);
    const ms = Math.round(performance.now() - began);
    await record(db, { kind: 'backup', at, folder, manifest, ms, heldMs });
    const removed = options.keep === undefined ? [] : await prune(into, db.databaseName, options.keep);
    return { folder, manifest, heldMs, ms, removed };
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    if (signal.aborted) throw new OperationError('Broken off; nothing of the backup is left.');
    throw explainDisk(error, into);
  } finally {
    await endLease().catch(() => undefined);
  }
}

/** The part for which everybody stands still. */
async function holding(
  platform: Platform,
  partial: string,
  files: Map<string, FileEntry>,
  options: BackupOptions,
) {
  const { db } = platform;
  const { say, signal } = options;
  const hold = await takeHold(db, { kind: 'backup', scope: 'jobs', reason });
  try {
    await hold.quiet(['worker'], options);
    const closedAt = performance.now();
    await hold.widen('writes');
    await hold.quiet(['worker', 'api'], options);
    say('nothing is written now');
    const collections = await dumpAll(db, partial, hold, say, signal);
    await copyFiles(platform, partial, files, options);
    await compareAll(db, collections, hold, say, signal);
    const missing = await missingFiles(db, files);
    hold.assertOurs();
    const heldMs = Math.round(performance.now() - closedAt);
    return { collections, missing, heldMs };
  } finally {
    await hold.release().catch(() => undefined);
    say('writing goes on');
  }
}

/** Every collection of the business, with its indexes. */
async function dumpAll(
  db: Db,
  partial: string,
  hold: Hold,
  say: Say,
  signal: AbortSignal,
): Promise<DumpedCollection[]> {
  const dumped: DumpedCollection[] = [];
  for (const name of await collectionsOf(db)) {
    const dump = `collections/${encodeURIComponent(name)}.bson.gz`;
    const tell = createTeller(say);
    const progress = (documents: number) =>
      tell(() => `${name}: ${documents.toLocaleString('en')} documents`);
    const content = await dumpCollection(db, name, join(partial, dump), progress, signal);
    const indexes = await db.collection(name).indexes();
    hold.assertOurs();
    dumped.push({ name, dump, ...content, indexes } as DumpedCollection);
  }
  return dumped;
}

/**
 * Reads everything again. What is the same at the end as at the beginning, collection by collection, was the
 * same at the moment between both readings: so that is the moment of the backup.
 */
async function compareAll(
  db: Db,
  dumped: readonly DumpedCollection[],
  hold: Hold,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const names = await collectionsOf(db);
  const changed: string[] = names.filter((name) => !dumped.some((each) => each.name === name));
  for (const each of dumped) {
    if (standalone.has(each.name) || each.indexes.some((index) => index.expireAfterSeconds !== undefined))
      continue;
    const tell = createTeller(say);
    const now = await readContent(
      db,
      each.name,
      (n) => tell(() => `comparing ${each.name}: ${n.toLocaleString('en')}`),
      signal,
    );
    hold.assertOurs();
    if (!sameContent(now, each)) changed.push(each.name);
  }
  if (changed.length > 0) {
    throw new OperationError(
      `Something has written in the meantime that does not heed the pause (${changed.join(', ')}): a process of an older version, a command, or somebody by hand. Stop it and make the backup again.`,
    );
  }
}

export function sameContent(a: Content, b: Content): boolean {
  return a.documents === b.documents && a.bytes === b.bytes && a.sha256 === b.sha256;
}

export async function collectionsOf(db: Db): Promise<string[]> {
  const found = await db.listCollections({ type: 'collection' }, { nameOnly: true }).toArray();
  return found
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('system.') && !passing.has(name))
    .sort();
}

/** Copies what the store has and the backup does not; takes out what was removed in between. */
async function copyFiles(
  { files: store }: Platform,
  partial: string,
  copied: Map<string, FileEntry>,
  { say, signal }: BackupOptions,
): Promise<void> {
  const tell = createTeller(say);
  const there = new Set<string>();
  for await (const { key } of store.list()) {
    there.add(key);
    if (copied.has(key)) continue;
    const from = await store.localCopy(key, partial);
    const copy = await copyMeasured(from, join(partial, 'files', key), signal).catch((error) => {
      // Removed between the list and the copy.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    });
    if (copy === null) there.delete(key);
    else copied.set(key, { key, ...copy });
    tell(() => `${copied.size.toLocaleString('en')} files`);
  }
  for (const key of [...copied.keys()].filter((each) => !there.has(each))) {
    copied.delete(key);
    await rm(join(partial, 'files', key), { force: true });
  }
}

/** Files that a record names and the store does not have, or has with another content. */
async function missingFiles(db: Db, copied: ReadonlyMap<string, FileEntry>): Promise<string[]> {
  const missing: string[] = [];
  const named = db
    .collection<{ fileKey: string; sha256: string }>('uploads')
    .find({ fileRemovedAt: null } as object, { projection: { fileKey: 1, sha256: 1 } });
  for await (const { fileKey, sha256 } of named) {
    if (copied.get(fileKey)?.sha256 !== sha256) missing.push(fileKey);
  }
  return missing;
}

async function finish(
  { db, config }: Platform,
  partial: string,
  given: { at: Date; collections: DumpedCollection[]; files: Map<string, FileEntry>; missing: string[] },
): Promise<Manifest> {
  const { at, collections, files, missing } = given;
  const sorted = [...files.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const sha256 = await writeFileList(partial, sorted);
  const { version } = (await db.command({ buildInfo: 1 })) as unknown as { version: string };
  const applied = await db
    .collection('migrations')
    .find({}, { projection: { _id: 1 } })
    .sort({ _id: 1 })
    .toArray();
  const manifest: Manifest = {
    format: 1,
    at: at.toISOString(),
    database: db.databaseName,
    server: version,
    migrations: applied.map((each) => String(each._id)),
    collections: collections as Manifest['collections'],
    files: { count: sorted.length, bytes: sorted.reduce((sum, each) => sum + each.size, 0), sha256, missing },
  };
  await writeManifest(partial, manifest, config.AUDIT_KEY);
  await syncPath(join(partial, 'collections'));
  await syncPath(partial);
  return manifest;
}

export async function record(
  db: Db,
  { manifest, ...rest }: Omit<BackupRecord, 'documents' | 'bytes' | 'files'> & { manifest: Manifest },
): Promise<void> {
  const documents = manifest.collections.reduce((sum, each) => sum + each.documents, 0);
  const bytes = manifest.collections.reduce((sum, each) => sum + each.bytes, manifest.files.bytes);
  await db
    .collection<BackupRecord>('backups')
    .insertOne({ ...rest, documents, bytes, files: manifest.files.count });
}
