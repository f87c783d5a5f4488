import { accessSync, constants, mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findMongod, findRedisServer, type Log } from './binaries.ts';
import { assertSpace } from './disk.ts';
import { DevServicesError, explainFileFault } from './errors.ts';
import { mongoAnswers, redisAnswers } from './ping.ts';
import { isRunning, type ProcessMark, thisProcess } from './processes.ts';
import { readRecord, stopLeftovers, writeRecord } from './record.ts';
import { type RunningServer, startServer } from './server.ts';

export interface ServicesOptions {
  /** Where the data stays between runs; not used by throw-away servers. */
  dataDir?: string;
  /** Throw-away servers in a temporary directory that goes with them. */
  ephemeral?: boolean;
  log: Log;
  env?: NodeJS.ProcessEnv;
  /** Breaks off what is under way; `startServices` then rejects with its reason, with nothing left running. */
  signal?: AbortSignal;
}

export interface Services {
  mongoUri: string;
  redisUrl: string;
  /** Where the servers keep their data; undefined when both were configured. */
  dataDir: string | undefined;
  /** Resolves when one of its own servers ends unasked, which nothing here can mend. */
  fault: Promise<DevServicesError>;
  stop(): Promise<void>;
}

const recordName = 'services.json';
const temporaryPrefix = 'backoffice-services-';

/**
 * Gives a MongoDB and a Redis: the configured ones (`MONGODB_URI`, `REDIS_URL`; for throw-away use
 * `TEST_MONGODB_URI`, `TEST_REDIS_URL`, so that tests never write into real data), else servers of its own.
 * @throws DevServicesError with one sentence for the user
 */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const env = options.env ?? process.env;
  const prefix = options.ephemeral ? 'TEST_' : '';
  const configured = { mongoUri: env[`${prefix}MONGODB_URI`], redisUrl: env[`${prefix}REDIS_URL`] };
  if (configured.mongoUri && configured.redisUrl) {
    const { mongoUri, redisUrl } = configured;
    const fault = new Promise<DevServicesError>(() => {});
    return { mongoUri, redisUrl, dataDir: undefined, fault, stop: async () => {} };
  }

  const { signal } = options;
  const find = { env, log: options.log, signal };
  const mongod = configured.mongoUri ? undefined : await findMongod(find);
  const redis = configured.redisUrl ? undefined : await findRedisServer(find);
  const dataDir = await prepareDataDir(options);
  const record = join(dataDir, recordName);
  const running: RunningServer[] = [];
  const processes: ProcessMark[] = [];
  let onEnd = (_fault: DevServicesError) => {};
  const fault = new Promise<DevServicesError>((resolve) => {
    onEnd = resolve;
  });
  const onSpawn = (started: ProcessMark) => {
    processes.push(started);
    writeRecord(record, { owner: thisProcess(), processes });
  };

  async function stop(): Promise<void> {
    for (const server of running.splice(0).reverse()) await server.stop();
    if (options.ephemeral) await rm(dataDir, { recursive: true, force: true });
    else rmSync(record, { force: true });
  }

  try {
    let { mongoUri, redisUrl } = configured;
    if (mongod) {
      const path = join(dataDir, 'mongo');
      const cache = options.ephemeral ? '0.25' : '1';
      const server = await startServer({
        name: 'MongoDB',
        binary: mongod,
        args: (port) =>
          ['--bind_ip', '127.0.0.1', '--port', `${port}`, '--dbpath', path, '--nounixsocket'].concat([
            '--wiredTigerCacheSizeGB',
            cache,
          ]),
        mark: path,
        logFile: join(dataDir, 'mongo.log'),
        answers: mongoAnswers,
        onSpawn,
        onEnd,
        signal,
      });
      running.push(server);
      // Every test file names a database of its own.
      mongoUri = `mongodb://127.0.0.1:${server.port}${options.ephemeral ? '' : '/backoffice'}`;
    }
    if (redis) {
      const path = join(dataDir, 'redis');
      const server = await startServer({
        name: 'Redis',
        binary: redis,
        args: (port) =>
          // Its title would otherwise hide the data directory, by which it is known again after a kill.
          ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', path, '--save', ''].concat(
            ['--appendonly', 'yes', '--maxmemory-policy', 'noeviction'],
            ['--set-proc-title', 'no'],
          ),
        mark: path,
        logFile: join(dataDir, 'redis.log'),
        answers: redisAnswers,
        onSpawn,
        onEnd,
        signal,
      });
      running.push(server);
      redisUrl = `redis://127.0.0.1:${server.port}`;
    }
    return { mongoUri: mongoUri!, redisUrl: redisUrl!, dataDir, fault, stop };
  } catch (error) {
    await stop();
    throw explainFileFault(error, dataDir);
  }
}

async function prepareDataDir(options: ServicesOptions): Promise<string> {
  if (options.ephemeral) {
    await sweepAbandoned();
    const dir = await mkdtemp(join(tmpdir(), temporaryPrefix)).catch((error) => {
      throw explainFileFault(error, tmpdir());
    });
    try {
      writeRecord(join(dir, recordName), { owner: thisProcess(), processes: [] });
      makeFolders(dir);
    } catch (error) {
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
    return dir;
  }
  if (!options.dataDir) throw new DevServicesError('No data directory was given.');
  const dir = resolve(options.dataDir);
  makeFolders(dir);
  const record = join(dir, recordName);
  const earlier = readRecord(record);
  if (earlier && earlier.owner.pid !== process.pid && isRunning(earlier.owner)) {
    throw new DevServicesError(`Another start is already running on ${dir} (process ${earlier.owner.pid}).`);
  }
  if ((await stopLeftovers(record)) > 0) options.log('stopped the servers that an earlier start left behind');
  return dir;
}

/** An empty mongod takes about 200 MB for its journal; below that it ends in the middle of something. */
const neededMegabytes = 300;

function makeFolders(dir: string): void {
  let path = dir;
  try {
    for (const name of ['mongo', 'redis']) {
      path = join(dir, name);
      mkdirSync(path, { recursive: true, mode: 0o700 });
      accessSync(path, constants.W_OK);
    }
    path = dir;
    accessSync(path, constants.W_OK);
    assertSpace(dir, neededMegabytes);
  } catch (error) {
    throw explainFileFault(error, path);
  }
}

/** Throw-away servers whose starter was killed: nobody else would ever stop them. */
async function sweepAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const dir = join(tmpdir(), name);
    const record = readRecord(join(dir, recordName));
    if (!record || isRunning(record.owner)) continue;
    await stopLeftovers(join(dir, recordName));
    await rm(dir, { recursive: true, force: true }).catch(() => {});
  }
}
