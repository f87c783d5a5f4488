import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DevServicesError } from '@backoffice/dev-services';
import { addressOf } from './settings.ts';

/** A system as the build describes it (apps/worker/src/list-systems.ts). */
export interface ListedSystem {
  name: string;
  title: string;
  /** Where it listens unless `portSetting` says otherwise. */
  port: number;
  portSetting: string;
  /** What its paths begin with. */
  prefix: string;
  /** The seeded users that one wants first, and what they may do. */
  logins: readonly { name: string; may: string; administrator: boolean }[];
}

/** One that is started here. */
export interface StartedSystem extends ListedSystem {
  /** Where it can be reached from this machine, without its prefix. */
  url: string;
}

/** What the build consists of. Asked for in a process of its own: the starter does not load the systems. */
export async function listSystems(script: string, signal: AbortSignal): Promise<ListedSystem[]> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], { signal });
    return JSON.parse(stdout) as ListedSystem[];
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new DevServicesError(`Which systems there are cannot be found out: ${said}`);
  }
}

/**
 * Those that SYSTEMS names, or all, each with the port that its setting gives.
 * @throws DevServicesError for a name or a port that cannot be, and for a port that two are to have
 */
export function startedSystems(
  listed: readonly ListedSystem[],
  env: NodeJS.ProcessEnv,
  host: string,
): StartedSystem[] {
  const names = (env.SYSTEMS ?? '').split(',').flatMap((name) => name.trim() || []);
  const unknown = names.filter((name) => !listed.some((system) => system.name === name));
  if (unknown.length > 0) {
    const known = listed.map(({ name }) => name).join(', ');
    throw new DevServicesError(`SYSTEMS names ${unknown.join(', ')}; this build has ${known}.`);
  }
  const chosen = listed.filter(({ name }) => names.length === 0 || names.includes(name));
  const taken = new Map<number, string>();
  return chosen.map((system) => {
    const { portSetting } = system;
    const port = Number(env[portSetting] || system.port);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new DevServicesError(`${portSetting} is ${env[portSetting]}; it must be from 1 to 65535.`);
    }
    const other = taken.get(port);
    if (other !== undefined) throw new DevServicesError(`${other} and ${portSetting} are both ${port}.`);
    taken.set(port, portSetting);
    return { ...system, port, url: `http://${addressOf(host)}:${port}` };
  });
}
