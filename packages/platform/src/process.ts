import { loadConfig } from './config/load.ts';
import { createPlatform, type Platform } from './data.ts';

/** Whatever hangs, the process is gone by then: a supervisor kills without mercy soon after. */
const endMs = 10_000;

/** One plain sentence for whoever starts the process; the stack only where it was asked for. */
function sentenceOf(error: unknown): string {
  const { message, stack, code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `Port ${port} is in use by another program.`;
  return process.env.LOG_LEVEL === 'debug' ? `${stack}` : message;
}

/**
 * Runs one of the two processes until it is asked to end: what `start` gives is closed first (intake stops,
 * running work ends or is handed back), then the connections. Exit code 0, or 1 when it could not start or
 * did not end in time. Only an application's `main.ts` may call this: it ends the process.
 */
export async function runProcess(
  role: 'api' | 'worker',
  start: (platform: Platform) => Promise<{ close: () => Promise<void> }>,
): Promise<void> {
  let platform: Platform | undefined;
  let running: { close: () => Promise<void> } | undefined;
  let ending = false;

  async function end(exitCode: number): Promise<never> {
    setTimeout(() => process.exit(1), endMs).unref();
    try {
      await running?.close();
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
    platform = await createPlatform(loadConfig(), { role });
    running = await start(platform);
  } catch (error) {
    if (ending) return;
    console.error(`The ${role === 'api' ? 'API' : 'worker'} cannot start: ${sentenceOf(error)}`);
    ending = true;
    await end(1);
  }
}
