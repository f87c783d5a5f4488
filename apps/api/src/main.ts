import { createPlatform, loadConfig, type Platform } from '@backoffice/platform';
import { type RunningApi, startApi } from './app.ts';

/** Whatever hangs, the process is gone by then: a supervisor kills without mercy soon after. */
const endMs = 10_000;

/** One plain sentence for whoever starts the process; the stack only where it was asked for. */
function sentenceOf(error: unknown): string {
  const { message, code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `Port ${port} is in use by another program.`;
  return process.env.LOG_LEVEL === 'debug' && error instanceof Error ? `${error.stack}` : message;
}

async function main(): Promise<void> {
  let platform: Platform | undefined;
  let api: RunningApi | undefined;
  let ending = false;

  async function end(exitCode: number): Promise<never> {
    setTimeout(() => process.exit(1), endMs).unref();
    try {
      await api?.close();
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
    platform = await createPlatform(loadConfig(), { role: 'api' });
    api = await startApi(platform);
  } catch (error) {
    if (ending) return;
    console.error(`The API cannot start: ${sentenceOf(error)}`);
    ending = true;
    await end(1);
  }
}

await main();
