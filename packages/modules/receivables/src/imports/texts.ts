import { isoDate } from '@backoffice/core';
import type { Cell } from '@backoffice/spreadsheet';
import type { Reading } from './row-errors.ts';

/** Longest customer code or invoice number, and longest name; longer ones are a slip of the columns. */
const MAX_IDENTIFIER = 100;
const MAX_NAME = 300;
/** What a spreadsheet program allows in one cell. */
const MAX_CELL = 32_767;
const MAX_SHOWN = 200;

const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
// Marks that nobody sees: zero-width space, directions, word joiner, soft hyphen, byte order mark. Joiners of
// Indian scripts are left, they belong to the spelling.
const INVISIBLE = /[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const SPACE = /[\s\u0000-\u001f\u007f-\u009f]/g;
const DASHES = /^[-\u2010-\u2015\u2212]+$/;
const SCIENTIFIC = /^[-+]?\d(?:[.,]\d+)?e\+\d+$/i;

/** The text without invisible marks, every kind of space a plain one, trimmed. Spaces inside are kept. */
export function cleanText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.normalize('NFC').replace(INVISIBLE, '').replace(SPACE, ' ').trim();
}

/** Whether a text is nothing but dashes, which people write where there is nothing. */
export function isDash(text: string): boolean {
  return DASHES.test(text);
}

/** A number without exponent and without `.0`: its shortest decimal, whole numbers in full. */
export function numberText(value: number): string {
  if (Number.isInteger(value)) return Math.abs(value) < 1e15 ? String(value + 0) : BigInt(value).toString();
  return String(value);
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

/**
 * A customer code or an invoice number; null when blank or a dash. Whole numbers lose no digit and gain no
 * `.0`. A number of more than 15 digits, and the text of one in scientific form, has lost digits before it
 * came here: refused, since another invoice may answer to what is left of it.
 */
export function readIdentifier(cell: Cell | undefined): Reading<string | null> {
  if (cell === undefined) return { value: null };
  switch (cell.kind) {
    case 'text': {
      const text = cleanText(cell.text);
      if (text === '' || isDash(text)) return { value: null };
      if (SCIENTIFIC.test(text)) return { problem: 'NUMBER_LOST_DIGITS' };
      if (text.length > MAX_IDENTIFIER) return tooLong(MAX_IDENTIFIER);
      return { value: text };
    }
    case 'number': {
      const text = numberText(cell.value);
      const digits = text.replace(/^-?0*\.?0*|\./g, '');
      return digits.length > 15 || text.includes('e') || !Number.isFinite(cell.value)
        ? { problem: 'NUMBER_LOST_DIGITS' }
        : { value: text };
    }
    case 'date':
      return { problem: 'NUMBER_IS_DATE' };
    case 'boolean':
      return { problem: 'TEXT_INVALID' };
    default:
      return unreadable(cell);
  }
}

/** A name or any other text of one line; `''` when blank or a dash. Runs of spaces become one. */
export function readName(cell: Cell | undefined): Reading<string> {
  if (cell === undefined) return { value: '' };
  if (cell.kind === 'error' || cell.kind === 'formula') return unreadable(cell);
  const text = cleanText(cellText(cell)).replace(/ {2,}/g, ' ');
  if (text.length > MAX_NAME) return tooLong(MAX_NAME);
  return { value: isDash(text) ? '' : text };
}

/** A free text, lines kept; null when blank or a dash. */
export function readNotes(cell: Cell | undefined): Reading<string | null> {
  if (cell === undefined) return { value: null };
  if (cell.kind === 'error' || cell.kind === 'formula') return unreadable(cell);
  const text = cellText(cell).replace(INVISIBLE, '').replace(/\r\n?/g, '\n').trim();
  if (text.length > MAX_CELL) return tooLong(MAX_CELL);
  return { value: text === '' || isDash(text) ? null : text };
}

/** Why an error cell or a formula without a value gives nothing. */
export function unreadable(cell: Cell): { problem: 'CELL_ERROR' | 'FORMULA_WITHOUT_VALUE' } {
  return { problem: cell.kind === 'error' ? 'CELL_ERROR' : 'FORMULA_WITHOUT_VALUE' };
}

function tooLong(limit: number): { problem: 'TEXT_TOO_LONG'; hint: string } {
  return { problem: 'TEXT_TOO_LONG', hint: `At most ${limit} characters are taken.` };
}
