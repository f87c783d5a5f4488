import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Db } from 'mongodb';
import { createMongoClient, databaseOf } from '../src/mongo/client.ts';
import { createMigrator, type Migration } from '../src/mongo/migrations.ts';

/** Notes that it has begun; the second then waits for the gate, so that a test can kill it there. */
const step = (name: string, day: number, gated: boolean): Migration => ({
  name: `2026010${day}T0000_${name}`,
  async up(db: Db) {
    await db.collection('steps').insertOne({ name });
    while (gated && (await db.collection('gates').findOne({})) === null) await delay(20);
  },
  async down() {},
});

export const slowMigrations = [step('first', 1, false), step('second', 2, true), step('third', 3, false)];

// Run as a process of its own, so that several can migrate at once and one can be killed.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const uri = process.env.MONGODB_URI!;
  const client = createMongoClient(uri);
  await createMigrator(databaseOf(client, uri), slowMigrations, { leaseMs: 1_000 }).latest();
  await client.close();
}
