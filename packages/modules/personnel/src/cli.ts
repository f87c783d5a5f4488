import { createPlatform, loadConfig, useLocalSystem } from '@backoffice/platform';
import { createPersonnelRepository } from './repository.ts';
import { rebuildFigures, verifyFigures } from './rollups/verify.ts';

const usage = `Usage: npx tsx packages/modules/personnel/src/cli.ts rollups:rebuild | rollups:verify

  rollups:rebuild  makes the figures of every db anew from its records
  rollups:verify   adds up the records, compares, and names what differs; changes nothing`;

async function main(command: string | undefined): Promise<number> {
  if (command !== 'rollups:rebuild' && command !== 'rollups:verify') {
    console.error(usage);
    return 2;
  }
  useLocalSystem();
  const platform = await createPlatform(loadConfig(), { role: 'cli', systems: [{ name: 'personnel' }] });
  try {
    const repository = createPersonnelRepository(platform);
    if (command === 'rollups:rebuild') {
      console.log(`The figures of ${await rebuildFigures(repository)} dbs were made anew.`);
      return 0;
    }
    const differences = await verifyFigures(repository);
    for (const difference of differences) console.log(difference);
    console.log(differences.length === 0 ? 'All figures are what the records give.' : 'Run rollups:rebuild.');
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
