import type { ReadLimits } from '../limits.ts';
import { failure } from './failure.ts';
import { createTextRuns } from './text-runs.ts';
import type { XmlHandlers } from './xml.ts';

/** The workbook's table of texts. */
export interface SharedStrings {
  /** Undefined when there is no text of that number. */
  get(index: number): string | undefined;
}

const PAGE = 1 << 22;
const CACHE = 4096;

/**
 * Reads the table into flat buffers outside the heap: a JavaScript string per text would cost several times
 * its bytes, and the parser's own strings would each keep the chunk alive that they were cut from.
 */
export function createSharedStrings(limits: ReadLimits): SharedStrings & { handlers: XmlHandlers } {
  const pages: Buffer[] = [];
  let starts = new Uint32Array(1024);
  let lengths = new Uint32Array(1024);
  let count = 0;
  let next = 0;
  let bytes = 0;
  // Region and customer names repeat from row to row; a small cache spares most of the decoding.
  const cachedIndex = new Int32Array(CACHE).fill(-1);
  const cachedText: string[] = new Array(CACHE).fill('');

  function add(text: string) {
    if (text.length > limits.maxCellText) {
      throw failure('WORKBOOK_TOO_LARGE', `a text of more than ${limits.maxCellText} characters`);
    }
    if (count === limits.maxSharedStrings) {
      throw failure('WORKBOOK_TOO_LARGE', `more than ${limits.maxSharedStrings} different texts`);
    }
    const length = Buffer.byteLength(text);
    bytes += length;
    if (bytes > limits.maxSharedStringBytes) {
      throw failure('WORKBOOK_TOO_LARGE', `more than ${limits.maxSharedStringBytes} bytes of text`);
    }
    if ((next % PAGE) + length > PAGE || next === pages.length * PAGE) {
      next = pages.length * PAGE;
      pages.push(Buffer.allocUnsafeSlow(PAGE));
    }
    if (count === starts.length) {
      starts = grown(starts);
      lengths = grown(lengths);
    }
    pages[pages.length - 1]!.write(text, next % PAGE);
    starts[count] = next;
    lengths[count] = length;
    next += length;
    count += 1;
  }

  const runs = createTextRuns(limits.maxCellText);
  return {
    get(index) {
      if (!(index >= 0 && index < count)) return undefined;
      const slot = index % CACHE;
      if (cachedIndex[slot] === index) return cachedText[slot]!;
      const start = starts[index]!;
      const from = start % PAGE;
      const text = pages[Math.floor(start / PAGE)]!.toString('utf8', from, from + lengths[index]!);
      cachedIndex[slot] = index;
      cachedText[slot] = text;
      return text;
    },
    handlers: {
      open(name) {
        if (name === 'si') runs.begin();
        else runs.open(name);
      },
      text: runs.text,
      close(name) {
        if (name === 'si') add(runs.end());
        else runs.close(name);
      },
    },
  };
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
