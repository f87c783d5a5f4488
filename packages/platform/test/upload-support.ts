import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { writeWorkbook } from '@backoffice/spreadsheet';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Redis } from 'ioredis';
import type { Test } from 'tap';
import { requireMember } from '../src/auth/member.ts';
import { createUserRepository } from '../src/auth/users.ts';
import { loadConfig } from '../src/config/load.ts';
import { createPlatform, type Platform } from '../src/data.ts';
import { markReplayed } from '../src/http/idempotency.ts';
import type { SystemModule } from '../src/http/module.ts';
import { createLog } from '../src/log.ts';
import { createMigrator } from '../src/mongo/migrations.ts';
import { platformMigrations } from '../src/mongo/platform-migrations.ts';
import { dedupeKeyOf } from '../src/uploads/model.ts';
import { acceptForms } from '../src/uploads/receive.ts';
import { sendAccepted, uploadRoutes } from '../src/uploads/routes.ts';
import { acceptedView, uploadFault, uploadView, waitMsOf } from '../src/uploads/view.ts';
import { auditKey, bearer, buildModule, buildUser, jwtSecret, listen, signIn } from './http-support.ts';
import { programOf } from './programs.ts';
import { kindName, type TestParams } from './test-kind.ts';

const mongoUri = process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017';
export const redisUrl = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';

/** Settings for a database, queues and a folder of this test's own. */
export async function ownEnvironment(t: Test, overrides: NodeJS.ProcessEnv = {}): Promise<NodeJS.ProcessEnv> {
  const name = `uploads_${randomBytes(6).toString('hex')}`;
  const dataDir = await mkdtemp(join(tmpdir(), `${name}-`));
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  const [server, query] = mongoUri.split('?');
  return {
    NODE_ENV: 'test',
    MONGODB_URI: `${server!.replace(/\/+$/, '')}/${name}${query ? `?${query}` : ''}`,
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: name,
    JWT_SECRET: jwtSecret,
    AUDIT_KEY: auditKey,
    DATA_DIR: dataDir,
    UPLOAD_WAIT_MS: '10000',
    JOB_LEASE_MS: '1500',
    SWEEP_EVERY_MS: '500',
    LOG_LEVEL: 'debug',
    // All clients of a test have one address.
    RATE_LIMIT_PER_MINUTE: '0',
    ...overrides,
  };
}

/** The platform, migrated, on the real servers; everything goes with the test. */
export async function openUploads(
  t: Test,
  overrides: NodeJS.ProcessEnv = {},
  systems: readonly { name: string }[] = [{ name: 'receivables' }],
) {
  const env = await ownEnvironment(t, overrides);
  const logLines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logLines.push(String(chunk));
      done();
    },
  });
  const config = loadConfig(env);
  const platform = await createPlatform(config, {
    role: 'api',
    systems,
    log: createLog(config, sink),
  });
  await createMigrator(platform.db, platformMigrations).latest();
  t.teardown(async () => {
    await removeKeys(config.QUEUE_PREFIX);
    await platform.db.dropDatabase();
    await platform.close();
  });
  return { platform, env, logLines };
}

/** What the queues of a prefix hold, gone; as if Redis had lost it. */
export async function removeKeys(prefix: string): Promise<void> {
  const redis = new Redis(redisUrl);
  const keys = await redis.keys(`${prefix}:*`);
  if (keys.length > 0) await redis.del(...keys);
  redis.disconnect();
}

