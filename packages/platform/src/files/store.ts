import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** A file on its way into the store: on the disk, but not yet kept. One of the two ends it. */
export interface StagedFile {
  /** A local path, for looking at the file before it is kept. */
  path: string;
  /** Bytes. */
  size: number;
  /** Lower-case hexadecimal. */
  sha256: string;
  /** Keeps it, for good once this resolves; gives its key. */
  commit: () => Promise<string>;
  /** Leaves nothing of it. */
  discard: () => Promise<void>;
}

/**
 * Where files are kept. Keys are made by the store; no part of a caller's file name is in them. Local disk
 * today; what is not a path (`localCopy`) fits an object store as well.
 */
export interface FileStore {
  /** Writes the stream to a temporary file while hashing it. On any error nothing is left. */
  stage: (source: AsyncIterable<Uint8Array>) => Promise<StagedFile>;
  /** A local path of a kept file, to be read only. A store that is not local writes it into `tempDir`. */
  localCopy: (key: string, tempDir: string) => Promise<string>;
  remove: (key: string) => Promise<void>;
  /** Every kept file, in no order. */
  list: () => AsyncIterable<StoredFile>;
  /** A name that all have in common who use this store; made on first use. */
  identity: () => Promise<string>;
  /**
   * Whether this is the store of that database: of the first that asked, or of the one that took it `anew`.
   * What removes files without a record must know that they are not another's.
   */
  belongsTo: (database: string, anew?: boolean) => Promise<boolean>;
  /** Removes temporary files older than an hour, which a killed process has left; gives their number. */
  sweep: (now?: Date) => Promise<number>;
}

export interface StoredFile {
  key: string;
  /** Bytes. */
  size: number;
  keptAt: Date;
}

const staleMs = 3_600_000;
const keyForm = /^\d{4}-\d{2}\/[0-9a-f]{32}$/;
const monthForm = /^\d{4}-\d{2}$/;

/** Files on the local disk: `<dataDir>/files/<month>/<random>`, and `<dataDir>/files/incoming` on their way. */
export function createDiskStore(dataDir: string): FileStore {
  const root = resolve(dataDir, 'files');
  const incoming = join(root, 'incoming');

  function pathOf(key: string): string {
    if (!keyForm.test(key)) throw new Error('That is no key of this store.');
    return join(root, key);
  }

  /** What stands in that file; the given text, where nothing did. */
  async function firstText(name: string, text: string): Promise<string> {
    const path = join(root, name);
    await mkdir(root, { recursive: true });
    // Whoever is first writes it; its name appears only when it is whole.
    const own = join(root, `${name}-${randomBytes(8).toString('hex')}`);
    await writeFile(own, text, { mode: 0o600 });
    await link(own, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await rm(own, { force: true });
    return (await readFile(path, 'utf8')).trim();
  }

  return {
    async stage(source) {
      await mkdir(incoming, { recursive: true });
      const path = join(incoming, randomBytes(16).toString('hex'));
      const hash = createHash('sha256');
      let size = 0;
      try {
        const file = await open(path, 'wx', 0o600);
        try {
          for await (const chunk of source) {
            hash.update(chunk);
            size += chunk.length;
            await file.writeFile(chunk);
          }
          // Before the file gets its name: a name must never stand for bytes that a crash can still lose.
          await file.sync();
        } finally {
          await file.close();
        }
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
      return {
        path,
        size,
        sha256: hash.digest('hex'),
        async commit() {
          const key = `${new Date().toISOString().slice(0, 7)}/${randomBytes(16).toString('hex')}`;
          const target = pathOf(key);
          await mkdir(dirname(target), { recursive: true });
          await rename(path, target);
          await syncFolder(dirname(target));
          return key;
        },
        async discard() {
          await rm(path, { force: true });
        },
      };
    },

    async localCopy(key) {
      return pathOf(key);
    },

    async remove(key) {
      await rm(pathOf(key), { force: true });
    },

    async *list() {
      for (const month of await readdir(root).catch(whenMissing)) {
        if (!monthForm.test(month)) continue;
        for (const name of await readdir(join(root, month))) {
          const key = `${month}/${name}`;
          // Removed in the meantime, or none of ours.
          const info = keyForm.test(key) ? await stat(join(root, key)).catch(() => null) : null;
          // The name came after the bytes, and the change of names shows in the second of these times.
          const keptAt = info && new Date(Math.max(info.mtimeMs, info.ctimeMs));
          if (info?.isFile() && keptAt !== null) yield { key, size: info.size, keptAt };
        }
      }
    },

    async identity() {
      return firstText('store-id', randomBytes(12).toString('hex'));
    },

    async belongsTo(database, anew = false) {
      if (anew) await rm(join(root, 'database-id'), { force: true });
      return (await firstText('database-id', database)) === database;
    },

    async sweep(now = new Date()) {
      let removed = 0;
      for (const name of await readdir(incoming).catch(() => [])) {
        const path = join(incoming, name);
        // It may be gone in the meantime: its upload has ended.
        const info = await stat(path).catch(() => null);
        if (info === null || now.getTime() - info.mtimeMs < staleMs) continue;
        await rm(path, { force: true });
        removed += 1;
      }
      return removed;
    },
  };
}

/** A store in which nothing was kept yet. */
function whenMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

/** Makes a rename last: the name stands in the folder, which is written apart from the file. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
