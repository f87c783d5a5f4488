import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Parser, type Result } from 'tap-parser';

export interface FileResult {
  file: string;
  /** Tests are what the file says at its top level; what they assert is not counted. */
  passed: number;
  failed: number;
  skipped: number;
  ms: number;
  /** What went wrong, ready to be shown; empty when nothing did. */
  faults: string[];
}

export interface RunFileOptions {
  root: string;
  file: string;
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  /** Ends the file's process and whatever it has started. */
  signal: AbortSignal;
}

/** After its own time-out tap still names the test that hung; only then the process is ended from outside. */
const graceMs = 5_000;
const keptOutput = 6_000;

/** Runs one test file as a process of its own and reads its TAP. Never rejects: whatever happens is a result. */
export async function runFile(options: RunFileOptions): Promise<FileResult> {
  const { root, file, timeoutMs } = options;
  const began = performance.now();
  const result: FileResult = { file, passed: 0, failed: 0, skipped: 0, ms: 0, faults: [] };
  const made = join(options.env.TEST_PROGRAMS ?? '', `${file}.mjs`);
  const ready = options.env.TEST_PROGRAMS !== undefined && existsSync(made);
  const child = spawn(process.execPath, ready ? ['--enable-source-maps', made] : ['--import', 'tsx', file], {
    cwd: root,
    // In seconds. Tap's own limit of 30 s would be that of a whole file.
    env: { ...options.env, TAP_TIMEOUT: String(timeoutMs / 1000) },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that nothing the file has started outlives it.
    detached: true,
  });
  const parser = new Parser();
  const completed = once(parser, 'complete');
  collect(parser, result);
  let noise = '';
  const keep = (text: string) => {
    noise = (noise + text).slice(-keptOutput);
  };
  parser.on('extra', keep);
  child.stderr!.setEncoding('utf8').on('data', keep);
  child.stdout!.pipe(parser);

  let ending: string | undefined;
  const kill = (why: string) => {
    ending ??= why;
    killGroup(child, 'SIGKILL');
  };
  const timer = setTimeout(() => kill(`no end after ${timeoutMs / 1000} s`), timeoutMs + graceMs);
  const abort = () => kill('broken off');
  options.signal.addEventListener('abort', abort, { once: true });
  if (options.signal.aborted) abort();

  const how = await ended(child);
  clearTimeout(timer);
  options.signal.removeEventListener('abort', abort);
  await completed;
  // A failed test ends the process with 1; any other bad end means that not all of the tests were run.
  const fault = ending ?? faultOfEnd(how, result, parser);
  if (fault !== undefined) {
    // Tap's time-out has already counted the test that hung.
    if (ending === undefined || result.failed === 0) result.failed += 1;
    result.faults.push(fault);
  }
  if (result.failed > 0 && noise.trim() !== '') result.faults.push(noise.trim());
  result.ms = performance.now() - began;
  return result;
}

function collect(parser: Parser, result: FileResult): void {
  parser.on('assert', (test: Result) => {
    if (test.skip || test.todo) result.skipped += 1;
    else if (test.ok) result.passed += 1;
    else result.failed += 1;
  });
  collectFaults(parser, result.faults);
}

/** The failed assertions at whatever depth, each under the names of the tests around it. */
function collectFaults(parser: Parser, faults: string[]): void {
  let nested = 0;
  parser.on('child', (child: Parser) => {
    nested = faults.length;
    collectFaults(child, faults);
  });
  parser.on('assert', (test: Result) => {
    const told = faults.length > nested;
    nested = faults.length;
    // A test that fails only because of what is in it has been told by that.
    if (test.ok || test.skip || test.todo || told) return;
    faults.push(describe(test));
    nested = faults.length;
  });
}

function describe(test: Result): string {
  const lines = [test.fullname || test.name];
  const { at, diff, stack, found, wanted, error } = (test.diag ?? {}) as Record<string, unknown>;
  const place = at as { fileName?: string; lineNumber?: number } | undefined;
  if (place?.fileName) lines.push(`at ${place.fileName}:${place.lineNumber}`);
  if (typeof error === 'string') lines.push(error);
  if (typeof diff === 'string') lines.push(diff);
  else if (found !== undefined || wanted !== undefined) {
    lines.push(`found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
  }
  if (typeof stack === 'string') lines.push(stack);
  return lines.join('\n').trimEnd();
}

interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
  error?: Error;
}

async function ended(child: ChildProcess): Promise<End> {
  const closed = new Promise<void>((done) => child.once('close', () => done()));
  const end = await new Promise<End>((done) => {
    child.once('exit', (code, signal) => done({ code, signal }));
    child.once('error', (error) => done({ code: null, signal: null, error }));
  });
  // Whatever it has left running holds the pipes open; nothing of it may survive the file.
  killGroup(child, 'SIGKILL');
  await closed;
  return end;
}

function faultOfEnd({ code, signal, error }: End, result: FileResult, parser: Parser): string | undefined {
  if (error) return `could not be started: ${error.message}`;
  if (signal) return `was ended by ${signal}`;
  const seen = result.passed + result.failed + result.skipped;
  if (seen === 0 && /no tests found/.test(parser.planComment)) return 'has no test in it';
  if (code !== 0 && result.failed === 0) return `ended with ${code} before all of its tests had run`;
  if (seen === 0 && parser.results?.plan.skipAll !== true) return 'has no test in it';
  if (parser.results?.ok !== true && result.failed === 0) {
    return `its output is not whole: ${parser.results?.failures.map((f) => f.tapError ?? f.name).join('; ')}`;
  }
  return undefined;
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody is left in it.
  }
}
