import { dayFromCivil, isoDate, monthNames } from '@backoffice/core';
import fc from 'fast-check';
import t from 'tap';
import { readAge, readDate } from '../src/imports/dates.ts';
import { cell, type Written } from './sheet-reading.ts';

function date(value: Written): string | null {
  const reading = readDate(cell(value));
  if ('problem' in reading) return reading.problem;
  return reading.value === null ? null : isoDate(reading.value);
}

function age(value: Written): unknown {
  const reading = readAge(cell(value));
  if ('problem' in reading) return reading.problem;
  if (reading.value === null) return null;
  return 'days' in reading.value ? reading.value.days : reading.value.bucket;
}

t.test('survives 12: serials and texts give the calendar date, day first', (t) => {
  const cases: [Written, string | null][] = [
    [{ kind: 'date', value: 45839 }, '2025-07-01'],
    [{ kind: 'date', value: 45839.99 }, '2025-07-01'],
    [{ kind: 'date', value: 45839.9999999999 }, '2025-07-02'],
    [45839, '2025-07-01'],
    ['03/04/2025', '2025-04-03'],
    ['3/4/2025', '2025-04-03'],
    ['03-04-2025', '2025-04-03'],
    ['03.04.25', '2025-04-03'],
    ['03.04.98', '1998-04-03'],
    ['03-Apr-2025', '2025-04-03'],
    ['3 April 2025', '2025-04-03'],
    ['03-SEPT-25', '2025-09-03'],
    ['03/Apr/2025', '2025-04-03'],
    ['2025-04-03', '2025-04-03'],
    ['2025/4/3', '2025-04-03'],
    ['2025-04-03T23:59:59.000Z', '2025-04-03'],
    ['2025-03-31T18:30:00Z', '2025-03-31'],
    ['2025-04-03 00:00:00+05:30', '2025-04-03'],
    ['03/04/2025 10:30 PM', '2025-04-03'],
    ['29/02/2024', '2024-02-29'],
    ['\u00a003/04/2025 ', '2025-04-03'],
    ['-', null],
    ['', null],
    [null, null],
  ];
  for (const [value, expected] of cases) t.equal(date(value), expected, JSON.stringify(value));
  t.end();
});

t.test('survives 12: what is no plausible date is an error, never another day', (t) => {
  const cases: [Written, string][] = [
    [9999999999, 'DATE_IMPLAUSIBLE'],
    [{ kind: 'date', value: 9999999999 }, 'DATE_IMPLAUSIBLE'],
    [{ kind: 'date', value: 0 }, 'DATE_IMPLAUSIBLE'],
    [-5, 'DATE_IMPLAUSIBLE'],
    [Number.NaN, 'DATE_IMPLAUSIBLE'],
    ['01/01/1900', 'DATE_IMPLAUSIBLE'],
    ['01/01/2205', 'DATE_IMPLAUSIBLE'],
    ['04/25/2025', 'DATE_INVALID'],
    ['29/02/2025', 'DATE_INVALID'],
    ['31/04/2025', 'DATE_INVALID'],
    ['00/04/2025', 'DATE_INVALID'],
    ['03/04-2025', 'DATE_INVALID'],
    ['03/2025', 'DATE_INVALID'],
    ['03-Foo-2025', 'DATE_INVALID'],
    ['45839', 'DATE_INVALID'],
    ['०३/०४/२०२५', 'DATE_INVALID'],
    ['soon', 'DATE_INVALID'],
    [{ kind: 'boolean', value: false }, 'DATE_INVALID'],
    [{ kind: 'error', text: '#VALUE!' }, 'CELL_ERROR'],
    [{ kind: 'formula' }, 'FORMULA_WITHOUT_VALUE'],
  ];
  for (const [value, expected] of cases) t.equal(date(value), expected, JSON.stringify(value));
  t.end();
});

t.test('survives 12: a date written in any form reads back, whatever the server zone', async () => {
  const days = fc.integer({ min: dayFromCivil(1980, 1, 1)!, max: dayFromCivil(2079, 12, 31)! });
  const pad = (part: number) => String(part).padStart(2, '0');
  const forms: ((y: number, m: number, d: number, day: number) => Written)[] = [
    (_y, _m, _d, day) => ({ kind: 'date', value: day + 25_569 }),
    (_y, _m, _d, day) => ({ kind: 'date', value: day + 25_569 + 0.77 }),
    (_y, _m, _d, day) => day + 25_569,
    (y, m, d) => `${pad(d)}/${pad(m)}/${y}`,
    (y, m, d) => `${d}-${m}-${y}`,
    (y, m, d) => `${pad(d)}.${pad(m)}.${pad(y % 100)}`,
    (y, m, d) => `${pad(d)}-${monthNames[m - 1]}-${y}`,
    (y, m, d) => `${y}-${pad(m)}-${pad(d)}`,
    (y, m, d) => `${y}-${pad(m)}-${pad(d)}T18:30:00.000Z`,
  ];
  const zone = process.env.TZ;
  t.teardown(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });
  for (const place of ['Asia/Kolkata', 'America/Los_Angeles', 'Pacific/Kiritimati']) {
    process.env.TZ = place;
    fc.assert(
      fc.property(days, fc.constantFrom(...forms), (day, form) => {
        const [y, m, d] = isoDate(day).split('-').map(Number) as [number, number, number];
        return date(form(y, m, d, day)) === isoDate(day);
      }),
      { numRuns: 1000 },
    );
  }
});

t.test('decision 10: an age is whole days or a bucket in its usual spellings', (t) => {
  const cases: [Written, unknown][] = [
    [0, 0],
    [45, 45],
    [{ kind: 'date', value: 45 }, 45],
    ['45', 45],
    ['45.00', 45],
    ['45 days', 45],
    ['1 day', 1],
    ['0-30', '0-30'],
    ['0-30 Days', '0-30'],
    ['0 – 30 days', '0-30'],
    ['31\u201190', '31-90'],
    ['91 to 180', '91-180'],
    ['181-365Days', '181-365'],
    ['>365', '>365'],
    ['> 365 Days', '>365'],
    ['>1 Year', '>365'],
    ['> 1 yr.', '>365'],
    ['above 365 days', '>365'],
    ['More than 1 year', '>365'],
    ['365+', '>365'],
    ['365 days and above', '>365'],
    ['-', null],
    ['', null],
    [null, null],
    [-1, 'AGE_INVALID'],
    [1.5, 'AGE_INVALID'],
    ['-5', 'AGE_INVALID'],
    ['1.5', 'AGE_INVALID'],
    [45839, 'AGE_INVALID'],
    ['0-60', 'AGE_INVALID'],
    ['old', 'AGE_INVALID'],
    [{ kind: 'boolean', value: true }, 'AGE_INVALID'],
    [{ kind: 'error', text: '#VALUE!' }, 'CELL_ERROR'],
  ];
  for (const [value, expected] of cases) t.equal(age(value), expected, JSON.stringify(value));
  t.end();
});
