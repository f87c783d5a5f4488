import { dayFromCivil } from '@backoffice/core';
import {
  type CellValue,
  type SheetContent,
  type TemplateColumn,
  templateSheets,
} from '@backoffice/spreadsheet';
import { departments, invoiceStatuses, regionLabels } from '../model.ts';

const columns: TemplateColumn[] = [
  {
    header: 'Accode',
    width: 14,
    needed: 'yes',
    about: 'The customer code. A customer has one region.',
    example: 'C-1001',
  },
  { header: 'Party Name', width: 32, needed: '', about: 'The customer.', example: 'Acme Builders Pvt. Ltd.' },
  {
    header: 'Region',
    width: 14,
    needed: 'yes',
    about: `One of ${Object.values(regionLabels).join(', ')}.`,
    example: 'Pune',
  },
  {
    header: 'Outstg.Amt',
    width: 16,
    format: '#,##0.00',
    needed: 'yes',
    about:
      'What is still open, in rupees; a credit is negative. The header may name the month: July.Outstg.Amt.',
    example: 45_000.5,
  },
  {
    header: 'Inv.No',
    width: 16,
    needed: '',
    about: "The invoice number. Without one the amount is the customer's on-account money.",
    example: 'INV-2025/001',
  },
  {
    header: 'Inv.Amt',
    width: 16,
    format: '#,##0.00',
    needed: '',
    about: 'The amount of the invoice, in rupees.',
    example: 60_000,
  },
  {
    header: 'Age',
    width: 10,
    needed: 'this or Inv.Date',
    about: 'Days since the invoice date, or one of 0-30, 31-90, 91-180, 181-365, >365.',
    example: null,
  },
  {
    header: 'Inv.Date',
    width: 14,
    format: 'dd/mm/yyyy',
    needed: 'this or Age',
    about: 'A date, day first.',
    example: { day: dayFromCivil(2025, 7, 15)! },
  },
  {
    header: 'Status',
    width: 12,
    needed: '',
    about: `One of ${invoiceStatuses.join(', ')}; blank leaves it as it is.`,
    example: 'unpaid',
  },
  {
    header: 'Department',
    width: 18,
    needed: '',
    about: `One of ${departments.join(', ')}; blank takes what the upload form says.`,
    example: 'Pump',
  },
];

/** A filled row of the template, as its notes show it. */
export const templateExample: CellValue[] = columns.map((column) => column.example);

/** The workbook that people fill in; `rows` fills its first sheet. */
export function statementTemplate(rows: Iterable<CellValue[]> = []): SheetContent[] {
  return templateSheets('Statement', columns, rows);
}
