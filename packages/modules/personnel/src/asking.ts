import { CodedError, dayFromCivil } from '@backoffice/core';
import type { ObjectId } from 'mongodb';
import { type IsoDay, type Scope, type Status, statuses } from './model.ts';
import { idOf } from './repository/dbs.ts';

function wrong(field: string, message: string): CodedError {
  return new CodedError('INVALID_REQUEST', message, { field });
}

/** An id, or INVALID_REQUEST in the words of the contract. */
export function readId(given: string, message: string, field: string): ObjectId {
  const id = idOf(given);
  if (id === null) throw wrong(field, message);
  return id;
}

/** The db that a body or a form names, within the scope. INVALID_REQUEST, NOT_FOUND, in the words of the contract. */
export function readDb(scope: Scope, given: string): string {
  const id = readId(given.trim(), 'Invalid db_id', 'db_id').toHexString();
  if (!scope.dbs.has(id)) throw new CodedError('NOT_FOUND', 'DB not found', { field: 'db_id' });
  return id;
}

/** A page as asked for. `skip`: how many stand before it, never more than can be counted. */
export interface Paging {
  page: number;
  limit: number;
  skip: number;
}

// Further than any list goes, and every computation with it is still exact.
const furthest = 1_000_000_000_000;

function wholeNumber(field: string, given: string | undefined, usual: number): number {
  if (given === undefined) return usual;
  // An address turns a plus sign into a space.
  if (!/^[ +-]?\d+$/.test(given)) throw wrong(field, `"${field}" is not a whole number.`);
  const value = Math.min(Number(given), Number.MAX_SAFE_INTEGER);
  return value < 1 ? usual : value;
}

/** `page` 1 and `limit` 10 where they are left out or below 1; `limit` at most 500 (decision 5). INVALID_REQUEST. */
export function readPaging(query: { page?: string; limit?: string }): Paging {
  const page = wholeNumber('page', query.page, 1);
  const limit = Math.min(wholeNumber('limit', query.limit, 10), 500);
  return { page, limit, skip: (Math.min(page, furthest) - 1) * limit };
}

export function metaOf(total: number, { page, limit }: Paging) {
  const pageCount = Math.max(1, Math.ceil(total / limit));
  return { total, page, limit, pageCount, hasNextPage: page < pageCount, hasPrevPage: page > 1 };
}

/** The status that a list is narrowed to; null: all (contract). INVALID_REQUEST. */
export function readFilter(given = ''): Status | null {
  const wanted = given.trim().toLowerCase();
  if (wanted === '' || wanted === 'all') return null;
  const status = statuses.find((each) => each === wanted);
  if (status === undefined) {
    const allowed = ['all', ...statuses].join(', ');
    throw wrong('filter', `Invalid filter value. Must be one of: ${allowed}`);
  }
  return status;
}

/** A day of the calendar from 1900 to 2100, written YYYY-MM-DD. INVALID_REQUEST that names the field. */
export function readDay(field: string, given: string): IsoDay {
  const [year, month, day] = /^\d{4}-\d{2}-\d{2}$/.test(given) ? given.split('-').map(Number) : [];
  const real = year !== undefined && dayFromCivil(year, month!, day!) !== null;
  if (!real || year < 1900 || year > 2100) {
    throw wrong(field, `"${field}" is not a day of the years 1900 to 2100, written as 2026-11-25.`);
  }
  return given;
}

/** INVALID_REQUEST when the days are in the wrong order. */
export function assertOrder(from: IsoDay, to: IsoDay): void {
  if (from > to) throw wrong('from', '"from" is later than "to".');
}

const mostIds = 1_000;

/** The ids of DELETE /personnels/bulk-delete, each once. INVALID_REQUEST in the words of the contract. */
export function readBulkIds(given: unknown): string[] {
  const field = 'personnels_id';
  if (given === undefined || given === null) throw wrong(field, 'personnels_id is required');
  if (!Array.isArray(given) || given.length === 0)
    throw wrong(field, 'personnels_id must be a non-empty list');
  if (given.length > mostIds) throw wrong(field, `personnels_id holds more than ${mostIds} ids`);
  const invalid = given.filter((each) => typeof each !== 'string' || idOf(each) === null);
  if (invalid.length > 0) {
    const invalid_ids = invalid.map(shown);
    throw new CodedError('INVALID_REQUEST', 'Invalid personnel ID(s)', { field, invalid_ids });
  }
  return [...new Set(given.map((each: string) => each.toLowerCase()))];
}

/** What somebody gave for an id, as it came; only a text or a list of any length is cut short. */
export function shown(given: unknown): unknown {
  if (typeof given !== 'string' && (typeof given !== 'object' || given === null)) return given;
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : given;
}
