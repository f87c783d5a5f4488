import { CodedError } from '@backoffice/core';
import type { ObjectId } from 'mongodb';
import { readFields } from './fields.ts';
import { existsAlready } from './imports/row-errors.ts';
import { type Actor, armyKey, type PersonnelFields, type Status, statuses } from './model.ts';
import { rowId } from './repository/imports.ts';
import { entryOf } from './repository/record-state.ts';
import type { PersonnelRepository } from './repository.ts';

/** What an upload answers: each item or row that was not taken, by its place from 0. */
export interface UploadOutcome {
  inserted: number;
  failed: { index: number; error: string }[];
}

/** An item of a list that passed every check which needs no other one. */
interface Item {
  index: number;
  key: string;
  fields: PersonnelFields;
  status: Status | null;
}

const writtenTogether = 1_000;

/** What an item says, or why it can't be taken: a text that names the field. */
function readItem(given: unknown, index: number, dbId: string): Item | string {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return 'The item must be an object.';
  const item = given as Record<string, unknown>;
  const db = typeof item.db_id === 'string' ? item.db_id.trim().toLowerCase() : null;
  if (db !== dbId) return 'db_id mismatch in item';
  const { status } = item;
  const known = statuses.find((each) => each === status);
  if (status !== undefined && status !== null && known === undefined) {
    return `"status" must be one of ${statuses.join(', ')}.`;
  }
  try {
    const fields = readFields(item);
    return { index, key: armyKey(fields.army_number), fields, status: known ?? null };
  } catch (error) {
    if (error instanceof CodedError) return error.message;
    throw error;
  }
}

/**
 * Inserts the items of a list, each for itself: of two with one number the first wins, and one whose number is
 * taken fails alone. `seed` makes it safe to repeat: with the same one nothing is inserted twice.
 */
export async function insertItems(
  { records, imports }: PersonnelRepository,
  dbId: string,
  given: readonly unknown[],
  by: Actor,
  at: Date,
  seed: string,
): Promise<UploadOutcome> {
  const failed: UploadOutcome['failed'] = [];
  const items: Item[] = [];
  const seen = new Set<string>();
  for (const [index, each] of given.entries()) {
    const item = readItem(each, index, dbId);
    if (typeof item === 'string') failed.push({ index, error: item });
    else if (seen.has(item.key)) failed.push({ index, error: existsAlready(item.fields.army_number) });
    else {
      seen.add(item.key);
      items.push(item);
    }
  }

  const idOf = ({ index }: Item): ObjectId => rowId(seed, at, index);
  const documentOf = (item: Item) => {
    const { fields, status } = item;
    const document = records.newDocument({ fields, db: dbId, status }, 'created', by, at);
    const after = { ...fields, db_id: dbId, status: document.status };
    const _id = idOf(item);
    return { ...document, _id, outbox: [entryOf('record.create', _id, null, after, by, at)] };
  };
  let inserted = 0;
  for (let from = 0; from < items.length; from += writtenTogether) {
    const some = items.slice(from, from + writtenTogether);
    const taken = await imports.insertNew(some.map(documentOf));
    for (const item of some) {
      if (!taken.has(idOf(item).toHexString())) inserted += 1;
      else failed.push({ index: item.index, error: existsAlready(item.fields.army_number) });
    }
  }
  return { inserted, failed: failed.sort((a, b) => a.index - b.index) };
}
