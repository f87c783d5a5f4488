/**
 * What a number format shows: a calendar date (perhaps with a time), a time of day, an elapsed time, or
 * just a number.
 */
export type NumberFormat = 'number' | 'date' | 'time' | 'elapsed';

/** What a cell's style makes of a number. A number: digits, of which the leading zeros are only shown. */
export type CellFormat = NumberFormat | number;

/** Formats that a file names by number only. 27–36, 50–58 and 71–81 are dates of East Asian and Thai locales. */
const builtIn = new Map<number, NumberFormat>([
  ...range(14, 17, 'date'),
  ...range(18, 21, 'time'),
  [22, 'date'],
  ...range(27, 31, 'date'),
  ...range(32, 35, 'time'),
  [36, 'date'],
  [45, 'time'],
  [46, 'elapsed'],
  [47, 'time'],
  ...range(50, 58, 'date'),
  ...range(71, 74, 'date'),
  ...range(75, 76, 'time'),
  [77, 'date'],
  [78, 'time'],
  [79, 'elapsed'],
  [80, 'time'],
  [81, 'date'],
]);

function range(from: number, to: number, kind: NumberFormat): [number, NumberFormat][] {
  return Array.from({ length: to - from + 1 }, (_, i) => [from + i, kind]);
}

/** The kind of a built-in format id; `number` for one that is not built in. */
export function builtInFormat(id: number): NumberFormat {
  return builtIn.get(id) ?? 'number';
}

/**
 * The kind of a format code, by its first section that shows anything. Letters count only where Excel would
 * read them as parts of a date: not in quotes, after a backslash, or in brackets ([Red], [$-409], [>9]).
 */
export function customFormat(code: string): NumberFormat {
  // Elapsed times are brackets, too, and the only ones that matter.
  const marked = code
    .replace(/"[^"]*"?/g, '')
    .replace(/\\.|_.|\*./gs, '')
    .replace(/\[(?:h+|m+|s+)\]/gi, '\u0001')
    .replace(/\[[^\]]*\]/g, '');
  const section = marked.split(';').find((part) => part.trim() !== '') ?? '';
  if (/general/i.test(section)) return 'number';
  // "ss.000" shows fractions of a second; any other digit sign makes it a number, so that an unquoted
  // currency such as `Rs. #,##0` is not taken for seconds.
  const plain = section.replace(/s+\.0+/gi, 's').replace(/am\/pm|a\/p/gi, 'h');
  if (/[0#?]/.test(plain)) return 'number';
  if (plain.includes('\u0001')) return 'elapsed';
  if (/[dy]/i.test(plain)) return 'date';
  if (/[hs]/i.test(plain)) return 'time';
  return /m/i.test(plain) ? 'date' : 'number';
}

/**
 * How many digits a format code shows at least: `00000000000` shows 8031234567 as 08031234567. Nothing but zeros
 * and what stands between them counts; 0 for every other code.
 */
export function zerosShown(code: string): number {
  // The first section of several with conditions holds for some numbers only.
  if (/\[[<>=]/.test(code)) return 0;
  const marked = code
    .replace(/"[^"\d]*"/g, '')
    .replace(/\\\D|_.|\*\D/gs, '')
    .replace(/\[[^\]]*\]/g, '');
  const section = marked.split(';')[0]!;
  const zeros = /^[0\s()-]+$/.test(section) ? section.replace(/[^0]/g, '').length : 0;
  return zeros < 2 ? 0 : zeros;
}
