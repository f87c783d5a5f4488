import { randomBytes } from 'node:crypto';
import type { Db, IndexDescriptionInfo } from 'mongodb';
import { createMigrator, pendingMigrations } from '../../mongo/migrations.ts';
import { type Check, type Finding, fault, note, ok, skipped } from './finding.ts';

/**
 * Compares the indexes with those that the migrations make: in a database of their own beside, which is
 * dropped again. What is made by running them can't differ from what running them makes.
 */
export const checkIndexes: Check = async ({ platform: { client, db }, migrations }) => {
  if ((await pendingMigrations(db, migrations)).length > 0) {
    return [skipped('indexes', 'Compared when all migrations are applied.')];
  }
  const beside = client.db(`${db.databaseName.slice(0, 40)}_doctor_${randomBytes(4).toString('hex')}`);
  try {
    await createMigrator(beside, migrations).latest();
    const [wanted, there] = await Promise.all([indexesOf(beside), indexesOf(db)]);
    return compare(wanted, there);
  } catch (error) {
    if ((error as { code?: number }).code !== 13) throw error;
    return [skipped('indexes', 'The database user may not make a database beside to compare with.')];
  } finally {
    await beside.dropDatabase().catch(() => undefined);
  }
};

async function indexesOf(db: Db): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { name } of await db.listCollections({ type: 'collection' }, { nameOnly: true }).toArray()) {
    for (const index of await db.collection(name).indexes()) {
      if (index.name !== '_id_') found.set(`${name}.${index.name}`, formOf(index));
    }
  }
  return found;
}

function formOf({ v: _version, ...index }: IndexDescriptionInfo): string {
  // The order of the keys is part of an index, that of its options is not.
  const { key, ...options } = index;
  const sorted = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([[...Object.entries(key)], sorted]);
}

function compare(wanted: ReadonlyMap<string, string>, there: ReadonlyMap<string, string>): Finding[] {
  const found: Finding[] = [];
  const missing = [...wanted.keys()].filter((name) => !there.has(name));
  const other = [...wanted].filter(([name, form]) => there.has(name) && there.get(name) !== form);
  const more = [...there.keys()].filter((name) => !wanted.has(name));
  if (missing.length > 0) {
    const says = `Missing: ${missing.join(', ')}. What they serve is slow, and what must be unique is not.`;
    found.push(
      fault('indexes', says, 'Make them as the migration of that name does (mongosh, createIndex).'),
    );
  }
  if (other.length > 0) {
    const says = `Not as the migrations make them: ${other.map(([name]) => name).join(', ')}.`;
    found.push(fault('indexes', says, 'Drop and make them as the migration does.'));
  }
  if (more.length > 0) {
    found.push(
      note(
        'indexes',
        `Not known here: ${more.join(', ')}.`,
        'Every write pays for them; drop what nobody needs.',
      ),
    );
  }
  return found.length > 0 ? found : [ok('indexes', `all ${wanted.size} are as the migrations make them`)];
}
