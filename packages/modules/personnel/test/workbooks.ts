import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type CellValue, type SheetContent, writeWorkbook } from '@backoffice/spreadsheet';
import { header } from './sheets.ts';

export async function workbookOf(sheets: SheetContent[]): Promise<Buffer> {
  const target = new PassThrough();
  const [bytes] = await Promise.all([buffer(target), writeWorkbook(target, sheets)]);
  return bytes;
}

/** A line of a sheet: that army number, the rest of some person. */
export const line = (armyNumber: string, rank = 'Sgt', status: string | null = null): CellValue[] => [
  ...[armyNumber, rank, 'Bello', 'Musa', null, '08030000000', 'Unity Bank', '011'],
  ...['0012345678', 'Sector 1', null, status, null],
];

export const sheetOf = (rows: CellValue[][], columns = header): Promise<Buffer> =>
  workbookOf([{ name: 'Sheet1', columns: columns.map((each) => ({ header: each, width: 12 })), rows }]);
