import type { PersonnelRepository } from '../repository.ts';

/** Makes the figures of every db anew from its records; gives how many dbs there are. */
export async function rebuildFigures({ dbs, series }: PersonnelRepository): Promise<number> {
  const all = await dbs.listAny();
  for (const each of all) await series.rebuild(each);
  return all.length;
}

/** Adds up the records of every db and names what differs from the figures that are shown. Changes nothing. */
export async function verifyFigures({ dbs, records, series }: PersonnelRepository): Promise<string[]> {
  await records.settle();
  const differences: string[] = [];
  for (const each of await dbs.listAny()) {
    const [shown, computed] = [flat(await series.read(each)), flat(await series.compute(each))];
    for (const key of new Set([...shown.keys(), ...computed.keys()])) {
      if (shown.get(key) === computed.get(key)) continue;
      const [is, should] = [shown.get(key) ?? 'nothing', computed.get(key) ?? 'nothing'];
      differences.push(`${each.short_code}: ${key} is ${is}, the records give ${should}.`);
    }
  }
  return differences;
}

function flat({ days, cells }: Awaited<ReturnType<PersonnelRepository['series']['read']>>) {
  const all = new Map<string, string>();
  for (const [day, kinds] of Object.entries(days)) {
    for (const [kind, moved] of Object.entries(kinds)) all.set(`${day} ${kind}`, moved.join(' in, '));
  }
  for (const [sort, count] of Object.entries(cells)) all.set(sort, String(count));
  return all;
}
