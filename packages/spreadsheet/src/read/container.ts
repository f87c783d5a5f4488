import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CodedError } from '@backoffice/core';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import type { ReadLimits } from '../limits.ts';
import { failure, isSystemError } from './failure.ts';

/** An opened container whose directory has been checked as a whole. */
export interface Container {
  /** The entry with that part name (`xl/workbook.xml`), whatever its case. */
  find(name: string): Entry | undefined;
  entries(): Iterable<Entry>;
  /** Inflates one part. The stream fails when it holds more or less than the directory says. */
  stream(entry: Entry): Promise<Readable>;
  close(): void;
}

const CFB = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const ENCRYPTED_STREAM = Buffer.from('EncryptedPackage', 'utf16le');

/**
 * Opens a file as a zip and checks its directory: every size, place and name in it, before any byte is
 * inflated. Throws CodedError: NOT_A_WORKBOOK, WORKBOOK_ENCRYPTED, WORKBOOK_BROKEN, WORKBOOK_TOO_LARGE.
 */
export async function openContainer(path: string, limits: ReadLimits): Promise<Container> {
  await refuseOtherFormats(path);
  const zip = await asBroken(() => yauzl.openPromise(path, { autoClose: false }));
  try {
    const byName = await checkDirectory(zip, limits);
    return {
      find: (name) => byName.get(name.toLowerCase()),
      entries: () => byName.values(),
      stream: (entry) => asBroken(() => openPart(zip, entry)),
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function refuseOtherFormats(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(8);
    await file.read(head, 0, 8, 0);
    const mark = head.toString('latin1', 0, 4);
    if (mark === 'PK\x03\x04') return;
    if (mark === 'PK\x05\x06') throw failure('NOT_A_WORKBOOK', 'an empty archive');
    if (!head.equals(CFB)) throw new CodedError('NOT_A_WORKBOOK');
    // The old compound format holds either an encrypted .xlsx, named by a stream, or an old .xls or .doc.
    let seen = Buffer.alloc(0);
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 })) {
      seen = Buffer.concat([seen.subarray(-ENCRYPTED_STREAM.length), chunk as Buffer]);
      if (seen.includes(ENCRYPTED_STREAM)) throw new CodedError('WORKBOOK_ENCRYPTED');
    }
    throw failure('NOT_A_WORKBOOK', 'an old Office format');
  } finally {
    await file.close();
  }
}

async function openPart(zip: ZipFile, entry: Entry): Promise<Readable> {
  // A part that calls itself something else than the directory does is two workbooks in one file.
  const { fileName } = await zip.readLocalFileHeaderPromise(entry);
  if (!fileName.equals(entry.fileNameRaw)) {
    throw failure('WORKBOOK_BROKEN', `the part ${entry.fileName} is not where the directory says`);
  }
  return zip.openReadStreamPromise(entry);
}

async function checkDirectory(zip: ZipFile, limits: ReadLimits): Promise<Map<string, Entry>> {
  if (zip.entryCount > limits.maxEntries) {
    throw failure('WORKBOOK_TOO_LARGE', `${zip.entryCount} parts; ${limits.maxEntries} are allowed`);
  }
  const byName = new Map<string, Entry>();
  let declared = 0;
  await asBroken(async () => {
    for await (const entry of zip.eachEntry()) {
      checkEntry(entry, limits);
      declared += entry.uncompressedSize;
      if (declared > limits.maxInflatedBytes) {
        throw failure('WORKBOOK_TOO_LARGE', `it unpacks to more than ${limits.maxInflatedBytes} bytes`);
      }
      if (entry.fileName.endsWith('/')) continue;
      // Part names are equal without case: two such entries would let two programs see two workbooks.
      const key = entry.fileName.toLowerCase();
      if (byName.has(key)) throw failure('WORKBOOK_BROKEN', `the part ${entry.fileName} is there twice`);
      byName.set(key, entry);
    }
  });
  if (byName.size === 0) throw failure('NOT_A_WORKBOOK', 'an empty archive');
  checkPlaces([...byName.values()], zip.fileSize);
  return byName;
}

function checkEntry(entry: Entry, limits: ReadLimits): void {
  const { fileName, compressedSize, uncompressedSize, compressionMethod } = entry;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f]|^\.?\/|\/\.?\//.test(fileName)) {
    throw failure('WORKBOOK_BROKEN', 'a part has an irregular name');
  }
  if (entry.isEncrypted()) throw new CodedError('WORKBOOK_ENCRYPTED');
  if (compressionMethod !== 0 && compressionMethod !== 8) {
    throw failure('WORKBOOK_BROKEN', `the part ${fileName} is packed in an unknown way`);
  }
  // Deflate adds a few bytes per block at worst. Much more than that means that the size is a lie.
  if (compressedSize > uncompressedSize * 2 + 4096) {
    throw failure('WORKBOOK_BROKEN', `the part ${fileName} states a wrong size`);
  }
  if (uncompressedSize > limits.ratioFromBytes && uncompressedSize > compressedSize * limits.maxRatio) {
    throw failure(
      'WORKBOOK_TOO_LARGE',
      `the part ${fileName} unpacks to over ${limits.maxRatio} times its size`,
    );
  }
}

/** Entries must lie inside the file, one after the other: overlapping ones pack a bomb that no ratio shows. */
function checkPlaces(entries: Entry[], fileSize: number): void {
  const sorted = entries.toSorted((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader);
  let free = 0;
  for (const entry of sorted) {
    const start = entry.relativeOffsetOfLocalHeader;
    const end = start + 30 + entry.fileNameLength + entry.compressedSize;
    if (start < free || end > fileSize) {
      throw failure('WORKBOOK_BROKEN', `the part ${entry.fileName} is not where the directory says`);
    }
    free = end;
  }
}

/** Anything that the zip library throws, except what the operating system says, is damage to the file. */
export async function asBroken<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CodedError || isSystemError(error)) throw error;
    throw failure('WORKBOOK_BROKEN', (error as Error).message);
  }
}
