import { financialYearOf, type Month, monthsOfYear } from '@backoffice/core';
import type { EngineerRow, Filter, Scope } from '../../src/model.ts';
import { hasBegun, regionsIn, standingWords, type World } from './events.ts';
import { movementsIn } from './movements.ts';

/** Decision 11: the assignment at the end of a month; before the first one ever made, that one. */
export function engineerAt(world: World, code: string, month: Month): string | null {
  const all = standingWords(world, world.assignments, code);
  const upTo = all.filter((word) => word.month <= month);
  if (upTo.some((word) => word.value !== null)) return upTo.at(-1)!.value;
  return all.find((word) => word.value !== null)?.value ?? null;
}

/** Decision 11: collected = Recovered, assigned = New of the customers, each month by its own assignment. */
export function engineersOf(world: World, filter: Filter, scope: Scope, month: Month): EngineerRow[] {
  const rows: EngineerRow[] = [];
  for (const each of monthsOfYear(financialYearOf(month))) {
    if (!hasBegun(world, each)) continue;
    for (const region of regionsIn(filter.region, scope)) {
      for (const movement of movementsIn(world, region, each, filter.department)) {
        const engineerId = engineerAt(world, movement.code, each);
        if (engineerId === null) continue;
        let row = rows.find((other) => other.engineerId === engineerId);
        if (!row) {
          const engineer = world.engineers.find((other) => other.id === engineerId);
          row = {
            engineerId,
            name: engineer?.name ?? '',
            region: engineer?.region ?? region,
            collected: 0,
            assigned: 0,
          };
          rows.push(row);
        }
        if (movement.figure === 'recovered') row.collected += movement.amount;
        else row.assigned += movement.amount;
      }
    }
  }
  return rows.sort((a, b) => (a.engineerId < b.engineerId ? -1 : 1));
}
