import { join } from 'node:path';
import type { StartSettings } from './settings.ts';
import type { StartedSystem } from './systems.ts';

/** What one needs to go on, once everything runs. */
export function greeting(
  { seed, dataDir }: StartSettings,
  systems: readonly StartedSystem[],
  password: string,
): string {
  const lines = [''];
  for (const { title, url, prefix } of systems) {
    lines.push(`  ${title.padEnd(13)}  ${url}${prefix}`, `  API reference  ${url}/docs`);
  }
  lines.push(`  Logs           ${join(dataDir, 'logs')}`, '');
  if (seed !== 'none') lines.push(`  Password of every login: ${password}`, ...loginLines(seed, systems), '');
  lines.push('  Ctrl-C stops everything; the data stays.', '');
  return lines.join('\n');
}

/** The logins of each system; under its name, where there is more than one. */
function loginLines(seed: StartSettings['seed'], systems: readonly StartedSystem[]): string[] {
  return systems.flatMap(({ title, logins }) => {
    const shown = logins.filter(({ administrator }) => seed === 'demo' || administrator);
    const lines = shown.map(({ name, may }) => `    ${name.padEnd(30)} ${may}`);
    return systems.length > 1 && lines.length > 0 ? [`  ${title}`, ...lines] : lines;
  });
}
