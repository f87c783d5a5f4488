import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, openAsBlob, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, type Services } from '@backoffice/dev-services';
import {
  createMongoClient,
  createPasswords,
  createUserRepository,
  databaseOf,
  type Membership,
  type NewUser,
  portSettingOf,
  type SeedWire,
  type SystemModule,
} from '@backoffice/platform';
import { receivables } from '@backoffice/receivables';

export type BenchDb = ReturnType<typeof databaseOf>;

/** The API and the worker on an empty database of their own. */
export interface BenchSystem {
  db: BenchDb;
  workerPid: number;
  apiPid: number;
  /** Where the API's routes are. */
  base: string;
  /** Those of a signed-in user of the system. */
  headers: Record<string, string>;
  /** Asks the API as that user; anything but success is an error. */
  call: <T>(path: string, init?: RequestInit) => Promise<T>;
  /** Uploads a statement and waits until its import has ended. */
  upload: (path: string, fields: Record<string, string>) => Promise<UploadStatus>;
  close: () => Promise<void>;
}

export interface UploadStatus {
  uploadId: string;
  status: string;
  statusUrl: string;
}

/** The system that is measured, and as what its user works in it. */
export interface BenchSubject {
  module: Pick<SystemModule, 'name' | 'prefix'>;
  membership: Membership;
  /** By what the user signs in, where that is no e-mail address. */
  armyNumber?: string;
  /** How its API is spoken to, where that is not as the platform's own routes have it. */
  wire?: SeedWire;
  /** Where files are uploaded to; left out: `/upload`. */
  uploads?: string;
}

const outstanding: BenchSubject = {
  module: receivables,
  membership: { role: 'Country Manager', region: null, department: null },
};

const email = 'bench@example.com';
const password = 'only for the bench';

/** A client with the settings of the product: every write is in the journal before it counts. */
export function openDatabase(services: Services, name: string) {
  const uri = new URL(services.mongoUri);
  uri.pathname = `/bench_${name}_${randomBytes(4).toString('hex')}`;
  const client = createMongoClient(uri.href, 30_000);
  const db = databaseOf(client, uri.href);
  const close = async () => {
    await db.dropDatabase();
    await client.close();
  };
  return { uri: uri.href, db, close };
}

/** @param signal ends the processes at once, so that whoever waits for an answer of theirs gets an error */
export async function startSystem(
  services: Services,
  dir: string,
  signal: AbortSignal,
  subject: BenchSubject = outstanding,
): Promise<BenchSystem> {
  const { uri, db, close: closeDatabase } = openDatabase(services, 'system');
  const port = await freePort();
  const dataDir = join(dir, `system-${port}`);
  mkdirSync(dataDir);
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    MONGODB_URI: uri,
    REDIS_URL: services.redisUrl,
    QUEUE_PREFIX: `bench-${randomBytes(4).toString('hex')}`,
    JWT_SECRET: randomBytes(32).toString('hex'),
    AUDIT_KEY: randomBytes(32).toString('hex'),
    DATA_DIR: dataDir,
    SYSTEMS: subject.module.name,
    [portSettingOf(subject.module)]: String(port),
    WORKER_PORT: '0',
    UPLOAD_WAIT_MS: '60000',
    LOG_LEVEL: 'warn',
    // Counted, but never reached: everything here comes from one address.
    RATE_LIMIT_PER_MINUTE: '10000000',
    RATE_LIMIT_SIGN_IN_PER_MINUTE: '0',
  };
  const children: { child: ChildProcess; log: string }[] = [];

  function start(name: string, script: string, args: string[] = []): ChildProcess {
    const log = join(dataDir, `${name}.log`);
    const fd = openSync(log, 'a');
    const flags = ['--import', 'tsx', script, ...args];
    const child = spawn(process.execPath, flags, { env, stdio: ['ignore', fd, fd] });
    closeSync(fd);
    children.push({ child, log });
    return child;
  }

  const kill = () => {
    for (const { child } of children) child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill);

  async function close(): Promise<void> {
    signal.removeEventListener('abort', kill);
    for (const { child } of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    await closeDatabase();
  }

  try {
    const [code] = await once(start('migrate', 'apps/worker/src/migrate.ts', ['latest']), 'exit');
    if (code !== 0) throw new Error(`The migration failed. ${lastWords(children)}`);
    await createUserRepository(db).upsertUser(await benchUser(subject));
    const api = start('api', 'apps/api/src/main.ts');
    const worker = start('worker', 'apps/worker/src/main.ts');
    const base = `http://127.0.0.1:${port}`;
    await untilReady(`${base}/ready`, children);
    const client = await signIn(`${base}${subject.module.prefix}`, subject);
    return { ...client, db, apiPid: api.pid!, workerPid: worker.pid!, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function benchUser({ module, membership, armyNumber }: BenchSubject): Promise<NewUser> {
  return {
    name: 'Bench',
    ...(armyNumber === undefined ? { email } : { email: null, armyNumber }),
    passwordHash: await createPasswords(4).hash(password),
    contact: '',
    memberships: { [module.name]: membership },
  };
}

async function untilReady(url: string, children: { child: ChildProcess; log: string }[]): Promise<void> {
  const until = Date.now() + 60_000;
  while (!(await fetch(url).catch(() => null))?.ok) {
    const ended = children.some(({ child }) => child.signalCode !== null || (child.exitCode ?? 0) !== 0);
    if (ended || Date.now() > until) throw new Error(`The system does not start. ${lastWords(children)}`);
    await delay(50);
  }
}

function lastWords(children: readonly { log: string }[]): string {
  return children.map(({ log }) => readFileSync(log, 'utf8').slice(-1_000)).join('\n');
}

type Client = Pick<BenchSystem, 'base' | 'headers' | 'call' | 'upload'>;

const plainWire: SeedWire = {
  credentials: (name, secret) => ({ email: name, password: secret }),
  dataOf: (answer) => answer,
};

async function signIn(
  base: string,
  { armyNumber, wire = plainWire, uploads = '/upload' }: BenchSubject,
): Promise<Client> {
  let token = '';

  async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
    const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` };
    if (typeof init.body === 'string') headers['content-type'] = 'application/json';
    const response = await fetch(`${base}${path}`, { ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 500)}`);
    return wire.dataOf(JSON.parse(text)) as T;
  }

  async function upload(path: string, fields: Record<string, string>): Promise<UploadStatus> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', await openAsBlob(path), 'bench.xlsx');
    const first = await call<UploadStatus>(uploads, { method: 'POST', body: form });
    let status = { ...first, status: first.status ?? 'completed' };
    while (['queued', 'processing'].includes(status.status)) {
      await delay(50);
      status = await call<UploadStatus>(`${uploads}/${status.uploadId}/status`);
    }
    if (!status.status.startsWith('completed')) throw new Error(`The upload has ${status.status}.`);
    return status;
  }

  const login = { method: 'POST', body: JSON.stringify(wire.credentials(armyNumber ?? email, password)) };
  ({ token } = await call<{ token: string }>('/auth/login', login));
  return { base, headers: { authorization: `Bearer ${token}` }, call, upload };
}
