import { randomBytes } from 'node:crypto';
import { type Db, MongoClient } from 'mongodb';
import type { Test } from 'tap';
import { type Audit, createAudit } from '../src/audit/audit.ts';
import { chainOf } from '../src/audit/chain.ts';
import { type AuditEntry, type Audited, auditEntry } from '../src/audit/outbox.ts';
import { createMigrator } from '../src/mongo/migrations.ts';
import { platformMigrations } from '../src/mongo/platform-migrations.ts';

export const auditKey = 'a key for the audit of these tests, long enough';
export const mongoUri = process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017';

export type Thing = Audited & { _id: string; value?: number };

/** A database of its own with an audited collection `things` beside those of the platform. */
export async function openAudit(t: Test, clock: () => Date = () => new Date()) {
  const client = new MongoClient(mongoUri);
  const db = client.db(`audit_${randomBytes(6).toString('hex')}`);
  t.teardown(async () => {
    await db.dropDatabase();
    await client.close();
  });
  await createMigrator(db, platformMigrations).latest();
  await db
    .collection('things')
    .createIndex({ 'outbox.at': 1 }, { partialFilterExpression: { 'outbox.at': { $exists: true } } });
  const audit = auditOf(db, clock);
  return { client, db, audit, ...chainOf(db), things: db.collection<Thing>('things') };
}

export function auditOf(db: Db, clock: () => Date = () => new Date(), key = auditKey): Audit {
  const audit = createAudit(db, key, clock, ['receivables']);
  audit.register(['things']);
  return audit;
}

export function buildEntry(overrides: Partial<AuditEntry> = {}): AuditEntry {
  const { id, ...facts } = overrides;
  return auditEntry(
    {
      system: 'receivables',
      actor: { userId: 'u-1', name: 'Asha Rao' },
      action: 'thing.change',
      object: { type: 'thing', id: 't-1' },
      before: { value: 1 },
      after: { value: 2 },
      requestId: 'r-1',
      at: new Date(),
      ...facts,
    },
    id,
  );
}

/** Changes a thing and says so, in one write. */
export async function tell(db: Db, thing: string, entry: AuditEntry): Promise<void> {
  await db
    .collection<Thing>('things')
    .updateOne({ _id: thing }, { $push: { outbox: entry }, $inc: { value: 1 } }, { upsert: true });
}

/** A chain of so many entries, a second apart from `from` on. */
export async function fill(
  db: Db,
  count: number,
  from = new Date('2026-11-01T00:00:00.000Z'),
): Promise<AuditEntry[]> {
  const entries = Array.from({ length: count }, (_, index) =>
    buildEntry({
      id: `e-${String(index + 1).padStart(4, '0')}`,
      object: { type: 'thing', id: `t-${index % 7}` },
      after: { value: index },
      at: new Date(from.getTime() + index * 1_000),
    }),
  );
  for (const entry of entries) await tell(db, entry.object.id, entry);
  return entries;
}
