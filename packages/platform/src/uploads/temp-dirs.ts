import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ObjectId } from 'mongodb';
import type { Platform } from '../data.ts';
import { createUploadClaims } from './claims.ts';

function root(platform: Platform): string {
  return resolve(platform.config.DATA_DIR, 'tmp');
}

/** An empty folder for one run of an import. Its name says whose it is, so that a leftover can be told. */
export async function makeTempDir(platform: Platform, id: ObjectId, token: string): Promise<string> {
  const path = join(root(platform), `import-${id.toHexString()}-${token}`);
  await mkdir(path, { recursive: true });
  return path;
}

export async function removeTempDir(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** Removes the folders of runs that nobody leads any more: those of killed workers. Gives their number. */
export async function sweepTempDirs(platform: Platform): Promise<number> {
  const claims = createUploadClaims(platform.db, platform.clock);
  let removed = 0;
  for (const name of await readdir(root(platform)).catch(() => [])) {
    const [, id, token] = /^import-([0-9a-f]{24})-([0-9a-f]+)$/.exec(name) ?? [];
    if (id === undefined || token === undefined) continue;
    if (await claims.isLeased(new ObjectId(id), token)) continue;
    await removeTempDir(join(root(platform), name));
    removed += 1;
  }
  return removed;
}
