/** Characters of one cell; Excel calls a file with more damaged. */
const MAX_TEXT = 32_767;

/**
 * A text as it may stand in a workbook for strangers' programs to open. Two dangers, two measures:
 *
 * - In the sheet a text is typed as text, so that it is never calculated, whatever it looks like.
 * - Saved as CSV the type is lost. So every line of the text that a spreadsheet would read as a formula
 *   (first visible sign = + - @ or a tab) gets an apostrophe in front. It can be seen in the cell: a style
 *   (`quotePrefix`) would hide it, but is lost in CSV as well, which is just where it is needed.
 *
 * Signs that XML can't hold are replaced, line ends become `\n`, texts beyond Excel's limit end with `…`.
 */
export function inertText(text: string): string {
  // `_x003D_` would be shown as "=": the escape of the format is itself escaped.
  return shortened(clean(text).replace(linesBegin, "$1'")).replace(/_(?=x[0-9a-f]{4}_)/gi, '_x005F_');
}

/**
 * A text as it may stand in CSV. As above; and since a program may take another sign for the separator, what
 * follows a semicolon or a tab counts as the beginning of a cell too.
 */
export function inertCsvText(text: string): string {
  return shortened(clean(text).replace(cellsBegin, "$1'"));
}

/**
 * A text that was read from a sheet, without the apostrophes that `inertText` puts in front of what a spreadsheet
 * would take for a formula: what was written for others to open can be read again.
 */
export function withoutGuards(text: string): string {
  return text.replace(guardedLines, '');
}

/** What follows where a spreadsheet would see a formula. Blanks and signs that can't be seen don't count as the first. */
const formula = '(?=(?:[^\\S\\n\\u2028\\u2029]|\\p{Cf}|\\ufffd)*[\\t=+\\-@＝＋－＠])';
const lineBegin = '^|[\\n\\x85\\u2028\\u2029]';
const linesBegin = new RegExp(`(${lineBegin})${formula}`, 'gu');
const cellsBegin = new RegExp(`(${lineBegin}|[;\\t])${formula}`, 'gu');
const guardedLines = new RegExp(`(?<=${lineBegin})'${formula}`, 'gu');

function clean(text: string): string {
  return (
    text
      .slice(0, MAX_TEXT * 2)
      .replace(/\r\n?/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
      .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\p{Surrogate}]/gu, '\ufffd')
  );
}

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1).replace(/\p{Surrogate}$/u, '')}…` : text;
}

/** A sheet's name as Excel takes it: at most 31 characters, none of []:*?/\, no apostrophe at its ends. */
export function sheetName(name: string): string {
  const plain = inertText(name)
    .replace(/[[\]:*?/\\\s]+/g, ' ')
    .slice(0, 31)
    .replace(/^'+|'+$/g, '')
    .trim();
  return plain || 'Sheet';
}
