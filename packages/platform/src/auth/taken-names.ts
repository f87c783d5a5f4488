import { CodedError } from '@backoffice/core';
import { isDuplicateKey } from '../mongo/duplicate-key.ts';
import { normalArmyNumber } from './sign-in-names.ts';

export function emailTaken(): CodedError {
  return new CodedError('EMAIL_TAKEN', undefined, { field: 'email' });
}

export function armyNumberTaken(): CodedError {
  return new CodedError('ARMY_NUMBER_TAKEN', undefined, { field: 'armyNumber' });
}

/** What a unique index has refused, as an error for the caller; null for any other fault. */
export function takenName(error: unknown): CodedError | null {
  if (isDuplicateKey(error, 'email')) return emailTaken();
  return isDuplicateKey(error, 'armyKey') ? armyNumberTaken() : null;
}

/** INVALID_REQUEST for white space alone. */
export function assertArmyNumber(armyNumber: string): void {
  if (normalArmyNumber(armyNumber) !== '') return;
  throw new CodedError('INVALID_REQUEST', 'The army number is empty.', { field: 'armyNumber' });
}
