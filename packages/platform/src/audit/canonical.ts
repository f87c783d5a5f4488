import { createHmac } from 'node:crypto';
import { BSON } from 'mongodb';

/**
 * One text for each value, and never the same text for two, so that a seal over it is a seal over the value:
 *
 * - JSON without blanks; the names of an object in order of their UTF-16 code units; what is undefined is left out
 * - a moment is `{"$date":"2026-11-25T09:00:00.000Z"}`, an ObjectId `{"$id":"…"}`, a number that JSON has no
 *   form for `{"$number":"NaN"}`, any other kind of BSON `{"$bson":"…"}` with its canonical extended JSON as text
 * - a name of the value's own that begins with `$` gets another one in front, so that it can't pass for these
 */
export function canonical(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number')
    return Number.isFinite(value) ? JSON.stringify(value) : tagged('number', `${value}`);
  if (value instanceof Date) return tagged('date', Number.isNaN(value.getTime()) ? '' : value.toISOString());
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const kind = (value as { _bsontype?: unknown })._bsontype;
  if (kind === 'ObjectId') return tagged('id', String(value));
  if (kind !== undefined || typeof value !== 'object')
    return tagged('bson', BSON.EJSON.stringify(value, { relaxed: false }));
  const members = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => `${JSON.stringify(name.replace(/^\$/, '$$$$'))}:${canonical(each)}`);
  return `{${members.join(',')}}`;
}

function tagged(tag: string, text: string): string {
  return `{"$${tag}":${JSON.stringify(text)}}`;
}

/** What a seal is of; a seal of one kind is none of another. */
export type SealKind = 'entry' | 'head' | 'checkpoint';

/**
 * HMAC-SHA256 with AUDIT_KEY over `audit.<kind>.1`, a line end and the canonical text; hexadecimal. A bare hash
 * could be made anew by whoever can write to the database.
 */
export function sealOf(key: string, kind: SealKind, value: object): string {
  return createHmac('sha256', key)
    .update(`audit.${kind}.1\n${canonical(value)}`)
    .digest('hex');
}
