import type { NumberFormat } from './number-formats.ts';

/** Days between day 0 of the 1904 system and of the 1900 system. */
export const days1904 = 1462;
/** Serial of 1970-01-01 in the 1900 system. */
const EPOCH = 25_569;

/** A stored date number as a serial of the 1900 system. Times of day and durations are no dates and stay. */
export function serialOf(value: number, format: NumberFormat, date1904: boolean): number {
  const isDate = format === 'date' || (format === 'time' && value >= 1);
  return date1904 && isDate ? value + days1904 : value;
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)?(?:Z|[+-]\d\d:\d\d)?$|^(?:T)?(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?$/;

/**
 * The serial of an ISO date, date-time or time cell as it is written: a zone is ignored, because the cell
 * shows the written calendar day. Null when it is none or no such day exists.
 */
export function serialOfIso(text: string): number | null {
  const match = ISO.exec(text);
  if (!match) return null;
  const [, year, month, day] = match;
  const time = (h = '0', m = '0', s = '0') => (Number(h) * 3600 + Number(m) * 60 + Number(s)) / 86_400;
  if (year === undefined) return time(match[7], match[8], match[9]);
  const at = new Date(Date.UTC(2000, Number(month) - 1, Number(day)));
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (at.getUTCMonth() !== Number(month) - 1 || at.getUTCDate() !== Number(day)) return null;
  const days = Math.round(at.getTime() / 86_400_000) + EPOCH;
  // The 1900 system has a 29 February 1900 (serial 60) that never was; earlier days are one less.
  return (days < 61 ? days - 1 : days) + time(match[4], match[5], match[6]);
}
