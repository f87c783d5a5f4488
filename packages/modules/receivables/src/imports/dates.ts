import { type DayNumber, dayFromCivil, monthNumber } from '@backoffice/core';
import { type Cell, cleanText, isDash } from '@backoffice/spreadsheet';
import type { AgeBucket } from '../model.ts';
import type { Reading } from './row-errors.ts';
import { unreadable } from './texts.ts';

/** 1970-01-01 as a serial of the 1900 system. */
const EPOCH_SERIAL = 25_569;
/** Half a millisecond: a serial computed to 45382.9999999999 is shown, and meant, as the next day. */
const HALF_MS = 0.5 / 86_400_000;
/** No date or age is longer; what is may have been made to keep the patterns below busy. */
const LONGEST = 60;
const FIRST_YEAR = 1980;
const LAST_YEAR = 2099;
const FIRST_DAY = dayFromCivil(FIRST_YEAR, 1, 1)!;
const LAST_DAY = dayFromCivil(LAST_YEAR, 12, 31)!;

// A time of day may follow every form; it is dropped with its zone, the date counts as written.
const TIME =
  '(?:[T ,]+\\d{1,2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?(?: ?[ap]\\.?m\\.?)?(?: ?(?:Z|[-+]\\d{2}:?\\d{2}))?)?';
const DAY_FIRST = new RegExp(`^(\\d{1,2}) ?([-/.]) ?(\\d{1,2}) ?\\2 ?(\\d{4}|\\d{2})${TIME}$`, 'i');
const YEAR_FIRST = new RegExp(`^(\\d{4})([-/.])(\\d{1,2})\\2(\\d{1,2})${TIME}$`, 'i');
const MONTH_NAMED = new RegExp(`^(\\d{1,2}) ?[-/. ] ?([a-z]{3,9}) ?[-/. ,] ?(\\d{4}|\\d{2})${TIME}$`, 'i');

/**
 * The calendar date of a cell, null when it is blank. Serials are floored to the day as they stand, without a
 * time zone. Texts are day first, always (`31/03/2025`, `31-03-25`, `31.3.2025`, `31-Mar-2025`), or ISO. Two
 * digits of a year are 1980 to 2079.
 */
export function readDate(cell: Cell | undefined): Reading<DayNumber | null> {
  if (cell === undefined) return { value: null };
  switch (cell.kind) {
    case 'date':
    case 'number':
      return plausible(Math.floor(cell.value + HALF_MS) - EPOCH_SERIAL);
    case 'text':
      return dateFromText(cleanText(cell.text));
    case 'boolean':
      return { problem: 'DATE_INVALID' };
    default:
      return unreadable(cell);
  }
}

function dateFromText(text: string): Reading<DayNumber | null> {
  if (text === '' || isDash(text)) return { value: null };
  if (text.length > LONGEST) return { problem: 'DATE_INVALID' };
  const iso = YEAR_FIRST.exec(text);
  if (iso) return civil(Number(iso[1]), Number(iso[3]), Number(iso[4]));
  const digits = DAY_FIRST.exec(text);
  if (digits) return civil(fullYear(digits[4]!), Number(digits[3]), Number(digits[1]));
  const named = MONTH_NAMED.exec(text);
  const month = named && monthNumber(named[2]!);
  if (named && month) return civil(fullYear(named[3]!), month, Number(named[1]));
  return { problem: 'DATE_INVALID' };
}

function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 4) return year;
  return year < FIRST_YEAR % 100 ? 2000 + year : 1900 + year;
}

function civil(year: number, month: number, day: number): Reading<DayNumber> {
  if (month > 12 && day <= 12)
    return { problem: 'DATE_INVALID', hint: 'The day comes first, then the month.' };
  const found = dayFromCivil(year, month, day);
  if (found === null) return { problem: 'DATE_INVALID', hint: 'There is no such day.' };
  return plausible(found);
}

function plausible(day: DayNumber): Reading<DayNumber> {
  return day >= FIRST_DAY && day <= LAST_DAY ? { value: day } : { problem: 'DATE_IMPLAUSIBLE' };
}

/** From here on a number in the age column is the serial of a date, not an age: 80 years of days. */
const MAX_AGE = FIRST_DAY + EPOCH_SERIAL;

const bucketLabels: Record<string, AgeBucket> = {
  '0-30': '0-30',
  '31-90': '31-90',
  '91-180': '91-180',
  '181-365': '181-365',
  '>365': '>365',
  '365+': '>365',
  '>1year': '>365',
  '1year+': '>365',
};

export type Age = { days: number } | { bucket: AgeBucket };

/**
 * The `Age` of a cell: whole days from 0, or one of the five buckets by its label in the usual spellings
 * (`0-30`, `31 – 90 Days`, `91 to 180`, `>365`, `> 1 Year`). Null when it is blank.
 */
export function readAge(cell: Cell | undefined): Reading<Age | null> {
  if (cell === undefined) return { value: null };
  switch (cell.kind) {
    // A difference of two dates is often left with the format of a date: still a number of days.
    case 'date':
    case 'number':
      return daysOld(cell.value);
    case 'text':
      return ageFromText(cleanText(cell.text));
    case 'boolean':
      return { problem: 'AGE_INVALID' };
    default:
      return unreadable(cell);
  }
}

function ageFromText(text: string): Reading<Age | null> {
  if (text === '' || isDash(text)) return { value: null };
  if (text.length > LONGEST) return { problem: 'AGE_INVALID' };
  const days = /^(\d+)(?:\.0+)?(?: ?d(?:ays?)?\.?)?$/i.exec(text);
  if (days) return daysOld(Number(days[1]));
  const bucket = bucketLabels[normalBucket(text)];
  return bucket ? { value: { bucket } } : { problem: 'AGE_INVALID' };
}

function daysOld(days: number): Reading<Age> {
  if (!Number.isInteger(days) || days < 0 || days >= MAX_AGE) return { problem: 'AGE_INVALID' };
  return { value: { days: days + 0 } };
}

function normalBucket(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\u2010-\u2015\u2212~]/g, '-')
    .replace(/days?\.?/g, '')
    .replace(/^(?:above|over|more than|greater than|beyond) */, '>')
    .replace(/ *(?:and|&) *(?:above|over|more)$/, '+')
    .replace(/\b(?:one|1) *(?:years?|yrs?)\b\.?/, '1year')
    .replace(/ *\bto\b */, '-')
    .replace(/[ ()]/g, '');
}
