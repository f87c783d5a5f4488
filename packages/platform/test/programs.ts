import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** How Node starts a program beside this file: from what the runner has made of it before all tests, else with the loader. */
export function programOf(script: string): string[] {
  const made = join(process.env.TEST_PROGRAMS ?? '', 'packages/platform/test', `${script}.mjs`);
  if (process.env.TEST_PROGRAMS && existsSync(made)) return [made];
  return ['--import', 'tsx', join(import.meta.dirname, script)];
}
