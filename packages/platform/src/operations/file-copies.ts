import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FileStore } from '../files/store.ts';
import { syncPath } from './dump.ts';
import { OperationError } from './errors.ts';

/** A file of a backup: a line of `files.jsonl`. */
export interface FileEntry {
  key: string;
  size: number;
  sha256: string;
}

export const filesName = 'files.jsonl';
const keyForm = /^\d{4}-\d{2}\/[0-9a-f]{32}$/;

/** Copies a file, on the disk once this resolves, and gives what was copied. Never over another one. */
export async function copyMeasured(
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<Omit<FileEntry, 'key'>> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  let size = 0;
  const measure = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      size += piece.length;
      done(null, piece);
    },
  });
  try {
    await pipeline(createReadStream(from), measure, createWriteStream(to, { flags: 'wx', mode: 0o600 }), {
      signal,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(to, { force: true });
    throw error;
  }
  await syncPath(to);
  return { size, sha256: hash.digest('hex') };
}

export async function measureFile(path: string, signal: AbortSignal): Promise<Omit<FileEntry, 'key'>> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    hash.update(piece);
    size += piece.length;
  }
  return { size, sha256: hash.digest('hex') };
}

/** Writes the list of files; gives its hash. */
export async function writeFileList(folder: string, entries: Iterable<FileEntry>): Promise<string> {
  const path = join(folder, filesName);
  const hash = createHash('sha256');
  const out = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  let fault: unknown;
  out.on('error', (error) => {
    fault = error;
  });
  for (const entry of entries) {
    const line = `${JSON.stringify(entry)}\n`;
    hash.update(line);
    if (!out.write(line)) await Promise.race([once(out, 'drain'), once(out, 'close')]);
    if (fault !== undefined) throw fault;
  }
  out.end();
  await once(out, 'close');
  if (fault !== undefined) throw fault;
  await syncPath(path);
  return hash.digest('hex');
}

/** The files that a backup lists. @throws OperationError for a line that is none */
export async function* readFileList(folder: string): AsyncGenerator<FileEntry> {
  const lines = createInterface({ input: createReadStream(join(folder, filesName)), crlfDelay: Infinity });
  for await (const line of lines) {
    const { key, size, sha256 } = entryOf(line);
    if (!keyForm.test(key) || !Number.isSafeInteger(size)) {
      throw new OperationError(`${join(folder, filesName)} is damaged.`);
    }
    yield { key, size, sha256 };
  }
}

function entryOf(line: string): FileEntry {
  try {
    return JSON.parse(line) as FileEntry;
  } catch {
    return { key: '', size: -1, sha256: '' };
  }
}

/**
 * Puts a file of a backup back into the store, under the key that it had. Under another name first: a key
 * never stands for half a file. One that is there already with the same content stays.
 */
export async function putBack(
  store: FileStore,
  from: string,
  entry: FileEntry,
  signal: AbortSignal,
): Promise<'put back' | 'there'> {
  const target = await store.localCopy(entry.key, '');
  const there = await measureFile(target, signal).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (there !== null && there.size === entry.size && there.sha256 === entry.sha256) return 'there';
  const path = `${target}.restored`;
  await rm(path, { force: true });
  const copied = await copyMeasured(from, path, signal);
  if (copied.sha256 !== entry.sha256) throw new OperationError(`${from} has changed while it was read.`);
  await rename(path, target);
  await syncPath(dirname(target));
  return 'put back';
}
