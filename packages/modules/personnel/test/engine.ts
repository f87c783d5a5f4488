import { randomBytes } from 'node:crypto';
import { createSharedReads } from '@backoffice/platform';
import { type Db, MongoClient } from 'mongodb';
import type { Test } from 'tap';
import { personnelMigrations } from '../src/migrations.ts';
import type { Actor, PersonnelFields } from '../src/model.ts';
import { createPersonnelRepository, type PersonnelRepository } from '../src/repository.ts';

export const zone = 'Asia/Kolkata';
export const actor: Actor = { userId: 'u-1', name: 'Asha Rao', requestId: 'r-1' };

/** A database of its own, gone with the test. Its writes need not survive a crash, so they do not wait for the disk. */
export async function openDatabase(t: Test): Promise<Db> {
  const client = new MongoClient(process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017');
  const db = client.db(`personnel_${randomBytes(6).toString('hex')}`);
  t.teardown(async () => {
    await db.dropDatabase();
    await client.close();
  });
  for (const migration of personnelMigrations) await migration.up(db);
  return db;
}

export async function emptyDatabase(db: Db): Promise<void> {
  for (const { name } of await db.listCollections().toArray()) await db.collection(name).deleteMany({});
}

export function openRepository(db: Db, clock: () => Date): PersonnelRepository {
  return createPersonnelRepository({
    ...{ db, clock, config: { TIME_ZONE: zone } as never },
    reads: createSharedReads(db),
  });
}

/** The id of a new db. */
export async function makeDb(repository: PersonnelRepository, code: string): Promise<string> {
  const fields = { name: `Db ${code}`, short_code: code, description: 'for a test' };
  const made = await repository.dbs.insert(fields, null, () => ({}) as never);
  return made._id.toHexString();
}

let counter = 0;

/** Somebody with an army number of their own. */
export function buildFields(overrides: Partial<PersonnelFields> = {}): PersonnelFields {
  counter += 1;
  return {
    first_name: 'Ravi',
    last_name: 'Kumar',
    middle_name: null,
    army_number: `NA/${String(counter).padStart(6, '0')}`,
    phone_number: '08031234567',
    rank: 'Sgt',
    bank: { name: 'State Bank', sort_code: '011' },
    acct_number: '0012345678',
    sub_sector: 'North',
    location: null,
    remark: null,
    ...overrides,
  };
}
