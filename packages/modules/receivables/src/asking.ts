import {
  CodedError,
  type FinancialYear,
  financialYearOf,
  type Month,
  parseFinancialYear,
  parseNamedMonth,
  resolveMonth,
} from '@backoffice/core';
import { asOfDay, type Now } from './figures.ts';
import type { StatementParams } from './imports/run.ts';
import {
  type Department,
  departments,
  type Filter,
  type Region,
  regionCodes,
  regionLabels,
} from './model.ts';

function wrong(field: string, message: string): CodedError {
  return new CodedError('INVALID_REQUEST', message, { field });
}

const isEmpty = (text: string | undefined): text is undefined | '' | 'All' =>
  text === undefined || text.trim() === '' || text.trim().toLowerCase() === 'all';

function readRegion(text: string | undefined): Region | null {
  if (isEmpty(text)) return null;
  const clean = text.trim().toLowerCase();
  const found = regionCodes.find((code) => code === clean || regionLabels[code].toLowerCase() === clean);
  if (found === undefined) throw wrong('region', `"region" is not one of ${regionCodes.join(', ')}, All.`);
  return found;
}

function readDepartment(text: string | undefined): Department | null {
  if (isEmpty(text)) return null;
  const clean = text.trim().toLowerCase();
  const found = departments.find((each) => each.toLowerCase() === clean);
  if (found === undefined) throw wrong('department', `"department" is not one of ${departments.join(', ')}.`);
  return found;
}

/** Region and department as asked: absent, empty and `All` mean no filter (decision 1). INVALID_REQUEST otherwise. */
export function readFilter(query: { region?: string; department?: string }): Filter {
  return { region: readRegion(query.region), department: readDepartment(query.department) };
}

/** The financial year as asked, undefined when none was named. INVALID_REQUEST for anything unreadable. */
export function readYear(text: string | undefined): FinancialYear | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const year = parseFinancialYear(text);
  if (year === null) throw wrong('financialYear', '"financialYear" is not a year such as 2025-2026.');
  return year;
}

/** Month and year as asked (decision 2). INVALID_REQUEST naming the field; INVALID_MONTH for a month outside the year. */
export function readPeriod(query: { month?: string; financialYear?: string }): {
  month?: Month;
  year?: FinancialYear;
} {
  const year = readYear(query.financialYear);
  const { month: text } = query;
  if (text === undefined || text.trim() === '') return year === undefined ? {} : { year };
  const named = parseNamedMonth(text);
  if (named === null) throw wrong('month', '"month" is not a month such as Apr-25.');
  if (named.year === null && year === undefined) {
    throw wrong('financialYear', '"financialYear" is missing: the month does not name its year.');
  }
  const month = resolveMonth(text, query.financialYear?.trim() || undefined);
  if (month === null) throw new CodedError('INVALID_MONTH', undefined, { field: 'month' });
  return { month, year: financialYearOf(month) };
}

function readFlag(fields: Record<string, string>, name: string): boolean {
  const text = (fields[name] ?? '').trim().toLowerCase();
  if (text === '' || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1') return true;
  throw wrong(name, `"${name}" is neither true nor false.`);
}

function readChoice<const T extends readonly string[]>(
  fields: Record<string, string>,
  name: string,
  choices: T,
): T[number] {
  const text = (fields[name] ?? '').trim();
  if (text === '') return choices[0]!;
  if (!choices.includes(text)) throw wrong(name, `"${name}" is not one of ${choices.join(', ')}.`);
  return text;
}

export interface UploadAsked {
  params: Omit<StatementParams, 'confirmed'>;
  dryRun: boolean;
  onError: 'reject_rows' | 'reject_all';
}

/**
 * The fields of an upload (decisions 2 and 22). INVALID_REQUEST naming the field; INVALID_MONTH;
 * MONTH_NOT_BEGUN. Fields that are not known are ignored: forms send their own.
 */
export function readUpload(fields: Record<string, string>, now: Now): UploadAsked {
  if (!fields.month?.trim()) throw wrong('month', '"month" is missing: choose the month of the statement.');
  const { month } = readPeriod(fields as { month: string });
  if (month! > now.running) throw new CodedError('MONTH_NOT_BEGUN', undefined, { field: 'month' });
  return {
    params: {
      month: month!,
      department: readDepartment(fields.department),
      covers: readChoice(fields, 'covers', ['listed', 'all']),
      asOf: asOfDay(month!, now),
      confirm: readFlag(fields, 'confirm'),
    },
    dryRun: readFlag(fields, 'dryRun'),
    onError: readChoice(fields, 'onError', ['reject_rows', 'reject_all']),
  };
}
