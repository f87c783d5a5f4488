import { ConfigError, loadConfig } from '../../config/load.ts';
import { createPlatform, type Migration } from '../../data.ts';
import type { SystemModule } from '../../http/module.ts';
import { examine, findingsText } from './doctor.ts';
import { type Finding, fault } from './finding.ts';

const usage = `Usage: npm run doctor [-- --json]

  Looks at settings, servers, files, processes and backups. Exit code 1 when there is a fault.`;

/** `npm run doctor`. Gives the exit code: 0, 1 with faults, 2 for what it does not understand. */
export async function runDoctorCommand(
  systems: readonly SystemModule[],
  migrations: readonly Migration[],
  args: readonly string[],
  say: (text: string) => void = console.log,
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const json = args[0] === '--json';
  if (args.length > (json ? 1 : 0)) {
    say(usage);
    return 2;
  }
  const found = await findings(systems, migrations, env);
  say(json ? JSON.stringify(found, null, 2) : findingsText(found));
  return found.some(({ state }) => state === 'fault') ? 1 : 0;
}

async function findings(
  systems: readonly SystemModule[],
  migrations: readonly Migration[],
  env: NodeJS.ProcessEnv,
): Promise<Finding[]> {
  try {
    const config = loadConfig(env, systems);
    const platform = await createPlatform({ ...config, LOG_LEVEL: 'silent' }, { role: 'cli', systems });
    try {
      return await examine({ platform: { ...platform, config }, systems, migrations });
    } finally {
      await platform.close();
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map((sentence) => fault('settings', sentence, 'See .env.example.'));
  }
}
