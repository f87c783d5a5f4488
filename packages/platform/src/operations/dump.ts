import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Db } from 'mongodb';
import { OperationError } from './errors.ts';

/** What is in a collection: its documents as MongoDB keeps them, in order of `_id`. */
export interface Content {
  documents: number;
  /** Of the documents, uncompressed. */
  bytes: number;
  /** Of the same bytes. */
  sha256: string;
}

export type Progress = (documents: number) => void;

const pieceBytes = 256 * 1024;
/** An answer of MongoDB is held whole while its documents go out one by one. */
const readAtOnce = 1_000;
/** A command may have 48 MB; smaller ones keep the memory flat. */
const batchBytes = 8 * 1024 * 1024;
const batchDocuments = 10_000;

/** The documents as they lie in the database, byte by byte, which no reading into objects can keep. */
async function* rawDocuments(db: Db, collection: string): AsyncGenerator<Buffer> {
  const found = db.collection(collection).find({}, { raw: true, batchSize: readAtOnce }).sort({ _id: 1 });
  yield* found as unknown as AsyncIterable<Buffer>;
}

/** Counts and hashes what passes, and hands it on in larger pieces. */
async function* measured(
  documents: AsyncIterable<Buffer>,
  into: { content: Content },
  progress: Progress,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let pieces: Buffer[] = [];
  let waiting = 0;
  let count = 0;
  let bytes = 0;
  for await (const document of documents) {
    hash.update(document);
    // The driver reuses nothing, but a document holds on to the whole answer that it came in.
    pieces.push(document);
    waiting += document.length;
    bytes += document.length;
    count += 1;
    if (waiting >= pieceBytes) {
      progress(count);
      yield Buffer.concat(pieces);
      pieces = [];
      waiting = 0;
    }
  }
  if (waiting > 0) yield Buffer.concat(pieces);
  into.content = { documents: count, bytes, sha256: hash.digest('hex') };
}

const nothing: Content = { documents: 0, bytes: 0, sha256: '' };

/** Writes a collection into a new file; on the disk once this resolves. */
export async function dumpCollection(
  db: Db,
  collection: string,
  path: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<Content> {
  const result = { content: nothing };
  const source = Readable.from(measured(rawDocuments(db, collection), result, progress), {
    objectMode: false,
  });
  await pipeline(source, createGzip({ level: 3 }), createWriteStream(path, { flags: 'wx', mode: 0o600 }), {
    signal,
  });
  await syncPath(path);
  return result.content;
}

/** The content of a collection as it is now. */
export async function readContent(
  db: Db,
  collection: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<Content> {
  const result = { content: nothing };
  for await (const _piece of measured(rawDocuments(db, collection), result, progress))
    signal.throwIfAborted();
  return result.content;
}

/** The documents of a file. @throws OperationError when they are cut off or damaged */
async function* documentsOf(path: string): AsyncGenerator<Buffer> {
  const source = createReadStream(path);
  const unzipped = createGunzip();
  source.on('error', (error) => unzipped.destroy(error));
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const piece of source.pipe(unzipped) as AsyncIterable<Buffer>) {
      rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      let at = 0;
      while (rest.length - at >= 4) {
        const length = rest.readInt32LE(at);
        if (length < 5) throw new OperationError(`${path} is damaged.`);
        if (rest.length - at < length) break;
        yield rest.subarray(at, at + length);
        at += length;
      }
      rest = rest.subarray(at);
    }
  } catch (error) {
    if (/^Z_|^ERR_ZLIB/.test((error as NodeJS.ErrnoException).code ?? ''))
      throw new OperationError(`${path} is damaged.`);
    throw error;
  } finally {
    source.destroy();
  }
  if (rest.length > 0) throw new OperationError(`${path} is cut off.`);
}

/** The content of a file that `dumpCollection` wrote. */
export async function readDump(path: string, progress: Progress, signal: AbortSignal): Promise<Content> {
  const result = { content: nothing };
  for await (const _piece of measured(documentsOf(path), result, progress)) signal.throwIfAborted();
  return result.content;
}

// The driver has no public way to send a document that it has not taken apart: names that look like numbers
// would change places, and numbers their type. This is how its own bulk writes send theirs; the restore reads
// everything back and would find out if a later driver did it in another way.
const { makeDocumentSequence } = createRequire(import.meta.url)('mongodb/lib/cmap/commands.js') as {
  makeDocumentSequence: (field: string, documents: object[], serialized: Buffer[]) => object;
};

/** Puts the documents of a file into a collection that is empty. */
export async function loadCollection(
  db: Db,
  collection: string,
  path: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  let batch: Buffer[] = [];
  let size = 0;
  let done = 0;
  const flush = async () => {
    if (batch.length === 0) return;
    signal.throwIfAborted();
    const documents = makeDocumentSequence(
      'documents',
      batch.map(() => ({})),
      batch,
    );
    const answer = await db.command({
      insert: collection,
      documents,
      ordered: false,
      bypassDocumentValidation: true,
      writeConcern: { w: 'majority', j: true },
    });
    if (answer.n !== batch.length)
      throw new OperationError(`MongoDB did not take all documents of ${collection}.`);
    done += batch.length;
    progress(done);
    batch = [];
    size = 0;
  };
  for await (const document of documentsOf(path)) {
    batch.push(document);
    size += document.length;
    if (size >= batchBytes || batch.length >= batchDocuments) await flush();
  }
  await flush();
}

/** Makes what was written there, or the names in a folder, last. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
