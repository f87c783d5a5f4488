import type { Reading as SheetReading } from '@backoffice/spreadsheet';

/** Why a row is refused. Codes are stable; each text names what to do. */
export const rowErrorTexts = {
  CODE_MISSING:
    'The row has no customer code. Enter it; in a total row write "Total" there, then the row is skipped.',
  REGION_MISSING: 'The row has no region. Enter one of the 18 regions.',
  REGION_UNKNOWN: 'This is not one of the 18 regions. Use its name or code, for example Pune or Bangalore.',
  DEPARTMENT_UNKNOWN: 'This is not a department. Use "Batching Plant" or "Pump", or leave the cell blank.',
  STATUS_UNKNOWN: 'This is not a status. Use paid, unpaid or dispute, or leave the cell blank.',
  AMOUNT_MISSING: 'The outstanding amount is blank. Enter it; 0, - or NIL mean that nothing is open.',
  AMOUNT_INVALID: 'This is not an amount. Enter a plain number such as 123456.50 or 1,23,456.50.',
  AMOUNT_GROUPING:
    'The commas or spaces do not group thousands. Write 1,23,456.50 or 123,456.50, with a dot before the paise.',
  AMOUNT_SIGN: 'The amount has two signs. Use one of a minus, parentheses, Cr or Dr.',
  AMOUNT_DIGITS: 'The amount has digits of another script. Enter it with the digits 0 to 9.',
  AMOUNT_TOO_LARGE: 'The amount is too large to be one. Correct it.',
  DATE_INVALID: 'This is not a date. Enter it as a date, or day first as 31/03/2025 or 31-Mar-2025.',
  DATE_IMPLAUSIBLE: 'The date does not lie between 1980 and 2099. Correct it.',
  AGE_INVALID:
    'This is not an age. Enter whole days (0 or more) or one of 0-30, 31-90, 91-180, 181-365, >365.',
  DATE_OR_AGE_MISSING:
    'The row has neither an invoice date nor an age, and no date is known for this invoice. Enter one of them.',
  NUMBER_LOST_DIGITS:
    'The spreadsheet program has dropped digits of this number. Format the cell as text and enter it again.',
  NUMBER_IS_DATE:
    'The spreadsheet program has turned this into a date. Format the cell as text and enter it again.',
  TEXT_INVALID: 'The cell holds TRUE or FALSE where a code or number belongs. Correct it.',
  TEXT_TOO_LONG: 'The text is too long. Shorten it.',
  CELL_ERROR: 'The cell shows an error. Correct its formula, or enter the value itself.',
  FORMULA_WITHOUT_VALUE:
    'The formula has no stored value. Open the workbook in a spreadsheet program, save it and upload it again.',
  COLUMNS_DISAGREE: 'Two columns with the same meaning hold different values. Delete one of them.',
  DUPLICATE_INVOICE: 'The invoice is in the file already, with other values. Keep one of the rows.',
  CUSTOMER_IN_TWO_REGIONS: 'The customer is in the file already, in another region. Correct one of the rows.',
} as const;

export type RowErrorCode = keyof typeof rowErrorTexts;

/** What a cell gives: a value, or why it gives none. */
export type Reading<T> = SheetReading<T, RowErrorCode>;
