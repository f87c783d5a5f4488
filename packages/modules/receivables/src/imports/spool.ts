import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Parts of the customers of one file; one part at a time is in memory. */
export const spoolParts = 32;

/** What is buffered before it goes to disk: a small file never touches it. */
const bufferBytes = 4 * 1024 * 1024;

export interface Spool<T> {
  /** Files a record under its customer code: all of one code are in one part, in the order in which they came. */
  add(code: string, record: T): void;
  /** Waits until no more than the buffer is in memory; to be awaited once per batch. */
  settle(): Promise<void>;
  read(part: number): Promise<T[]>;
}

/** Records by customer on disk, so that a file of a million rows needs the memory of a thirtieth of it. */
export function createSpool<T>(directory: string, name: string): Spool<T> {
  const buffers: string[][] = Array.from({ length: spoolParts }, () => []);
  const onDisk = new Set<number>();
  const file = (part: number) => join(directory, `${name}-${part}.ndjson`);
  let buffered = 0;

  async function settle(): Promise<void> {
    if (buffered < bufferBytes) return;
    buffered = 0;
    for (const [part, lines] of buffers.entries()) {
      if (lines.length === 0) continue;
      buffers[part] = [];
      onDisk.add(part);
      await appendFile(file(part), `${lines.join('\n')}\n`);
    }
  }

  return {
    add(code, record) {
      const line = JSON.stringify(record);
      buffered += line.length;
      buffers[partOf(code)]!.push(line);
    },
    settle,
    async read(part) {
      const records: T[] = [];
      if (onDisk.has(part)) {
        for await (const line of createInterface({ input: createReadStream(file(part)) })) {
          records.push(JSON.parse(line) as T);
        }
      }
      for (const line of buffers[part]!) records.push(JSON.parse(line) as T);
      return records;
    },
  };
}

function partOf(code: string): number {
  return createHash('md5').update(code).digest()[0]! % spoolParts;
}
