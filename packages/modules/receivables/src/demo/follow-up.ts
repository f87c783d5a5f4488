import { type DayNumber, isoDate } from '@backoffice/core';
import { createRandom, type Random } from '@backoffice/platform';
import { departments, type Region, type Remark } from '../model.ts';
import type { DemoRow } from './statements.ts';

/** What the demo's people entered about a customer. */
export interface FollowUp {
  code: string;
  region: Region;
  /** The e-mail of the engineer who looks after the customer, null for the few without one. */
  engineer: string | null;
  remark: Remark;
  notes: string;
}

/** What was entered about the customers with something open, by the running month's rows. In order of code. */
export function followUps(rows: readonly DemoRow[], asOf: DayNumber): FollowUp[] {
  const byCode = new Map<string, DemoRow[]>();
  for (const row of rows) byCode.set(row.code, [...(byCode.get(row.code) ?? []), row]);
  return [...byCode.keys()].sort().map((code) => followUpOf(byCode.get(code)!, asOf));
}

function followUpOf(rows: DemoRow[], asOf: DayNumber): FollowUp {
  const { code, region } = rows[0]!;
  const random = createRandom(`follow-up of ${code}`);
  const oldest = Math.max(...rows.map((row) => asOf - row.date));
  const remark = random.chance(0.3) ? remarkOf(rows, oldest) : 'none';
  return {
    code,
    region,
    engineer: random.chance(0.92) ? engineerOf(rows, region) : null,
    remark,
    notes: random.chance(0.2) ? noteOf(random, remark, asOf) : '',
  };
}

/** Each department of a region has its engineer; a customer of both belongs to the one with more of its invoices. */
function engineerOf(rows: DemoRow[], region: Region): string {
  const ofFirst = rows.filter((row) => row.department === departments[0]).length;
  return `${ofFirst * 2 >= rows.length ? 'engineer' : 'engineer2'}.${region}@example.com`;
}

function remarkOf(rows: DemoRow[], oldest: number): Remark {
  if (rows.some((row) => row.disputed)) return 'dispute';
  if (oldest > 540) return 'write-off';
  if (rows.some((row) => row.number !== null && row.outstanding < row.invoiceAmount!))
    return 'partial payment';
  if (rows.some((row) => row.number === null)) return 'payment received';
  return oldest > 45 ? 'under follow-up' : 'none';
}

const notesByRemark: Readonly<Record<Remark, readonly string[]>> = {
  'payment received': [
    'NEFT received, invoice reference missing. Asked their accounts for a break-up.',
    'Advance lies on account; to be set against the next invoice.',
  ],
  'partial payment': [
    'Paid in part, balance promised after their running bill is certified.',
    'TDS certificate pending; the rest is paid.',
  ],
  'under follow-up': [
    'Spoke to Mr. Rao in accounts, cheque promised this week.',
    'Statement of account sent, no reply yet. Visit the site.',
    'Awaiting the release of retention by their client.',
    'Asked for a ledger confirmation.',
  ],
  dispute: [
    'Quantity on the delivery challan differs from the invoice. With service.',
    'Claims a short supply of spares; credit note under discussion.',
  ],
  'write-off': ['Site closed, party not traceable. Proposed for write-off.', 'With legal; notice sent.'],
  none: ['Pays on the 10th of every month.', 'Contact the site office, not the head office.'],
};

function noteOf(random: Random, remark: Remark, asOf: DayNumber): string {
  const [year, month, day] = isoDate(asOf - random.whole(1, 25)).split('-');
  return `${day}.${month}.${year}: ${random.pick(notesByRemark[remark])}`;
}