const post =
  (platform: Platform): FastifyPluginAsyncTypebox =>
  async (app) => {
    await acceptForms(app);
    app.post('/upload', { config: { permission: 'uploads:write' } }, async (request, reply) => {
      const { uploads, config } = platform;
      const received = await uploads.receive(request);
      const { how = 'plain', rows = '3', dryRun = 'false' } = received.fields;
      const params: TestParams = { how, rows: Number(rows) };
      const dedupeKey = dedupeKeyOf(kindName, received.sha256, { ...params });
      const submitted = await uploads.submit({
        kind: kindName,
        system: 'receivables',
        received,
        params,
        dedupeKey,
        dryRun: dryRun === 'true',
        onError: 'reject_rows',
        by: requireMember(request),
        requestId: request.id,
      });
      if (submitted.replayed) markReplayed(reply);
      const upload = await uploads.waitFor(submitted.upload._id, waitMsOf(request, config));
      if (upload.status === 'failed') throw uploadFault(upload);
      if (upload.finishedAt === null) return sendAccepted(reply, acceptedView(upload, '/api'));
      return uploadView(upload, '/api');
    });
    await app.register(
      uploadRoutes(platform, {
        system: 'receivables',
        permissions: { read: 'uploads:read', undo: 'uploads:write' },
        template: () => ({
          fileName: 'template.xlsx',
          sheets: [{ name: 'Numbers', columns: [{ header: 'Amount', width: 12 }], rows: [] }],
        }),
      }) as never,
    );
  };

export const uploadModule: SystemModule = buildModule({
  permissions: { 'uploads:read': ['Manager'], 'uploads:write': ['Manager'] },
  routes: (platform) => post(platform) as never,
});

/** A listening API with uploads, and somebody who is signed in to it. */
export async function openUploadApi(t: Test, overrides: NodeJS.ProcessEnv = {}) {
  const opened = await openUploads(t, overrides);
  const { base, app } = await listen(t, opened.platform, uploadModule);
  const users = createUserRepository(opened.platform.db);
  const { email } = await users.upsertUser(await buildUser());
  const headers = bearer(await signIn(base, email));
  const get = (path: string, more: Record<string, string> = {}) =>
    fetch(`${base}/api${path}`, { headers: { ...headers, ...more } });
  const send = (form: FormData, more: Record<string, string> = {}, query = '') =>
    fetch(`${base}/api/upload${query}`, { method: 'POST', headers: { ...headers, ...more }, body: form });
  return { ...opened, base, app, headers, users, get, send };
}

let made: Promise<Buffer> | undefined;

/** A small real workbook. */
export function workbook(): Promise<Buffer> {
  if (made === undefined) {
    const stream = new PassThrough();
    made = buffer(stream);
    const sheets = [{ name: 'Numbers', columns: [{ header: 'Amount', width: 12 }], rows: [[1], [2]] }];
    void writeWorkbook(stream, sheets);
  }
  return made;
}

/** A form with a workbook in it, and fields before it. */
export async function buildForm(fields: Record<string, string> = {}, fileName = 'numbers.xlsx') {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([new Uint8Array(await workbook())]), fileName);
  return form;
}

/** A worker as a process of its own; killed with the test. */
export async function startWorkerProcess(t: Test, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn(process.execPath, programOf('worker-process.ts'), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  for await (const chunk of child.stdout!) {
    if (String(chunk).includes('working')) break;
  }
  return child;
}

export async function killed(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = await exited;
  return code as number | null;
}

/** The first value that is not null, false or undefined; fails after 30 s. */
export async function until<T>(what: string, read: () => Promise<T> | T): Promise<NonNullable<T>> {
  const end = Date.now() + 30_000;
  for (;;) {
    const value = await read();
    if (value !== null && value !== undefined && value !== false) return value as NonNullable<T>;
    if (Date.now() > end) throw new Error(`Waited too long for ${what}.`);
    await delay(20);
  }
}

/** Every file below the data folder but the one that says whose it is. What goes while it is looked at does not count. */
export async function filesIn(env: NodeJS.ProcessEnv): Promise<string[]> {
  return (await listFiles(env.DATA_DIR!)).filter((path) => !path.endsWith('/database-id')).sort();
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const lists = entries.map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? listFiles(path) : [path];
  });
  return (await Promise.all(lists)).flat();
}
