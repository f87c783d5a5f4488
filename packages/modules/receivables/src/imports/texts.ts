import {
  type Cell,
  cellText,
  cleanText,
  hasLostDigits,
  isDash,
  isScientific,
  numberText,
  withoutInvisible,
} from '@backoffice/spreadsheet';
import type { Reading } from './row-errors.ts';

/** Longest customer code or invoice number, and longest name; longer ones are a slip of the columns. */
const MAX_IDENTIFIER = 100;
const MAX_NAME = 300;
/** What a spreadsheet program allows in one cell. */
const MAX_CELL = 32_767;

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
      if (isScientific(text)) return { problem: 'NUMBER_LOST_DIGITS' };
      if (text.length > MAX_IDENTIFIER) return tooLong(MAX_IDENTIFIER);
      return { value: text };
    }
    case 'number':
      return hasLostDigits(cell.value)
        ? { problem: 'NUMBER_LOST_DIGITS' }
        : { value: numberText(cell.value) };
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
  const text = withoutInvisible(cellText(cell)).replace(/\r\n?/g, '\n').trim();
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
