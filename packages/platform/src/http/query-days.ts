import { CodedError, dayFromCivil, startOfDay } from '@backoffice/core';

/**
 * The moments that the days `from` and `to` of a query mean in a zone: from the beginning of the one to the end of
 * the other, which is the beginning of the day after and no longer included. Days are `2026-11-25`; the schema has
 * seen to the form. INVALID_REQUEST for a day that there is not.
 */
export function momentsOf(days: { from?: string; to?: string }, zone: string): { from?: Date; to?: Date } {
  const { from, to } = days;
  return {
    ...(from === undefined ? {} : { from: startOfDay(dayOf('from', from), zone) }),
    ...(to === undefined ? {} : { to: startOfDay(dayOf('to', to) + 1, zone) }),
  };
}

function dayOf(field: string, written: string): number {
  const [year, month, date] = written.split('-').map(Number) as [number, number, number];
  const found = dayFromCivil(year, month, date);
  if (found === null) {
    throw new CodedError('INVALID_REQUEST', `"${field}" is no day of the calendar.`, { field, in: 'query' });
  }
  return found;
}
