import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Decimal128, Long, ObjectId, Timestamp, UUID } from 'mongodb';
import type { Test } from 'tap';
import type { Platform } from '../src/data.ts';
import { createMigrator } from '../src/mongo/migrations.ts';
import { platformMigrations } from '../src/mongo/platform-migrations.ts';
import { createBackup } from '../src/operations/backup.ts';
import { restoreBackup } from '../src/operations/restore.ts';
import { openUploads, removeKeys } from './upload-support.ts';

export async function temporaryFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'backups-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What MongoDB itself says of the content of every collection, without those of running processes. */
export async function hashesOf({ db }: Platform): Promise<Record<string, string>> {
  const { collections } = (await db.command({ dbHash: 1 })) as unknown as {
    collections: Record<string, string>;
  };
  const passing = ['maintenance', 'processes', 'leases', 'backups'];
  return Object.fromEntries(Object.entries(collections).filter(([name]) => !passing.includes(name)));
}

export async function indexesOf({ db }: Platform): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const name of Object.keys(await hashesOf({ db } as Platform)).sort()) {
    found[name] = (await db.collection(name).indexes()).sort((a, b) => (a.name! < b.name! ? -1 : 1));
  }
  return found;
}

/** A database with documents of every kind and files, in the store and in records. */
export async function openFilled(t: Test, overrides: NodeJS.ProcessEnv = {}) {
  const { platform, env } = await openUploads(t, overrides);
  const odd = platform.db.collection<{ _id: unknown }>('odd things');
  await odd.insertMany([
    {
      _id: 1,
      long: Long.fromString('9007199254740993'),
      int: 5,
      double: 5.5,
      decimal: Decimal128.fromString('1.10'),
    },
    {
      _id: 'two',
      at: new Date(0),
      bytes: Buffer.from([0, 255]),
      regex: /a/i,
      nothing: null,
      list: [1, [2, {}]],
    },
    { _id: new ObjectId(), uuid: new UUID(), stamp: new Timestamp({ t: 1, i: 2 }), text: 'ज़ \u0000 😀' },
    { _id: { b: 1, a: 2 }, big: 'x'.repeat(3_000_000) },
  ] as never[]);
  // Names like numbers, behind others: an object in JavaScript would put them first.
  await odd.updateOne({ _id: 1 } as object, { $set: { '7': 'seven', 'z.3': 1 } });
  await odd.createIndex(
    { 'z.3': 1 },
    { name: 'partly', unique: true, partialFilterExpression: { 'z.3': { $exists: true } } },
  );
  await odd.createIndex({ text: 'text' }, { name: 'words' });
  const many = Array.from({ length: 25_000 }, (_, i) => ({ _id: i, amount: i * 3, text: `row ${i}` }));
  await platform.db.collection<{ _id: number }>('many').insertMany(many);
  await platform.db.collection<{ _id: string }>('users').insertOne({ _id: 'somebody' });
  for (const text of ['first', 'second', 'third']) {
    const staged = await platform.files.stage(Readable.from([Buffer.from(text.repeat(1_000))]));
    const fileKey = await staged.commit();
    const record = {
      system: 'receivables',
      fileKey,
      sha256: staged.sha256,
      size: staged.size,
      status: 'completed',
    };
    await platform.db.collection('uploads').insertOne(record);
  }
  return { platform, env };
}

const quiet = { say: () => undefined, signal: new AbortController().signal, waitMs: 10_000 };

export function backUp(
  platform: Platform,
  into: string,
  options: Partial<Parameters<typeof createBackup>[1]> = {},
) {
  return createBackup(platform, { ...quiet, into, ...options });
}

export function bringBack(
  platform: Platform,
  folder: string,
  options: Partial<Parameters<typeof restoreBackup>[1]> = {},
) {
  const plain = { replace: false, force: false, unsealed: false, migrations: platformMigrations };
  return restoreBackup(platform, { ...quiet, ...plain, folder, ...options });
}

/** Database, files and queues gone, as on a new machine; migrated, as an installation begins. */
export async function loseEverything(platform: Platform): Promise<void> {
  await platform.db.dropDatabase();
  await rm(join(platform.config.DATA_DIR, 'files'), { recursive: true, force: true });
  await removeKeys(platform.config.QUEUE_PREFIX);
  await createMigrator(platform.db, platformMigrations).latest();
}
