import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from './config/load.ts';
import type { SystemSettings } from './config/systems.ts';
import { createPlatform, type Platform } from './data.ts';
import { type Presence, startPresence } from './operations/presence.ts';

/** Whatever hangs, the process is gone by then, or DRAIN_MS later: a supervisor kills without mercy soon after. */
const endMs = 10_000;

/** One plain sentence for whoever starts the process; the stack only where it was asked for. */
function sentenceOf(error: unknown): string {
  const { message, stack, code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `Port ${port} is in use by another program.`;
  return process.env.LOG_LEVEL === 'debug' ? `${stack}` : message;
}

/**
 * Runs one of the two processes until it is asked to end: what `start` gives is closed first (intake stops,
 * running work ends or is handed back), then the connections. Before that `/ready` of an API says no for
 * DRAIN_MS, so that a balancer sends its requests elsewhere while this one still answers. Exit code 0, or 1
 * when it could not start or did not end in time. `systems`: all of this build, for their settings. Only an application's `main.ts` may call this: it ends the process.
 */
export async function runProcess(
  role: 'api' | 'worker',
  systems: readonly SystemSettings[],
  start: (platform: Platform) => Promise<{ close: () => Promise<void> }>,
): Promise<void> {
  let platform: Platform | undefined;
  let running: { close: () => Promise<void> } | undefined;
  let presence: Presence | undefined;
  let ending = false;

  async function end(exitCode: number): Promise<never> {
    const drainMs = role === 'api' && running !== undefined ? (platform?.config.DRAIN_MS ?? 0) : 0;
    setTimeout(() => process.exit(1), drainMs + endMs).unref();
    try {
      if (platform !== undefined) platform.state.ending = true;
      if (drainMs > 0) await delay(drainMs);
      await running?.close();
      await presence?.end();
      await platform?.close();
    } catch (error) {
      console.error(sentenceOf(error));
      process.exit(1);
    }
    process.exit(exitCode);
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // A second Ctrl-C means: now.
      if (ending) process.exit(1);
      ending = true;
      platform?.log.info({ signal }, 'ending');
      void end(0);
    });
  }

  try {
    platform = await createPlatform(loadConfig(process.env, systems), { role, systems });
    presence = startPresence(platform, role);
    running = await start(platform);
  } catch (error) {
    if (ending) return;
    console.error(`The ${role === 'api' ? 'API' : 'worker'} cannot start: ${sentenceOf(error)}`);
    ending = true;
    await end(1);
  }
}
