import { ConfigError, createPlatform, loadConfig } from '@backoffice/platform';
import { systems } from '../worker.ts';
import { runSeed } from './seed.ts';
import { seeds } from './seeds.ts';

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort());

try {
  const config = loadConfig(process.env, systems);
  const platform = await createPlatform(config, { role: 'cli', systems });
  try {
    await runSeed({
      platform,
      seeds,
      systems,
      output: process.stdout,
      signal: stop.signal,
    });
  } finally {
    await platform.close();
  }
} catch (error) {
  // Asked to stop is no fault to explain; whoever asked knows.
  if (!stop.signal.aborted) console.error(sentence(error));
  process.exitCode = 1;
}

function sentence(error: unknown): string {
  if (error instanceof ConfigError) return error.faults.join('\n');
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `The seed failed: ${error instanceof Error ? error.message : String(error)}${cause}`;
}
