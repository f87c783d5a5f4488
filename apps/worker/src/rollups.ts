import { runCommand } from './command.ts';
import { workers } from './worker.ts';

const usage = `Usage: npm run rollups verify|rebuild [system]

  verify   makes all materialized figures anew, compares, and names what differs; changes nothing
  rebuild  makes them anew and puts them in force
  system   one alone; left out: all of`;

await runCommand(async (platform, [what = '', ...names]) => {
  const known = workers.filter((worker) => worker.rollups !== undefined);
  const chosen = known.filter(({ name }) => names.length === 0 || names.includes(name));
  if (!['verify', 'rebuild'].includes(what) || names.length > 1 || chosen.length === 0) {
    console.error(`${usage} ${known.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  let differing = 0;
  for (const { name, rollups } of chosen) {
    const { rebuild, verify } = rollups!(platform);
    if (what === 'rebuild') {
      console.log(`${name}: ${await rebuild()}`);
      continue;
    }
    const differences = await verify();
    for (const difference of differences) console.log(`${name}: ${difference}`);
    if (differences.length === 0) console.log(`${name}: all figures are what they were made from.`);
    else console.log(`${name}: ${differences.length} differ. Run: npm run rollups rebuild ${name}`);
    differing += differences.length;
  }
  return differing === 0 ? 0 : 1;
});
