/** A calendar date as whole days since 1970-01-01. Has no time zone: arithmetic on it can't shift a day. */
export type DayNumber = number;
/** A calendar month, `2025-04`. Text order is time order. */
export type Month = string;
/** A financial year April to March, `2025-26`. */
export type FinancialYear = string;

const DAY_MS = 86_400_000;
export const monthNames = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
];
const fullNames = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

/** The day number of a civil date, or null when there is no such date (30 February). `month` is 1–12. */
export function dayFromCivil(year: number, month: number, day: number): DayNumber | null {
  const at = new Date(Date.UTC(2000, month - 1, day));
  at.setUTCFullYear(year, month - 1, day);
  if (at.getUTCFullYear() !== year || at.getUTCMonth() !== month - 1 || at.getUTCDate() !== day) return null;
  return Math.round(at.getTime() / DAY_MS);
}

/** `YYYY-MM-DD` of a day. */
export function isoDate(day: DayNumber): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** The month in which a day lies. */
export function monthOfDay(day: DayNumber): Month {
  return isoDate(day).slice(0, 7);
}

/** The last day of a month. */
export function lastDayOf(month: Month): DayNumber {
  const [year, m] = splitMonth(month);
  return Math.round(Date.UTC(year, m, 0) / DAY_MS);
}

/** The month `count` months later (earlier when negative). */
export function addMonths(month: Month, count: number): Month {
  const [year, m] = splitMonth(month);
  const index = year * 12 + (m - 1) + count;
  return `${String(Math.floor(index / 12)).padStart(4, '0')}-${String((index % 12) + 1).padStart(2, '0')}`;
}

/** Whole months from `a` to `b` (negative when b is earlier). */
export function monthsBetween(a: Month, b: Month): number {
  const [ya, ma] = splitMonth(a);
  const [yb, mb] = splitMonth(b);
  return (yb - ya) * 12 + (mb - ma);
}

function splitMonth(month: Month): [number, number] {
  return [Number(month.slice(0, 4)), Number(month.slice(5, 7))];
}

/** The calendar day on which a moment falls in a zone, whatever the server's own zone. */
export function dayInZone(at: Date, zone: string): DayNumber {
  const [y, m, d] = formatOf(zone).format(at).split('-').map(Number) as [number, number, number];
  return dayFromCivil(y, m, d)!;
}

/** The moment at which a day begins in a zone. Where the clocks skip its midnight, the first moment after it. */
export function startOfDay(day: DayNumber, zone: string): Date {
  const midnight = day * DAY_MS;
  // No zone is further away than that from UTC; within it the day changes once.
  let [before, from] = [midnight - 16 * 3_600_000, midnight + 16 * 3_600_000];
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2);
    if (dayInZone(new Date(middle), zone) < day) before = middle;
    else from = middle;
  }
  return new Date(from);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making a format costs a hundred times what using it does, and there are few zones. */
function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const digits = { year: 'numeric', month: '2-digit', day: '2-digit' } as const;
  const made = new Intl.DateTimeFormat('en-CA', { timeZone: zone, ...digits });
  formats.set(zone, made);
  return made;
}

/** The financial year (April to March) of a month. */
export function financialYearOf(month: Month): FinancialYear {
  const [year, m] = splitMonth(month);
  const start = m >= 4 ? year : year - 1;
  return financialYearFrom(start);
}

function financialYearFrom(start: number): FinancialYear {
  return `${start}-${String((start + 1) % 100).padStart(2, '0')}`;
}

/** The twelve months of a financial year, April first. */
export function monthsOfYear(year: FinancialYear): Month[] {
  const april = `${year.slice(0, 4)}-04`;
  return Array.from({ length: 12 }, (_, i) => addMonths(april, i));
}

/** The financial year on the wire: `2025-2026`. */
export function wireYear(year: FinancialYear): string {
  return `${year.slice(0, 4)}-${Number(year.slice(0, 4)) + 1}`;
}

/** The month on the wire: `Apr-25`. */
export function wireMonth(month: Month): string {
  const [year, m] = splitMonth(month);
  return `${monthNames[m - 1]}-${String(year % 100).padStart(2, '0')}`;
}

/** Reads `2025-2026`, `2025-26`, `FY 2025-26`, `FY25-26` (any case); null when it is none of these or does not span one year. */
export function parseFinancialYear(text: string): FinancialYear | null {
  const match = /^(?:fy\s*)?(\d{4}|\d{2})\s*[-–/]\s*(\d{4}|\d{2})$/i.exec(text.trim());
  if (!match) return null;
  const start = expandYear(match[1]!);
  const end = match[2]!.length === 4 ? Number(match[2]) : Number(match[2]);
  const expected = match[2]!.length === 4 ? start + 1 : (start + 1) % 100;
  return end === expected ? financialYearFrom(start) : null;
}

function expandYear(digits: string): number {
  return digits.length === 4 ? Number(digits) : 2000 + Number(digits);
}

/** A month as a person writes it: the calendar month 1–12, and the year where the text names one. */
export interface NamedMonth {
  month: number;
  year: number | null;
}

/** Reads `Apr-25`, `Apr`, `April`, `04`, `2025-04`, `Apr'25`, `April 2025` (any case); null otherwise. */
export function parseNamedMonth(text: string): NamedMonth | null {
  const clean = text.trim().toLowerCase();
  const iso = /^(\d{4})-(\d{1,2})$/.exec(clean);
  if (iso) return named(Number(iso[2]), Number(iso[1]));
  const digits = /^\d{1,2}$/.exec(clean);
  if (digits) return named(Number(clean), null);
  const word = /^([a-z]{3,9})\.?(?:\s*[-' ’]\s*(\d{4}|\d{2}))?$/.exec(clean);
  if (!word) return null;
  const month = monthNumber(word[1]!);
  return month === null ? null : named(month, word[2] ? expandYear(word[2]) : null);
}

/** 1–12 for an English month name or its common short forms (`sep`, `sept`), any case; null otherwise. */
export function monthNumber(name: string): number | null {
  const clean = name.toLowerCase();
  if (clean.length < 3) return null;
  const index =
    clean === 'sept' ? 8 : fullNames.findIndex((full) => full === clean || full.slice(0, 3) === clean);
  return index < 0 ? null : index + 1;
}

function named(month: number, year: number | null): NamedMonth | null {
  return month >= 1 && month <= 12 ? { month, year } : null;
}

/**
 * The month that a person means, with the financial year where given (contract, decision 2). Null when the
 * texts can't be read, name no year between them, or the month lies outside the year.
 */
export function resolveMonth(monthText: string, yearText?: string): Month | null {
  const month = parseNamedMonth(monthText);
  const year = yearText ? parseFinancialYear(yearText) : null;
  if (!month || (yearText && !year)) return null;
  if (month.year === null && !year) return null;
  const inYear = year ? monthsOfYear(year).find((m) => Number(m.slice(5)) === month.month)! : null;
  if (month.year === null) return inYear;
  const own = `${String(month.year).padStart(4, '0')}-${String(month.month).padStart(2, '0')}`;
  return inYear && inYear !== own ? null : own;
}
