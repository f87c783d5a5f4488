import {
  createPlatform,
  loadConfig,
  type Platform,
  type RunningWorker,
  startWorker,
} from '@backoffice/platform';
import { modules } from './worker.ts';

/** Whatever hangs, the process is gone by then: a supervisor kills without mercy soon after. */
const endMs = 10_000;

/** One plain sentence for whoever starts the process; the stack only where it was asked for. */
function sentenceOf(error: unknown): string {
  const { message, stack } = error as Error;
  return process.env.LOG_LEVEL === 'debug' ? `${stack}` : message;
}

async function main(): Promise<void> {
  let platform: Platform | undefined;
  let worker: RunningWorker | undefined;
  let ending = false;

  /** Intake stops first, then running work ends or is handed back, then the connections are closed. */
  async function end(exitCode: number): Promise<never> {
    setTimeout(() => process.exit(1), endMs).unref();
    try {
      await worker?.close();
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
    platform = await createPlatform(loadConfig(), { role: 'worker' });
    worker = await startWorker(platform, modules);
    platform.log.info({ systems: modules.map((module) => module.name) }, 'working');
  } catch (error) {
    if (ending) return;
    console.error(`The worker cannot start: ${sentenceOf(error)}`);
    ending = true;
    await end(1);
  }
}

await main();
