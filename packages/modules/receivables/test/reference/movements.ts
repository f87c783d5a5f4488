import { addMonths, type Month, type Paise } from '@backoffice/core';
import { type Department, type ExplainLine, keyOf, type Region } from '../../src/model.ts';
import { slotMatches, type World } from './events.ts';
import { openItems } from './open.ts';
import { whileSettled } from './settled.ts';
import { regionAt, standingLines, statusIn } from './standing.ts';

/** One line of New or Recovered; `code` and `number` are keys. */
export interface Movement {
  figure: 'new' | 'recovered';
  region: Region;
  code: string;
  number: string | null;
  amount: Paise;
  from: Paise | null;
  to: Paise | null;
  kind: ExplainLine['kind'];
}

/** Decision 7, for one region: month against the calendar month before, customer by customer. */
export function movementsIn(
  world: World,
  region: Region,
  month: Month,
  department: Department | null,
): Movement[] {
  return whileSettled(world, `movements ${region} ${month} ${department}`, () =>
    moved(world, region, month, department),
  );
}

function moved(world: World, region: Region, month: Month, department: Department | null): Movement[] {
  const before = openItems(world, region, addMonths(month, -1), department);
  const now = openItems(world, region, month, department);
  const listed = listedAsPaid(world, region, month, department);
  const codes = new Set([...before, ...now, ...listed].map((item) => item.code));
  const movements: Movement[] = [];
  for (const code of codes) {
    const own = <T extends { code: string }>(items: T[]): T[] => items.filter((item) => item.code === code);
    movements.push(...movementsOfCustomer(region, code, own(before), own(now), own(listed)));
  }
  return movements;
}

interface Amount {
  code: string;
  number: string | null;
  amount: Paise;
}

function movementsOfCustomer(
  region: Region,
  code: string,
  before: Amount[],
  now: Amount[],
  listed: Amount[],
): Movement[] {
  const movements: Movement[] = [];
  let decreases = 0;
  const add = (figure: Movement['figure'], number: string | null, amount: Paise, from: Paise, to: Paise) => {
    movements.push({ figure, region, code, number, amount, from, to, kind: 'line' });
    if (figure === 'recovered') decreases += amount;
  };

  // Invoice number by invoice number: an increase is New, a decrease is Recovered, whatever the sign.
  const numbers = new Set<string>();
  for (const item of [...before, ...now, ...listed]) if (item.number !== null) numbers.add(item.number);
  for (const number of numbers) {
    const from = sumOf(before, number);
    const to = sumOf(now, number);
    if (to > from) add('new', number, to - from, from, to);
    if (to < from) add('recovered', number, from - to, from, to);
    // First refinement: listed by the month's own statement, not open before and paid now: in both.
    const wasOpen = before.some((item) => item.number === number);
    const paid = Math.abs(sumOf(listed, number));
    if (!wasOpen && paid !== 0) {
      add('new', number, paid, 0, 0);
      add('recovered', number, paid, 0, 0);
    }
  }

  // On-account money is one more line of the customer.
  const from = sumOf(before, null);
  const to = sumOf(now, null);
  if (to < from) add('recovered', null, from - to, from, to);
  if (to > from) {
    // Second refinement: a rise first offsets the customer's decreases.
    const offset = Math.min(to - from, decreases);
    add('new', null, to - from, from, to);
    if (offset > 0) {
      for (const figure of ['new', 'recovered'] as const) {
        movements.push({
          figure,
          region,
          code,
          number: null,
          amount: -offset,
          from: null,
          to: null,
          kind: 'offset',
        });
      }
    }
  }
  return movements;
}

function sumOf(items: Amount[], number: string | null): Paise {
  return items.filter((item) => item.number === number).reduce((sum, item) => sum + item.amount, 0);
}

/** Rows of the month's own statements whose invoice is paid in that month. A kept line is not listed. */
function listedAsPaid(world: World, region: Region, month: Month, department: Department | null): Amount[] {
  const state = regionAt(world, region, month);
  const listed: Amount[] = [];
  for (const line of standingLines(state, region)) {
    if (line.month !== month || line.kept || line.number === null) continue;
    if (!slotMatches(line.slot, department)) continue;
    if (statusIn(state, line.code, line.number) !== 'paid') continue;
    listed.push({ code: keyOf(line.code), number: keyOf(line.number), amount: line.outstanding });
  }
  return listed;
}
