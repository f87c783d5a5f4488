import type { Month } from '@backoffice/core';
import type { Region } from '../model.ts';
import type { ReceivablesRepository } from '../repository.ts';
import { type Ledger, type Standing, standingAt, statementsInForce } from './ledger.ts';
import { changeMonths, type MadeRollups, refold } from './refold.ts';
import { type Head, headOf, type Node } from './totals.ts';

/**
 * The rollups of some regions for a ledger whose statements of one month have changed: from that month on,
 * and no further than the change reaches. Once every region stands on the same statements as before, with
 * the same statuses, all that comes later is as it was and is kept.
 */
export async function rebuildFrom(
  repository: ReceivablesRepository,
  from: Ledger,
  to: Ledger,
  heads: ReadonlyMap<Region, Head>,
  regions: readonly Region[],
  month: Month,
): Promise<MadeRollups> {
  const until = sameAgainFrom(from, to, regions, month);
  if (until === null) return refold(repository, to, heads, regions, month);
  const made = await refold(repository, to, heads, regions, month, until);
  const changed: Region[] = [];
  for (const region of regions) {
    const before = heads.get(region)!;
    const now = made.heads.get(region)!;
    const later = before.months.filter((each) => each.month > until);
    const last = before.months.findLast((each) => each.month <= until);
    if (last !== undefined && (await sameStatuses(repository, made.nodes, now, last.node))) {
      made.heads.set(region, headOf(region, [...now.months, ...later]));
    } else changed.push(region);
  }
  if (changed.length > 0) {
    const whole = await refold(repository, to, heads, changed, month);
    for (const [region, head] of whole.heads) made.heads.set(region, head);
    made.nodes.push(...whole.nodes);
    made.chunks.push(...whole.chunks);
  }
  return made;
}

/** The first month after the change from which every region stands on the same statements; null if there is none to gain from. */
function sameAgainFrom(from: Ledger, to: Ledger, regions: readonly Region[], month: Month): Month | null {
  let until: Month = month;
  let more = false;
  for (const region of regions) {
    const before = statementsInForce(from.imports, region);
    const after = statementsInForce(to.imports, region);
    const later = after.filter((event) => event.month > month).map((event) => event.month);
    const same = later.find((each) => sameStanding(standingAt(before, each), standingAt(after, each)));
    if (same === undefined) return null;
    if (same > until) until = same;
  }
  for (const region of regions) {
    const months = changeMonths(to, statementsInForce(to.imports, region));
    if (months.some((each) => each > until)) more = true;
  }
  return more ? until : null;
}

function sameStanding(a: Standing, b: Standing): boolean {
  return a.size === b.size && [...a].every(([slot, cell]) => b.get(slot)?.statementId === cell.statementId);
}

async function sameStatuses(
  repository: ReceivablesRepository,
  made: readonly Node[],
  now: Head,
  before: string,
): Promise<boolean> {
  const id = now.months.at(-1)?.node;
  const node = made.find((each) => each._id === id) ?? (await repository.listNodes([id ?? ''])).get(id ?? '');
  const other = (await repository.listNodes([before])).get(before);
  return node !== undefined && other !== undefined && node.statuses.join('\n') === other.statuses.join('\n');
}
