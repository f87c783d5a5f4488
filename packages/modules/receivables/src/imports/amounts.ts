import { type Paise, paiseFromDecimal, paiseFromNumber } from '@backoffice/core';
import { type Cell, cleanText, isDash } from '@backoffice/spreadsheet';
import type { Reading } from './row-errors.ts';
import { unreadable } from './texts.ts';

/** No amount is longer; what is may have been made to keep the patterns below busy. */
const LONGEST = 60;

const CURRENCY_BEFORE = /^(?:₹|rs(?:\.|:)?|inr\.?) ?/i;
const CURRENCY_AFTER = / ?(?:₹|rs\.?|inr)$/i;
const SIDE_AFTER = / ?(cr|dr)\.?$/i;
const SIDE_BEFORE = /^(cr|dr)\.? ?/i;
const MINUS = '[-\\u2010-\\u2015\\u2212]';
const MINUS_BEFORE = new RegExp(`^${MINUS} ?`);
const MINUS_AFTER = new RegExp(`(?<!/) ?${MINUS}$`);

const PLAIN = /^(?:\d+\.?\d*|\.\d+)$/;
// Western 123,456 and Indian 1,23,456; the last form is what the usual Indian number format makes of a
// hundred crore (100,00,00,000). One kind of separator only, so that a decimal comma is never taken for one.
const GROUPED = [',', ' '].flatMap((mark) => [
  new RegExp(`^[1-9]\\d{0,2}(?:${mark}\\d{3})+(?:\\.\\d*)?$`),
  new RegExp(`^[1-9]\\d?(?:${mark}\\d{2})*${mark}\\d{3}(?:\\.\\d*)?$`),
  new RegExp(`^[1-9]\\d{2}(?:${mark}\\d{2}){2}${mark}\\d{3}(?:\\.\\d*)?$`),
]);

/**
 * The amount of a cell in paise, null when it is blank (contract, decision 20). Numbers by their shortest
 * decimal, rounded half away from zero. Texts with ₹, Rs., INR, `/-`, Indian or Western grouping by commas
 * or spaces; parentheses, a minus before or behind, or Cr for a credit; `-` and NIL are 0.
 */
export function readAmount(cell: Cell | undefined): Reading<Paise | null> {
  if (cell === undefined) return { value: null };
  switch (cell.kind) {
    case 'number':
      return inPaise(paiseFromNumber(cell.value));
    case 'text':
      return amountFromText(cell.text);
    case 'date':
      return { problem: 'AMOUNT_INVALID', hint: 'The cell is formatted as a date.' };
    case 'boolean':
      return { problem: 'AMOUNT_INVALID' };
    default:
      return unreadable(cell);
  }
}

function amountFromText(raw: string): Reading<Paise | null> {
  // Spaces of every kind are plain ones from here on: NBSP and thin spaces group digits in many locales.
  let text = cleanText(raw);
  if (text === '') return { value: null };
  if (text.length > LONGEST) return { problem: 'AMOUNT_INVALID' };
  if (/\p{Nd}/u.test(text.replace(/[0-9]/g, ''))) return { problem: 'AMOUNT_DIGITS' };

  const signs: number[] = [];
  let currency = false;
  // What stands around the digits comes in any order (`₹ -5`, `-₹5`, `(₹5)`, `₹(5)`, `5/- Cr`): peel until
  // nothing more comes off.
  for (let before = ''; before !== text; ) {
    before = text;
    if (isDash(text) || /^nil$/i.test(text))
      return signs.length ? { problem: 'AMOUNT_INVALID' } : { value: 0 };
    if (!currency) {
      text = text.replace(CURRENCY_BEFORE, '');
      if (text === before) text = text.replace(CURRENCY_AFTER, '');
      currency = text !== before;
    }
    text = text.replace(/ ?\/-$/, '');
    if (/^\(.*\)$/.test(text)) {
      signs.push(-1);
      text = text.slice(1, -1).trim();
    }
    const side = SIDE_AFTER.exec(text) ?? SIDE_BEFORE.exec(text);
    if (side) {
      signs.push(side[1]!.toLowerCase() === 'cr' ? -1 : 1);
      text = text.replace(side[0], '');
    }
    const minus = MINUS_BEFORE.exec(text) ?? MINUS_AFTER.exec(text);
    if (minus && !isDash(text)) {
      signs.push(-1);
      text = text.replace(minus[0], '');
    }
  }
  if (!/^[\d., ]*\d[\d., ]*$/.test(text)) return { problem: 'AMOUNT_INVALID' };
  // `(5) Cr` or `-5 Dr` may be meant either way; guessing would turn a debt into a credit.
  if (signs.length > 1) return { problem: 'AMOUNT_SIGN' };
  if (!PLAIN.test(text) && !GROUPED.some((form) => form.test(text))) return { problem: 'AMOUNT_GROUPING' };

  const decimal = text.replace(/[, ]/g, '').replace(/\.$/, '').replace(/^\./, '0.');
  const paise = paiseFromDecimal(decimal);
  return inPaise(paise === null ? null : paise === 0 ? 0 : paise * (signs[0] ?? 1));
}

/** Ten thousand crore rupees: far above any customer, far below where sums of a million lines lose paise. */
const MAX_PAISE = 1e13;

function inPaise(paise: Paise | null): Reading<Paise> {
  if (paise === null || Math.abs(paise) > MAX_PAISE) return { problem: 'AMOUNT_TOO_LARGE' };
  return { value: paise };
}
