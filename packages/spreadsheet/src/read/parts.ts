import { TextDecoder } from 'node:util';
import { crc32 } from 'node:zlib';
import { CodedError } from '@backoffice/core';
import type { Entry } from 'yauzl';
import type { ReadLimits } from '../limits.ts';
import { asBroken, type Container } from './container.ts';
import { failure } from './failure.ts';
import { beginsWithDoctype, createXmlFeed, type XmlHandlers } from './xml.ts';

/** Counts the bytes that really come out of all parts of one workbook. */
export interface Inflation {
  add(entry: Entry, bytesOfPart: number, bytes: number): void;
}

export function createInflation(limits: ReadLimits): Inflation {
  let total = 0;
  return {
    add(entry, bytesOfPart, bytes) {
      total += bytes;
      if (total > limits.maxInflatedBytes) {
        throw failure('WORKBOOK_TOO_LARGE', `it unpacks to more than ${limits.maxInflatedBytes} bytes`);
      }
      if (bytesOfPart > limits.ratioFromBytes && bytesOfPart > entry.compressedSize * limits.maxRatio) {
        throw failure(
          'WORKBOOK_TOO_LARGE',
          `${entry.fileName} unpacks to over ${limits.maxRatio} times its size`,
        );
      }
    },
  };
}

export interface ReadPartOptions {
  /** Refuse the part beyond this many bytes (for parts that are small in every real workbook). */
  maxBytes?: number;
  /** Awaited between chunks; `stop` ends the part early, its rest is not looked at. */
  between?: () => Promise<'go on' | 'stop'> | undefined;
}

/** Reads one XML part through `handlers`. Throws CodedError: WORKBOOK_BROKEN, _TOO_LARGE, _UNSAFE. */
export async function readPart(
  container: Container,
  entry: Entry,
  inflation: Inflation,
  handlers: XmlHandlers,
  { maxBytes = Number.POSITIVE_INFINITY, between }: ReadPartOptions = {},
): Promise<void> {
  const feed = createXmlFeed(entry.fileName, handlers);
  const stream = await container.stream(entry);
  let decoder: TextDecoder | undefined;
  let bytes = 0;
  let checksum = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      inflation.add(entry, bytes, chunk.length);
      if (bytes > maxBytes)
        throw failure('WORKBOOK_TOO_LARGE', `${entry.fileName} is over ${maxBytes} bytes`);
      checksum = crc32(chunk, checksum);
      decoder ??= decoderFor(chunk, entry.fileName);
      feed.write(decode(decoder, chunk, entry.fileName));
      const pause = between?.();
      if (pause && (await pause) === 'stop') return;
    }
    feed.write(decode(decoder, undefined, entry.fileName));
    feed.end();
    // A flipped bit can leave well-formed XML with another amount in it.
    if (checksum !== entry.crc32)
      throw failure('WORKBOOK_BROKEN', `the checksum of ${entry.fileName} is wrong`);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    await asBroken(() => Promise.reject(error));
  } finally {
    stream.destroy();
  }
}

/** Refuses a document type in a part that is otherwise not read. */
export async function refuseDoctype(container: Container, entry: Entry, inflation: Inflation): Promise<void> {
  const stream = await container.stream(entry);
  let head = '';
  let bytes = 0;
  let decoder: TextDecoder | undefined;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      inflation.add(entry, bytes, chunk.length);
      decoder ??= decoderFor(chunk, entry.fileName);
      head += decoder.decode(chunk, { stream: true });
      if (head.length > 16_384) break;
    }
  } catch (error) {
    // Damage in a part that nobody reads is no reason to refuse the workbook.
    if (error instanceof CodedError) throw error;
  } finally {
    stream.destroy();
  }
  if (beginsWithDoctype(head)) {
    throw failure('WORKBOOK_UNSAFE', `a document type in ${entry.fileName}`, { part: entry.fileName });
  }
}

function decode(decoder: TextDecoder | undefined, chunk: Buffer | undefined, part: string): string {
  try {
    return decoder ? decoder.decode(chunk, { stream: chunk !== undefined }) : '';
  } catch {
    throw failure('WORKBOOK_BROKEN', `${part} holds bytes that are no text`);
  }
}

/** UTF-8 unless a byte order mark, the first bytes or the declaration says otherwise. */
function decoderFor(head: Buffer, part: string): TextDecoder {
  const options = { fatal: true };
  if (head[0] === 0xff && head[1] === 0xfe) return new TextDecoder('utf-16le', options);
  if (head[0] === 0xfe && head[1] === 0xff) return new TextDecoder('utf-16be', options);
  if (head[0] === 0x3c && head[1] === 0) return new TextDecoder('utf-16le', options);
  if (head[0] === 0 && head[1] === 0x3c) return new TextDecoder('utf-16be', options);
  const label =
    /^[^>]{0,100}encoding\s*=\s*["']([^"']+)/.exec(head.toString('latin1', 0, 200))?.[1] ?? 'utf-8';
  try {
    // A declaration that was read as single bytes can't be UTF-16, whatever it says.
    return new TextDecoder(/^utf-?16/i.test(label) ? 'utf-8' : label, options);
  } catch {
    throw failure('WORKBOOK_BROKEN', `${part} is written in an unknown encoding`);
  }
}
