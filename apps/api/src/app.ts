import { personnel } from '@backoffice/personnel';
import { createSystemApp, type Platform, portOf, type SystemModule } from '@backoffice/platform';
import { receivables } from '@backoffice/receivables';

/** Every system that this process can serve. A new one is a line here. */
export const systems: readonly SystemModule[] = [receivables, personnel];

export interface RunningSystem {
  title: string;
  url: string;
}

export interface RunningApi {
  running: readonly RunningSystem[];
  /** Takes no new request and waits for those under way; rejects nothing, logs what would not end. */
  close: () => Promise<void>;
}

/** Those of `available` that the setting SYSTEMS names; all of them when it names none. */
export function chosenSystems(available: readonly SystemModule[], names: readonly string[]): SystemModule[] {
  const unknown = names.filter((name) => !available.some((system) => system.name === name));
  if (unknown.length > 0) {
    const known = available.map((system) => system.name).join(', ');
    throw new Error(`SYSTEMS names ${unknown.join(', ')}; this build has ${known === '' ? 'none' : known}.`);
  }
  return available.filter((system) => names.length === 0 || names.includes(system.name));
}

/** Starts one instance per chosen system on its own port. What was started is closed when one fails. */
export async function startApi(
  platform: Platform,
  available: readonly SystemModule[] = systems,
): Promise<RunningApi> {
  const { config, log } = platform;
  const started: { title: string; url: string; close: () => Promise<void> }[] = [];

  async function close(): Promise<void> {
    await Promise.all(started.map((system) => system.close()));
  }

  try {
    for (const module of chosenSystems(available, config.SYSTEMS)) {
      const app = await createSystemApp(platform, module, { modules: available });
      started.push({
        title: module.title,
        url: '',
        close: async () => {
          // Streams of events never end by themselves; whoever follows one connects again elsewhere.
          const streams = setTimeout(() => app.server.closeAllConnections(), drainMs);
          await app.close().finally(() => clearTimeout(streams));
        },
      });
      const url = await app.listen({ host: config.HOST, port: portOf(config, module) });
      started[started.length - 1]!.url = `${url}${module.prefix}`;
      log.info({ system: module.name, url }, 'listening');
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { running: started, close };
}

/** How long requests under way may take once the process was asked to end; below main's own limit. */
const drainMs = 8_000;
