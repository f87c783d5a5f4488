import type { DayNumber, Month, Paise } from '@backoffice/core';
import { type AgeBucket, type Ageing, type Department, keyOf, type Region } from '../../src/model.ts';
import { type Line, type Slot, slotMatches, type World } from './events.ts';
import { whileSettled } from './settled.ts';
import { type RegionState, regionAt, standingLines, statusIn } from './standing.ts';

/** An open amount: an invoice's line, or all on-account money of a customer in one slot. */
export interface OpenItem {
  region: Region;
  slot: Slot;
  /** Keys, as compared. */
  code: string;
  number: string | null;
  amount: Paise;
  disputed: boolean;
  /** The parts with their own ages; just one for an invoice. */
  parts: Line[];
}

/** Decision 8: open are the lines that are not paid and not 0. On-account parts of a slot are one line. */
export function openItemsOf(state: RegionState, region: Region, department: Department | null): OpenItem[] {
  const items: OpenItem[] = [];
  for (const line of standingLines(state, region)) {
    if (!slotMatches(line.slot, department)) continue;
    const code = keyOf(line.code);
    if (line.number === null) {
      const same = items.find(
        (item) => item.number === null && item.code === code && item.slot === line.slot,
      );
      if (same) {
        same.amount += line.outstanding;
        same.parts.push(line);
        continue;
      }
    }
    const status = line.number === null ? 'unpaid' : statusIn(state, line.code, line.number);
    if (status === 'paid') continue;
    items.push({
      region,
      slot: line.slot,
      code,
      number: line.number === null ? null : keyOf(line.number),
      amount: line.outstanding,
      disputed: status === 'dispute',
      parts: [line],
    });
  }
  return items.filter((item) => item.amount !== 0);
}

export function openItems(
  world: World,
  region: Region,
  month: Month,
  department: Department | null,
): OpenItem[] {
  return whileSettled(world, `open ${region} ${month} ${department}`, () =>
    openItemsOf(regionAt(world, region, month), region, department),
  );
}

/** Decision 10: bounds are inclusive, a future date counts as 0 days, a label stays. */
export function bucketOf(ageing: Ageing, asOf: DayNumber): AgeBucket {
  if (ageing.kind === 'bucket') return ageing.bucket;
  const days = Math.max(0, asOf - ageing.day);
  if (days <= 30) return '0-30';
  if (days <= 90) return '31-90';
  if (days <= 180) return '91-180';
  if (days <= 365) return '181-365';
  return '>365';
}
