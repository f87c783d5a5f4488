import { CodedError } from '@backoffice/core';
import type { Bank, PersonnelFields } from './model.ts';

/** What is taken of each text of a record, whichever way it comes in. */
export const textFields = [
  'first_name',
  'last_name',
  'middle_name',
  'army_number',
  'phone_number',
  'rank',
  'acct_number',
  'sub_sector',
  'location',
  'remark',
] as const satisfies readonly (keyof PersonnelFields)[];
export type TextField = (typeof textFields)[number];

/** May be null or left out, and are then null in every answer. */
export const optionalFields: readonly string[] = ['middle_name', 'location', 'remark'];
/** May not be empty (decision 2); the others may. */
const filledFields: readonly string[] = ['first_name', 'last_name', 'army_number', 'rank'];

/** In characters. */
export const longest = { text: 200, remark: 2_000 } as const;

/** Control characters but tab and line ends, marks that turn the text around them, halves of characters. */
const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]|\p{Cs}/u;

function wrong(field: string, fault: string): CodedError {
  return new CodedError('INVALID_REQUEST', `"${field}" ${fault}.`, { field });
}

/**
 * A text as it is kept: trimmed (decision 2). INVALID_REQUEST that names the field, for what is no text, too long,
 * empty though it may not be, or holds characters that nobody sees.
 */
export function readText(
  field: string,
  given: unknown,
  { filled = false, max = longest.text as number } = {},
): string {
  if (typeof given !== 'string') throw wrong(field, 'must be a text');
  const text = given.trim();
  if (text.length > max) throw wrong(field, `is longer than ${max} characters`);
  if (unseen.test(text)) throw wrong(field, 'holds characters that cannot be seen');
  if (filled && text === '') throw wrong(field, 'is empty');
  return text;
}

function readBank(given: unknown): Bank {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw wrong('bank', 'must be an object with name and sort_code');
  }
  const { name, sort_code } = given as Record<string, unknown>;
  if (name === undefined) throw wrong('bank.name', 'is missing');
  if (sort_code === undefined) throw wrong('bank.sort_code', 'is missing');
  return { name: readText('bank.name', name), sort_code: readText('bank.sort_code', sort_code) };
}

function readOne(field: TextField, given: unknown): string | null {
  if (given === null && optionalFields.includes(field)) return null;
  const max = field === 'remark' ? longest.remark : longest.text;
  return readText(field, given, { filled: filledFields.includes(field), max });
}

/** Those fields of a record that are given, as they are kept; of anything else nothing. INVALID_REQUEST. */
export function readGivenFields(given: Readonly<Record<string, unknown>>): Partial<PersonnelFields> {
  const found: Record<string, unknown> = {};
  for (const field of textFields) {
    if (given[field] !== undefined) found[field] = readOne(field, given[field]);
  }
  if (given.bank !== undefined) found.bank = readBank(given.bank);
  return found as Partial<PersonnelFields>;
}

/** All fields of a new record. INVALID_REQUEST that names the first one that is missing or does not fit. */
export function readFields(given: Readonly<Record<string, unknown>>): PersonnelFields {
  for (const field of [...textFields, 'bank']) {
    if (given[field] === undefined && !optionalFields.includes(field)) throw wrong(field, 'is missing');
  }
  return { middle_name: null, location: null, remark: null, ...readGivenFields(given) } as PersonnelFields;
}
