import { MongoServerError } from 'mongodb';

/** Whether a write (of one document, or a bulk) was refused by a unique index; by the one on `field`, where given. */
export function isDuplicateKey(error: unknown, field?: string): boolean {
  if (!(error instanceof MongoServerError) || error.code !== 11000) return false;
  return field === undefined || Object.hasOwn((error.keyPattern as object | undefined) ?? {}, field);
}
