import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Parts of the rows of one file: so fine that even of a million rows one part is small. */
const parts = 128;

/** What is buffered before it goes to disk: a small file never touches it. */
const bufferCharacters = 1024 * 1024;

/** Small parts are read together up to this size, so that a small file is one batch and not many. */
const batchCharacters = 512 * 1024;

/** All records of some keys. */
export interface Batch<T> {
  records: T[];
  /** How much of the spool has been read with this batch, from 0 to 1. */
  done: number;
}

export interface Spool<T> {
  /** Files a record under a key: all of one key are in one batch, in the order in which they came. */
  add(key: string, record: T): void;
  /** Waits until no more than the buffer is in memory; to be awaited once per batch. */
  settle(): Promise<void>;
  /** Everything, keys by keys; may be read again. */
  batches(): AsyncGenerator<Batch<T>>;
}

/** Records by key on disk, so that a file of a million rows needs the memory of a hundredth of it. */
export function createSpool<T>(directory: string, name: string): Spool<T> {
  const buffers: string[][] = Array.from({ length: parts }, () => []);
  const sizes = new Array<number>(parts).fill(0);
  const onDisk = new Set<number>();
  const file = (part: number) => join(directory, `${name}-${part}.ndjson`);
  let buffered = 0;

  async function settle(): Promise<void> {
    if (buffered < bufferCharacters) return;
    buffered = 0;
    for (const [part, lines] of buffers.entries()) {
      if (lines.length === 0) continue;
      buffers[part] = [];
      onDisk.add(part);
      await appendFile(file(part), `${lines.join('\n')}\n`);
    }
  }

  async function read(part: number, records: T[]): Promise<void> {
    if (onDisk.has(part)) {
      const bytes = await readFile(file(part));
      for (let from = 0; from < bytes.length; ) {
        const end = bytes.indexOf(10, from);
        records.push(JSON.parse(bytes.toString('utf8', from, end)) as T);
        from = end + 1;
      }
    }
    for (const line of buffers[part]!) records.push(JSON.parse(line) as T);
  }

  return {
    add(key, record) {
      const line = JSON.stringify(record);
      const part = partOf(key);
      buffered += line.length;
      sizes[part]! += line.length;
      buffers[part]!.push(line);
    },
    settle,
    async *batches() {
      const total = sizes.reduce((sum, size) => sum + size, 0);
      let records: T[] = [];
      let size = 0;
      let before = 0;
      for (let part = 0; part < parts; part += 1) {
        if (size > 0 && size + sizes[part]! > batchCharacters) {
          before += size;
          yield { records, done: before / total };
          records = [];
          size = 0;
        }
        await read(part, records);
        size += sizes[part]!;
      }
      if (size > 0) yield { records, done: 1 };
    },
  };
}

/** FNV-1a: spreads the keys evenly, for a fraction of what a hash for secrets costs on every row. */
function partOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return ((hash >>> 16) ^ hash) & (parts - 1);
}
