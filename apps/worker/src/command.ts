import { createPlatform, loadConfig, type Platform, useLocalSystem } from '@backoffice/platform';
import { systems } from './worker.ts';

/**
 * Runs one of the commands for operators at the terminal: what it says goes to the terminal, its number is
 * the exit code, and a fault is one sentence. Ctrl-C and SIGTERM break it off in order.
 */
export async function runCommand(
  work: (platform: Platform, args: string[], signal: AbortSignal) => Promise<number>,
): Promise<void> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // A second time means: now.
      if (ending.signal.aborted) process.exit(1);
      ending.abort(new Error('Broken off.'));
    });
  }
  try {
    useLocalSystem();
    const config = loadConfig(process.env, systems);
    const platform = await createPlatform({ ...config, LOG_LEVEL: 'silent' }, { role: 'cli', systems });
    try {
      process.exitCode = await work(platform, process.argv.slice(2), ending.signal);
    } finally {
      await platform.close();
    }
  } catch (error) {
    const { name, message, stack } = error as Error;
    const unreachable =
      /^Mongo/.test(name) && /ECONNREFUSED|timed out|ENOTFOUND|Server selection/i.test(message);
    console.error(unreachable ? 'MongoDB does not answer.' : message);
    if (process.env.LOG_LEVEL === 'debug') console.error(stack);
    process.exitCode = 1;
  }
}
