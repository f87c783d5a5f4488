import { cellReference } from '../cells.ts';
import type { ReadLimits } from '../limits.ts';
import { failure } from './failure.ts';
import type { CellFormat } from './number-formats.ts';
import type { WireCell, WireRow } from './protocol.ts';
import { serialOf, serialOfIso } from './serials.ts';
import type { SharedStrings } from './shared-strings.ts';
import { createTextRuns, decodeEscapes } from './text-runs.ts';
import { type Attributes, isTrue, type XmlHandlers } from './xml.ts';

/** Columns of a sheet in the file format (XFD). Only the first ones are read, but none may lie beyond. */
const FORMAT_COLUMNS = 16_384;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

export interface SheetContext {
  name: string;
  strings: SharedStrings;
  formats: CellFormat[];
  date1904: boolean;
  limits: ReadLimits;
}

/**
 * Turns the elements of one worksheet part into rows. Merges, sizes, formats and whatever else stands there
 * are passed over. Positions are optional in the format: a row or cell without one follows the one before.
 * Throws CodedError WORKBOOK_BROKEN or WORKBOOK_TOO_LARGE with {sheet, row, cell}.
 */
export function createSheetHandlers(
  { name: sheet, strings, formats, date1904, limits }: SheetContext,
  emit: (row: WireRow) => void,
): XmlHandlers {
  const runs = createTextRuns(limits.maxCellText);
  let inData = false;
  let inRow = false;
  let row = 0;
  let rowIsNumbered = false;
  let hidden = false;
  let cells: WireCell[] = [];
  let filled = false;

  let column = -1;
  let inCell = false;
  let type: string | undefined;
  let style = 0;
  let hasFormula = false;
  let hasValue = false;
  let inValue = false;
  let value = '';
  let inInline = false;
  let inline: string | undefined;

  const where = () => ({ sheet, row, cell: cellReference(row, Math.max(column, 0)) });
  const broken = (what: string) =>
    failure('WORKBOOK_BROKEN', `${what}: sheet "${sheet}", row ${row}`, where());
  const tooLarge = (what: string) =>
    failure('WORKBOOK_TOO_LARGE', `${what}: sheet "${sheet}", row ${row}`, where());

  function beginRow(attributes: Attributes) {
    rowIsNumbered = attributes.r !== undefined;
    const before = row;
    row = rowIsNumbered ? wholeNumber(attributes.r!) : row + 1;
    if (!(row > before)) throw broken('rows out of order');
    if (row > limits.maxRows) throw tooLarge(`more than ${limits.maxRows} rows`);
    hidden = isTrue(attributes.hidden);
    cells = [];
    filled = false;
    column = -1;
    inRow = true;
  }

  function beginCell({ r, t, s }: Attributes) {
    if (r === undefined) column += 1;
    else placeCell(r);
    if (column >= FORMAT_COLUMNS) throw broken('a cell to the right of the last column');
    type = t;
    style = s === undefined ? 0 : wholeNumber(s);
    hasFormula = false;
    hasValue = false;
    value = '';
    inline = undefined;
    inCell = true;
  }

  function placeCell(reference: string) {
    let at = 0;
    let letters = 0;
    for (; at < reference.length && at < 4; at += 1) {
      const letter = (reference.charCodeAt(at) & ~32) - 64;
      if (letter < 1 || letter > 26) break;
      letters = letters * 26 + letter;
    }
    const ownRow = wholeNumber(reference.slice(at));
    if (letters === 0 || Number.isNaN(ownRow)) throw broken(`"${reference.slice(0, 20)}" is no cell`);
    if (ownRow !== row) {
      // A row without number takes the one of its first cell.
      if (rowIsNumbered || column >= 0 || ownRow < row) throw broken(`cell ${reference} in a wrong row`);
      if (ownRow > limits.maxRows) throw tooLarge(`more than ${limits.maxRows} rows`);
      row = ownRow;
    }
    rowIsNumbered = true;
    column = letters - 1;
  }

  function endCell() {
    inCell = false;
    if (column >= limits.maxColumns) return;
    const cell = wireCell();
    if (cells[column] !== undefined && cells[column] !== null) throw broken('a cell is there twice');
    if (cell === null) return;
    while (cells.length < column) cells.push(null);
    cells[column] = cell;
    filled = true;
  }

  function wireCell(): WireCell {
    if (inline !== undefined) return textCell(inline);
    if (type === 'str' || type === 'inlineStr') {
      if (hasFormula && value === '' && !hasValue) return [];
      return textCell(decodeEscapes(value));
    }
    const plain = value.trim();
    if (plain === '') return hasFormula ? [] : null;
    switch (type) {
      case 's': {
        const text = strings.get(wholeNumber(plain));
        if (text === undefined) throw broken('a cell refers to a text that is not there');
        return textCell(text);
      }
      case 'b':
        return plain === '1' || plain === 'true' ? true : plain === '0' || plain === 'false' ? false : plain;
      case 'e':
        return [1, plain];
      case 'd': {
        const serial = serialOfIso(plain);
        return serial === null ? textCell(plain) : [0, serial, plain];
      }
      default: {
        const number = DECIMAL.test(plain) ? Number(plain) : Number.NaN;
        // What is no number stays readable for the row error that it will become.
        if (!Number.isFinite(number)) return textCell(plain);
        const format = formats[style] ?? 'number';
        if (typeof format === 'number') return [2, number, format];
        return format === 'number' ? number : [0, serialOf(number, format, date1904)];
      }
    }
  }

  function textCell(text: string): WireCell {
    if (text === '') return null;
    if (text.length > limits.maxCellText) {
      throw tooLarge(`a text of more than ${limits.maxCellText} characters`);
    }
    return text;
  }

  return {
    open(name, attributes) {
      if (inCell) {
        if (name === 'v') {
          inValue = true;
          hasValue = true;
        } else if (name === 'f') hasFormula = true;
        else if (name === 'is') {
          inInline = true;
          runs.begin();
        } else if (inInline) runs.open(name);
      } else if (inRow) {
        if (name !== 'c') return;
        beginCell(attributes);
      } else if (inData) {
        if (name === 'row') beginRow(attributes);
      } else if (name === 'sheetData') inData = true;
    },
    text(text) {
      if (inValue) {
        value += text;
        if (value.length > limits.maxCellText * 7) {
          throw tooLarge(`a text of more than ${limits.maxCellText} characters`);
        }
      } else if (inInline) runs.text(text);
    },
    close(name) {
      if (inCell) {
        if (name === 'c') endCell();
        else if (name === 'v') inValue = false;
        else if (name === 'is') {
          inInline = false;
          inline = runs.end();
        } else if (inInline) runs.close(name);
      } else if (inRow) {
        if (name !== 'row') return;
        inRow = false;
        if (filled) emit([row, hidden ? 1 : 0, cells]);
      } else if (name === 'sheetData') inData = false;
    },
  };
}

/** NaN for anything but a plain whole number. */
function wholeNumber(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
}
