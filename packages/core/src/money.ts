/** An amount as an integer number of paise. Always a safe integer. */
export type Paise = number;

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/**
 * Paise of a plain decimal text of rupees (`-1234.565`), rounded half away from zero on the digits
 * themselves, so that 1.005 gives 101 and not 100. Null for anything else or beyond the safe integers.
 */
export function paiseFromDecimal(text: string): Paise | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, sign, whole = '0', fraction = ''] = match;
  const digits = `${fraction}000`;
  const up = digits.charCodeAt(2) >= 53 ? 1 : 0;
  const paise = Number(whole) * 100 + Number(digits.slice(0, 2)) + up;
  if (!Number.isSafeInteger(paise)) return null;
  return sign && paise !== 0 ? -paise : paise;
}

/**
 * Paise of a number of rupees by its shortest decimal form (what a person reads in the cell), null when
 * it is not finite or too large. Exponents are written out, so 1e-7 is 0 and 1e21 is refused.
 */
export function paiseFromNumber(rupees: number): Paise | null {
  if (!Number.isFinite(rupees) || Math.abs(rupees) >= 1e13) return null;
  const shortest = String(rupees);
  return paiseFromDecimal(shortest.includes('e') ? rupees.toFixed(12) : shortest);
}

/** Rupees as a JSON number with at most two decimals. */
export function rupeesFromPaise(paise: Paise): number {
  return paise / 100;
}

/** A whole number with Indian grouping: 12345678 → `1,23,45,678`. */
export function groupIndian(whole: number): string {
  const digits = String(Math.abs(whole));
  const head = digits.slice(0, -3).replace(/\B(?=(\d\d)+$)/g, ',');
  return `${whole < 0 ? '-' : ''}${head ? `${head},` : ''}${digits.slice(-3)}`;
}

/** Whole rupees with `₹` and Indian grouping, halves away from zero, never negative (the card drops signs). */
export function formatRupees(paise: Paise): string {
  return `₹${groupIndian(Math.max(0, Math.floor((paise + 50) / 100)))}`;
}
