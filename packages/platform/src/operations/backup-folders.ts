import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** `<database>-<time>`, the time in UTC. */
export function backupName(database: string, at: Date): string {
  return `${database}-${at.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')}`;
}

const timeForm = /^\d{8}T\d{6}Z$/;

/** What a killed backup of this database has left. No other one is under way: we have the lease. */
export async function removeTorsos(into: string, database: string, own: string): Promise<void> {
  for (const name of await readdir(into)) {
    const [, time] =
      new RegExp(`^${escaped(database)}-(\\d{8}T\\d{6}Z)-[0-9a-f]{6}\\.partial$`).exec(name) ?? [];
    if (time === undefined || join(into, name) === own) continue;
    await rm(join(into, name), { recursive: true, force: true });
  }
}

/** Removes all but the newest backups of this database. A folder loses its name first: half of one is none. */
export async function prune(into: string, database: string, keep: number): Promise<string[]> {
  const prefix = `${database}-`;
  const found = (await readdir(into))
    .filter((name) => name.startsWith(prefix) && timeForm.test(name.slice(prefix.length)))
    .sort()
    .reverse()
    .slice(keep);
  for (const name of found) {
    const going = join(into, `${name}-000000.partial`);
    await rename(join(into, name), going);
    await rm(going, { recursive: true, force: true });
  }
  return found.map((name) => join(into, name));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
