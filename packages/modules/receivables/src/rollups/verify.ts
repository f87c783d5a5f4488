import { type Region, regionCodes } from '../model.ts';
import type { ReceivablesRepository } from '../repository.ts';
import { type Ledger, statementsInForce } from './ledger.ts';
import { refold } from './refold.ts';
import type { Head, HeadMonth } from './totals.ts';

async function readAll(repository: ReceivablesRepository) {
  const ledger = await repository.findLedger();
  await repository.flushTail(ledger);
  const settled: Ledger = { ...ledger, tail: [] };
  const regions = regionCodes.filter((region) => statementsInForce(ledger.imports, region).length > 0);
  const made = await refold(repository, settled, new Map(), regions, '0001-02');
  return { ledger, regions, made };
}

/** What differs between the rollups in force and those that the statements give, in plain sentences. */
export async function verifyRollups(repository: ReceivablesRepository): Promise<string[]> {
  const { ledger, made } = await readAll(repository);
  const heads = (await repository.listHeads(ledger)) ?? new Map<Region, Head>();
  const differences: string[] = [];
  for (const region of regionCodes) {
    const expected = made.heads.get(region) ?? null;
    const id = ledger.heads[region] ?? null;
    const stored = heads.get(region) ?? null;
    if (id !== null && stored === null) differences.push(`${region}: the rollup ${id} is missing`);
    else if (JSON.stringify(stored) !== JSON.stringify(expected)) {
      differences.push(...monthsThatDiffer(region, stored, expected));
    }
  }
  const nodes = [...heads.values()].flatMap((head) => head.months.map((month) => month.node));
  const found = await repository.listNodes(nodes);
  for (const id of nodes) if (!found.has(id)) differences.push(`the rollup ${id} is missing`);
  for (const node of made.nodes) {
    const stored = found.get(node._id);
    if (stored !== undefined && JSON.stringify(stored.ages) !== JSON.stringify(node.ages)) {
      differences.push(`the rollup ${node._id} holds other amounts than its name says`);
    }
  }
  return differences;
}

function monthsThatDiffer(region: Region, stored: Head | null, expected: Head | null): string[] {
  const months = (head: Head | null) => new Map((head?.months ?? []).map((each) => [each.month, each]));
  const [have, want] = [months(stored), months(expected)];
  const text = (month: HeadMonth | undefined) => JSON.stringify(month?.figures[0] ?? null);
  return [...new Set([...have.keys(), ...want.keys()])]
    .sort()
    .filter((month) => JSON.stringify(have.get(month)) !== JSON.stringify(want.get(month)))
    .map((month) => `${region} ${month}: ${text(have.get(month))}, should be ${text(want.get(month))}`);
}

/** Makes all rollups anew from the statements and puts them in force; repeated when the ledger moves meanwhile. */
export async function rebuildRollups(
  repository: ReceivablesRepository,
): Promise<{ regions: number; changed: number }> {
  for (;;) {
    const { ledger, regions, made } = await readAll(repository);
    const heads = [...made.heads.values()].flatMap((head) => head ?? []);
    await repository.upsertRollups({ heads, nodes: made.nodes, chunks: made.chunks });
    const ids = Object.fromEntries(heads.map((head) => [head.region, head._id]));
    const changed = regionCodes.filter((region) => ledger.heads[region] !== ids[region]).length;
    const { imports, markMonths } = ledger;
    const next = { imports, heads: ids, markMonths, tail: [] };
    if (await repository.updateLedger(ledger, next, 'rebuild')) return { regions: regions.length, changed };
  }
}
