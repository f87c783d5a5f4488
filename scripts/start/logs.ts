import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { explainFileFault } from '@backoffice/dev-services';

const rotateBytes = 20 * 1024 * 1024;
const tailBytes = 16 * 1024;

export interface LogFile {
  path: string;
  /** How long it was when it was opened: what is before that is of an earlier run. */
  from: number;
  fd: number;
}

/** Opens a part's log at its end; a long one is put aside, in the place of the one before. */
export function openLog(dataDir: string, name: string): LogFile {
  const dir = join(dataDir, 'logs');
  const path = join(dir, `${name}.log`);
  try {
    mkdirSync(dir, { recursive: true });
    if (existsSync(path) && statSync(path).size > rotateBytes) renameSync(path, `${path}.1`);
    const fd = openSync(path, 'a', 0o600);
    return { path, fd, from: statSync(path).size };
  } catch (error) {
    throw explainFileFault(error, dir);
  }
}

/** The last line that a part said to people: its log proper is one JSON object a line. */
export function lastWords({ path, from }: LogFile): string | undefined {
  return readFrom(path, Math.max(from, statSync(path).size - tailBytes))
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('{'))
    .at(-1)
    ?.trim();
}

/** Shows what is added to the logs, one short line each. */
export function followLog({ path, from }: LogFile, name: string): NodeJS.Timeout {
  let at = from;
  let rest = '';
  return setInterval(() => {
    const text = existsSync(path) ? readFrom(path, at) : '';
    at += Buffer.byteLength(text);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) console.log(shortened(name, line));
  }, 200).unref();
}

function readFrom(path: string, from: number): string {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.max(0, statSync(path).size - from));
    const length = readSync(fd, buffer, 0, buffer.length, from);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}

function shortened(name: string, line: string): string {
  try {
    const { time = '', level = '', msg = '', err, ...rest } = JSON.parse(line) as Record<string, unknown>;
    const facts = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    const stack = (err as { stack?: string } | undefined)?.stack;
    return [String(time).slice(11, 23), name, level, msg, ...facts].join(' ') + (stack ? `\n${stack}` : '');
  } catch {
    return `${name} ${line}`;
  }
}
