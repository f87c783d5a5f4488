import { createPlatform, loadConfig, useLocalSystem } from '@backoffice/platform';
import { createReceivablesRepository } from './repository.ts';
import { rebuildRollups, verifyRollups } from './rollups/verify.ts';

const usage = `Usage: pnpm receivables rollups:rebuild | rollups:verify

  rollups:rebuild  makes all rollups anew from the statements and puts them in force
  rollups:verify   makes them anew, compares, and names what differs; changes nothing`;

async function main(command: string | undefined): Promise<number> {
  if (command !== 'rollups:rebuild' && command !== 'rollups:verify') {
    console.error(usage);
    return 2;
  }
  useLocalSystem();
  const platform = await createPlatform(loadConfig(), { role: 'cli', systems: [{ name: 'receivables' }] });
  try {
    const repository = createReceivablesRepository(platform.db, platform.clock);
    if (command === 'rollups:rebuild') {
      const { regions, changed } = await rebuildRollups(repository);
      console.log(`${regions} regions made anew; ${changed} of them differed from what was in force.`);
      return 0;
    }
    const differences = await verifyRollups(repository);
    for (const difference of differences) console.log(difference);
    console.log(
      differences.length === 0 ? 'All rollups are what the statements give.' : 'Run rollups:rebuild.',
    );
    return differences.length === 0 ? 0 : 1;
  } finally {
    await platform.close();
  }
}

try {
  process.exitCode = await main(process.argv[2]);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
