/** By what the users of a system sign in. */
export type SignInKind = 'email' | 'armyNumber';

/** The form in which an e-mail address is stored and looked up. */
export function normalEmail(email: string): string {
  return email.normalize('NFC').trim().toLowerCase();
}

/**
 * The form in which an army number is looked up, and in which it is unique: without any white space, in upper
 * case. What was entered is what is shown. Empty for a text of white space alone, which is no number.
 */
export function normalArmyNumber(armyNumber: string): string {
  return armyNumber.normalize('NFC').replace(/\s+/g, '').toUpperCase().normalize('NFC');
}

/** What a user's record holds of an army number. */
export function armyNumberFields(armyNumber: string | null): {
  armyNumber: string | null;
  armyKey: string | null;
} {
  return { armyNumber, armyKey: armyNumber === null ? null : normalArmyNumber(armyNumber) };
}

/** The normal form of what somebody typed to sign in. */
export function normalName(kind: SignInKind, typed: string): string {
  return kind === 'email' ? normalEmail(typed) : normalArmyNumber(typed);
}
