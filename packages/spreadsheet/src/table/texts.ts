import { isoDate } from '@backoffice/core';
import type { Cell } from '../cells.ts';

const MAX_SHOWN = 200;

const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
// Marks that nobody sees: zero-width space, directions, word joiner, soft hyphen, byte order mark. Joiners of
// Indian scripts are left, they belong to the spelling.
const INVISIBLE = /[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const SPACE = /[\s\u0000-\u001f\u007f-\u009f]/g;
const DASHES = /^[-\u2010-\u2015\u2212]+$/;
const EXPONENT = /^[-+]?\d+(?:[.,]\d*)?\s*e\s*[-+]?\d+$/i;
const SCIENTIFIC = /^[-+]?\d(?:[.,]\d+)?e\+\d+$/i;

/** The text without marks that nobody sees; spaces and lines as they are. */
export function withoutInvisible(text: string): string {
  return text.replace(INVISIBLE, '');
}

/** The text without invisible marks, every kind of space a plain one, trimmed. Spaces inside are kept. */
export function cleanText(text: string): string {
  if (PLAIN.test(text)) return text;
  return withoutInvisible(text.normalize('NFC')).replace(SPACE, ' ').trim();
}

/** Whether a text is nothing but dashes, which people write where there is nothing. */
export function isDash(text: string): boolean {
  return DASHES.test(text);
}

/** Whether a text is what a spreadsheet program shows of a long number (`8.03E+09`): its digits are lost. */
export function isScientific(text: string): boolean {
  return SCIENTIFIC.test(text);
}

/** Whether a text is any number with an exponent (`8.03e9`, `803E7`), as programs write long numbers. */
export function hasExponent(text: string): boolean {
  return EXPONENT.test(text);
}

/** A number without exponent and without `.0`: its shortest decimal, whole numbers in full. */
export function numberText(value: number): string {
  if (Number.isInteger(value)) return Math.abs(value) < 1e15 ? String(value + 0) : BigInt(value).toString();
  return String(value);
}

/** Whether a number has more digits than a spreadsheet program keeps: some may be wrong. */
export function hasLostDigits(value: number): boolean {
  const text = numberText(value);
  const digits = text.replace(/^-?0*\.?0*|\./g, '');
  return digits.length > 15 || text.includes('e') || !Number.isFinite(value);
}

/** Whether a cell holds nothing: absent, or a text of spaces. */
export function isBlank(cell: Cell | undefined): cell is undefined {
  return cell === undefined || (cell.kind === 'text' && (cell.text === '' || cleanText(cell.text) === ''));
}

/** The cell as a person would read it out; `''` for a blank one and for a formula without a value. */
export function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  switch (cell.kind) {
    case 'text':
    case 'error':
      return cell.text;
    case 'number':
      return numberText(cell.value);
    case 'date':
      return dateText(cell.value);
    case 'boolean':
      return cell.value ? 'TRUE' : 'FALSE';
    case 'formula':
      return '';
  }
}

function dateText(serial: number): string {
  return serial >= 61 && serial < 2_958_466 ? isoDate(Math.floor(serial) - 25_569) : numberText(serial);
}

/** The cell as text for an error report, at most 200 characters. */
export function shownText(cell: Cell | undefined): string {
  return shorten(cellText(cell));
}

/** At most 200 characters, never ending in half a character. */
export function shorten(text: string): string {
  if (text.length <= MAX_SHOWN) return text;
  const cut = text.slice(0, MAX_SHOWN - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
