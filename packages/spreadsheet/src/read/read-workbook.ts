import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { CodedError } from '@backoffice/core';
import type { SheetInfo, SheetRow } from '../cells.ts';
import { defaultReadLimits, type ReadLimits } from '../limits.ts';
import { parserProgram } from './parser-program.ts';
import { type Answer, type Message, type ReadRequest, rowFromWire } from './protocol.ts';

export interface WorkbookHandlers {
  /** Asked for each sheet, in workbook order; hidden ones are named, but never read. */
  onSheet(info: SheetInfo): 'read' | 'skip' | Promise<'read' | 'skip'>;
  /** Gets the filled rows of a sheet that is read, in order; `enough` ends that sheet. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that only takes rows has nothing to return
  onRows(rows: SheetRow[]): 'enough' | undefined | void | Promise<'enough' | undefined | void>;
}

export interface ReadOptions {
  limits?: Partial<ReadLimits>;
  /** Ends the parsing process at once; the promise is rejected with the signal's reason. */
  signal?: AbortSignal;
  /** Told the peak memory of the parsing process in KB, unless it was killed. */
  onPeakMemory?: (kilobytes: number) => void;
}

type Parser = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Reads a workbook in a process of its own, so that no file can take the caller's memory, event loop or
 * life with it. Handlers are awaited, and the parser waits for them. An error that a handler throws ends
 * the reading and comes out unchanged.
 *
 * Throws CodedError: NOT_A_WORKBOOK, WORKBOOK_ENCRYPTED, WORKBOOK_BROKEN, WORKBOOK_TOO_LARGE,
 * WORKBOOK_UNSAFE (with details {sheet, row, cell} where they are known), PARSE_TIMEOUT, PARSE_CRASHED.
 * Any other error is ours (the file is gone, no process can be started) and may pass when repeated.
 */
export async function readWorkbook(
  path: string,
  handlers: WorkbookHandlers,
  { limits = {}, signal, onPeakMemory }: ReadOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const all = { ...defaultReadLimits, ...limits };
  const parser = startParser(all);
  const abort = () => parser.kill('SIGKILL');
  signal?.addEventListener('abort', abort, { once: true });
  const ended = exitOf(parser);
  try {
    const answer = (word: Answer) => parser.stdin.write(`${word}\n`);
    parser.stdin.write(`${JSON.stringify({ path, limits: all } satisfies ReadRequest)}\n`);
    const messages = withinTime(linesOf(parser.stdout), all.maxMs);
    let skipping = false;
    for await (const line of messages) {
      signal?.throwIfAborted();
      const message = JSON.parse(line) as Message;
      if ('rows' in message) {
        if (skipping) continue;
        skipping = (await handlers.onRows(message.rows.map(rowFromWire))) === 'enough';
        answer(skipping ? 'enough' : 'more');
      } else if ('sheet' in message) {
        skipping = false;
        answer(await handlers.onSheet(message.sheet));
      } else {
        onPeakMemory?.(message.peakRssKb);
        if ('done' in message) return;
        const { code, message: text, details } = message.failed;
        throw code ? new CodedError(code, text, details) : new Error(text);
      }
    }
    signal?.throwIfAborted();
    throw await crash(ended);
  } finally {
    signal?.removeEventListener('abort', abort);
    parser.kill('SIGKILL');
    // What was not read yet would keep the end of the process from being reported.
    parser.stdout.destroy();
    await ended.catch(() => undefined);
  }
}

function startParser({ maxHeapMb }: ReadLimits): Parser {
  const flags = [`--max-old-space-size=${maxHeapMb}`, '--input-type=module', '--eval'];
  return spawn(process.execPath, [...flags, parserProgram()], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // The parser needs no setting and gets no secret.
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR },
  });
}

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The end of what it complained about. */
  complaint: string;
}

function exitOf(parser: Parser): Promise<Exit> {
  let complaint = '';
  parser.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4096);
  });
  // A parser that died can't take an answer. Its end is reported by the output.
  parser.stdin.on('error', () => undefined);
  const exit = new Promise<Exit>((resolve, reject) => {
    parser.once('error', reject);
    parser.once('close', (code, signal) => resolve({ code, signal, complaint }));
  });
  exit.catch(() => undefined);
  return exit;
}

async function crash(ended: Promise<Exit>): Promise<CodedError> {
  const { code, signal, complaint } = await ended;
  const error = new CodedError('PARSE_CRASHED');
  // For the log only; the message and details are what a caller sees.
  error.cause = new Error(`the parser ended with ${signal ?? code}: ${complaint}`);
  return error;
}

async function* linesOf(stream: Readable): AsyncGenerator<string, undefined> {
  stream.setEncoding('utf8');
  let pieces: string[] = [];
  for await (const chunk of stream as AsyncIterable<string>) {
    let from = 0;
    for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', from)) {
      pieces.push(chunk.slice(from, at));
      yield pieces.join('');
      pieces = [];
      from = at + 1;
    }
    if (from < chunk.length) pieces.push(chunk.slice(from));
  }
}

/** Passes on what comes, until the time spent waiting for it adds up to `maxMs`: then PARSE_TIMEOUT. */
async function* withinTime<T>(source: AsyncGenerator<T, undefined>, maxMs: number): AsyncGenerator<T> {
  let left = maxMs;
  for (;;) {
    const asked = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new CodedError('PARSE_TIMEOUT')), Math.max(0, left));
    });
    const next = source.next();
    // When the time is over nobody listens to this any more.
    next.catch(() => undefined);
    let result: IteratorResult<T, undefined>;
    try {
      result = await Promise.race([next, timeout]);
    } finally {
      clearTimeout(timer);
    }
    left -= performance.now() - asked;
    if (result.done) return;
    yield result.value;
  }
}
