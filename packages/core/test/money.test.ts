import fc from 'fast-check';
import t from 'tap';
import {
  formatRupees,
  groupIndian,
  paiseFromDecimal,
  paiseFromNumber,
  rupeesFromPaise,
} from '../src/index.ts';

t.test('57. rupees become paise by their shortest decimal, halves away from zero', async (t) => {
  const cases: [number, number | null][] = [
    [1.005, 101],
    [-1.005, -101],
    [0.1 + 0.2, 30],
    [2.675, 268],
    [1e-7, 0],
    [-1e-7, 0],
    [123456789012.34, 12345678901234],
    [1e13, null],
    [Number.NaN, null],
    [Number.POSITIVE_INFINITY, null],
  ];
  for (const [rupees, paise] of cases) t.equal(paiseFromNumber(rupees), paise, String(rupees));
  for (const text of ['', '1,000', '1e3', '.5', '5.', '--1', '9'.repeat(20)]) {
    t.equal(paiseFromDecimal(text), null, text);
  }
});

t.test('57. every amount goes to the wire and back unchanged, and sums are exact', async () => {
  const amounts = fc.integer({ min: -1e12, max: 1e12 });
  fc.assert(fc.property(amounts, (paise) => paiseFromNumber(rupeesFromPaise(paise)) === paise));
  fc.assert(
    fc.property(fc.array(amounts, { maxLength: 50 }), (parts) => {
      const total = parts.reduce((sum, part) => sum + part, 0);
      return Number.isSafeInteger(total) && paiseFromNumber(rupeesFromPaise(total)) === total;
    }),
  );
});

t.test('amounts are shown in whole rupees with Indian grouping, never negative', async (t) => {
  t.equal(formatRupees(1_234_567_850), '₹1,23,45,679');
  t.equal(formatRupees(49), '₹0');
  t.equal(formatRupees(50), '₹1');
  t.equal(formatRupees(-500), '₹0');
  t.equal(formatRupees(0), '₹0');
  t.equal(groupIndian(999), '999');
  t.equal(groupIndian(100_000), '1,00,000');
  t.equal(groupIndian(-12_345_678), '-1,23,45,678');
});
