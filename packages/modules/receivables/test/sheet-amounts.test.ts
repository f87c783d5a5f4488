import { groupIndian } from '@backoffice/core';
import fc from 'fast-check';
import t from 'tap';
import { readAmount } from '../src/imports/amounts.ts';
import { cell, type Written } from './sheet-reading.ts';

function paise(value: Written): number | string | null {
  const reading = readAmount(cell(value));
  return 'problem' in reading ? reading.problem : reading.value;
}

t.test('survives 13: every form of an amount gives exact paise', (t) => {
  const cases: [Written, number | null][] = [
    ['₹1,23,456.50', 12345650],
    ['(1,000.00)', -100000],
    [1.005, 101],
    ['1.005', 101],
    [-1.005, -101],
    [2.675, 268],
    [0.1 + 0.2, 30],
    ['12 345', 1234500],
    ['12\u00a0345', 1234500],
    ['12\u202f345.5', 1234550],
    ['1\u20092 345'.replace('1\u20092', '12'), 1234500],
    ['1 23 456', 12345600],
    ['123,456,789', 12345678900],
    ['12,34,56,789.01', 12345678901],
    ['100,00,00,000', 100000000000],
    ['Rs. 500/-', 50000],
    ['Rs.500', 50000],
    ['rs 1,500.5 /-', 150050],
    ['INR 12', 1200],
    ['12 INR', 1200],
    ['₹ 45.75', 4575],
    ['-250.75', -25075],
    ['\u2212250.75', -25075],
    ['250-', -25000],
    ['250.00 \u2212', -25000],
    ['-₹5', -500],
    ['₹ -5', -500],
    ['(₹5)', -500],
    ['₹(5)', -500],
    ['5 Cr', -500],
    ['5.00 Cr.', -500],
    ['5CR', -500],
    ['₹5/- Cr', -500],
    ['5 Dr', 500],
    ['5 dr.', 500],
    ['-', 0],
    ['–', 0],
    ['₹ -', 0],
    ['NIL', 0],
    ['Nil', 0],
    ['(0)', 0],
    [0, 0],
    [-0, 0],
    ['.5', 50],
    ['5.', 500],
    [1e-7, 0],
    [' 62.12 ', 6212],
    ['\u200b62.12', 6212],
    ['', null],
    ['  \u00a0', null],
    [null, null],
  ];
  for (const [value, expected] of cases) t.equal(paise(value), expected, JSON.stringify(value));
  t.ok(Object.is(paise('(0)'), 0), 'no negative zero');
  t.end();
});

t.test('survives 13: what is no amount is an error with its own code', (t) => {
  const cases: [Written, string][] = [
    ['12,34', 'AMOUNT_GROUPING'],
    ['1.234,56', 'AMOUNT_GROUPING'],
    ['1.234.567', 'AMOUNT_GROUPING'],
    ['1,23,4567', 'AMOUNT_GROUPING'],
    ['1,234 567', 'AMOUNT_GROUPING'],
    ['0,123', 'AMOUNT_GROUPING'],
    ['123,45,67', 'AMOUNT_GROUPING'],
    ['1,,234', 'AMOUNT_GROUPING'],
    ['(5) Cr', 'AMOUNT_SIGN'],
    ['-5 Dr', 'AMOUNT_SIGN'],
    ['--5', 'AMOUNT_SIGN'],
    ['१२३', 'AMOUNT_DIGITS'],
    ['１２', 'AMOUNT_DIGITS'],
    ['٥٠٠', 'AMOUNT_DIGITS'],
    ['1E5', 'AMOUNT_INVALID'],
    ['1.5e+3', 'AMOUNT_INVALID'],
    ['50%', 'AMOUNT_INVALID'],
    ['$5', 'AMOUNT_INVALID'],
    ['abc', 'AMOUNT_INVALID'],
    ['₹', 'AMOUNT_INVALID'],
    ['()', 'AMOUNT_INVALID'],
    ['.', 'AMOUNT_INVALID'],
    ['5 lakh', 'AMOUNT_INVALID'],
    ['12/7', 'AMOUNT_INVALID'],
    ['=5', 'AMOUNT_INVALID'],
    ["12'345", 'AMOUNT_INVALID'],
    ['₹₹5', 'AMOUNT_INVALID'],
    [`${'('.repeat(30_000)}5${')'.repeat(30_000)}`, 'AMOUNT_INVALID'],
    [1e21, 'AMOUNT_TOO_LARGE'],
    ['999999999999999999', 'AMOUNT_TOO_LARGE'],
    [Number.POSITIVE_INFINITY, 'AMOUNT_TOO_LARGE'],
    [{ kind: 'boolean', value: true }, 'AMOUNT_INVALID'],
    [{ kind: 'date', value: 45839 }, 'AMOUNT_INVALID'],
    [{ kind: 'error', text: '#N/A' }, 'CELL_ERROR'],
    [{ kind: 'formula' }, 'FORMULA_WITHOUT_VALUE'],
  ];
  for (const [value, expected] of cases) t.equal(paise(value), expected, JSON.stringify(value).slice(0, 80));
  t.end();
});

const amounts = fc.integer({ min: 0, max: 1_000_000_000_000 });
const decimals = (amount: number) => String(amount % 100).padStart(2, '0');
const western = (whole: number) => String(whole).replace(/\B(?=(\d{3})+$)/g, ',');

t.test('survives 13: an amount written in any form reads back to the paisa', async () => {
  const forms: ((amount: number) => [Written, number])[] = [
    (a) => [a / 100, a],
    (a) => [-a / 100, -a],
    (a) => [`${Math.floor(a / 100)}.${decimals(a)}`, a],
    (a) => [`₹${groupIndian(Math.floor(a / 100))}.${decimals(a)}`, a],
    (a) => [`Rs. ${western(Math.floor(a / 100))}.${decimals(a)}/-`, a],
    (a) => [`(${groupIndian(Math.floor(a / 100))}.${decimals(a)})`, -a],
    (a) => [`${western(Math.floor(a / 100)).replaceAll(',', '\u00a0')}.${decimals(a)} Cr`, -a],
    (a) => [`INR ${groupIndian(Math.floor(a / 100))}.${decimals(a)}-`, -a],
  ];
  fc.assert(
    fc.property(amounts, fc.constantFrom(...forms), (amount, form) => {
      const [written, expected] = form(amount);
      return paise(written) === (expected === 0 ? 0 : expected);
    }),
    { numRuns: 2000 },
  );
});

t.test('survives 13: no text makes it throw or gives anything but whole paise', async () => {
  const sign = fc.constantFrom(...'0123456789,. ()-+₹/%eECrDRsINL\u00a0\u2212१٥'.split(''));
  fc.assert(
    fc.property(fc.array(sign, { maxLength: 14 }), (signs) => {
      const read = paise(signs.join(''));
      return read === null || typeof read === 'string' || Number.isSafeInteger(read);
    }),
    { numRuns: 5000 },
  );
});
