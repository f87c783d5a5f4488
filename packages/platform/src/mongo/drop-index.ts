import type { Db } from 'mongodb';

/** Dropping an index that a broken-off run has dropped already is no fault. */
export async function dropIfThere(db: Db, collection: string, names: readonly string[]): Promise<void> {
  if (!(await db.listCollections({ name: collection }).hasNext())) return;
  const there = await db.collection(collection).indexes();
  for (const name of names) {
    if (there.some((index) => index.name === name)) await db.collection(collection).dropIndex(name);
  }
}
