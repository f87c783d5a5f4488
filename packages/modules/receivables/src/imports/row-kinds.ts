import { cleanText, columnBlank, type SheetRow } from '@backoffice/spreadsheet';
import type { ColumnName, Header } from './columns.ts';
import { regionsByWord } from './fields.ts';

const TOTAL = /^(?:grand|sub|net)?totals?$/;

/**
 * Whether a row is a total: `Total` or `Grand Total` as code or name (case, spaces, colons and the like don't
 * count), or such a text, also with the region before it (`Pune Total`), as the region of a row without both.
 */
export function isTotalRow(row: SheetRow, header: Header): boolean {
  const text = (name: ColumnName) => {
    const column = header.byName[name];
    const cell = column && row.cells[column.index];
    return cell?.kind === 'text' && cell.text.length < 60 && /total/i.test(cell.text) ? cell.text : '';
  };
  const isTotal = (value: string) => TOTAL.test(value.toLowerCase().replace(/[\s\p{P}\p{S}\p{Cf}]/gu, ''));
  if (isTotal(text('code')) || isTotal(text('name'))) return true;
  const region = cleanText(text('region'));
  if (region === '' || !columnBlank(row, header, 'code') || !columnBlank(row, header, 'name')) return false;
  const before = region.replace(/ *total:?$/i, '').toLowerCase();
  return isTotal(region) || regionsByWord.has(before);
}
