import { join } from 'node:path';
import type { StartSettings } from './settings.ts';

/** Those of the seeded users that one wants first; the last word is what they may do. */
export const logins = [
  ['admin@example.com', 'Admin'],
  ['country.manager@example.com', 'Country Manager'],
  ['manager.mumbai@example.com', 'Manager, Mumbai'],
  ['engineer.mumbai@example.com', 'Engineer, Mumbai'],
  ['manager.delhi@example.com', 'Manager, Delhi'],
  ['engineer.delhi@example.com', 'Engineer, Delhi'],
] as const;

/** What one needs to go on, once everything runs. */
export function greeting({ url, seed, dataDir }: StartSettings, password: string): string {
  const lines = [
    '',
    `  Receivables    ${url}/api`,
    `  API reference  ${url}/docs`,
    `  Logs           ${join(dataDir, 'logs')}`,
    '',
  ];
  if (seed !== 'none') {
    lines.push(`  Password of every login: ${password}`);
    for (const [email, role] of seed === 'demo' ? logins : logins.slice(0, 1)) {
      lines.push(`    ${email.padEnd(30)} ${role}`);
    }
    lines.push('');
  }
  lines.push('  Ctrl-C stops everything; the data stays.', '');
  return lines.join('\n');
}
