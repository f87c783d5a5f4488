import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { CodedError } from '@backoffice/core';
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { MongoServerError } from 'mongodb';
import { pino } from 'pino';
import type { Test } from 'tap';
import { createPasswords } from '../src/auth/passwords.ts';
import { createUserRepository, type NewUser } from '../src/auth/users.ts';
import { loadConfig } from '../src/config/load.ts';
import { createPlatform, type Platform } from '../src/data.ts';
import { createSystemApp, type SystemAppOptions } from '../src/http/app.ts';
import type { SystemModule } from '../src/http/module.ts';
import { createMigrator } from '../src/mongo/migrations.ts';
import { platformMigrations } from '../src/mongo/platform-migrations.ts';
import { acceptForms } from '../src/uploads/receive.ts';

export const jwtSecret = 'a secret for tests that is long enough';
export const auditKey = 'another secret for tests, also long enough';
export const password = 'correct horse battery';
const passwordCost = 4;

interface PlatformOverrides {
  mongoUri?: string;
  redisUrl?: string;
  config?: Partial<Platform['config']>;
  clock?: () => Date;
  /** Left out: the one of `buildModule`. */
  systems?: readonly { name: string }[];
}

/** What the HTTP side needs of the platform, on real servers, with a database of its own. */
export async function openPlatform(t: Test, overrides: PlatformOverrides = {}) {
  const logLines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logLines.push(String(chunk));
      done();
    },
  });
  const name = `http_${randomBytes(6).toString('hex')}`;
  const uri = new URL(overrides.mongoUri ?? process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017');
  uri.pathname = `/${name}`;
  const settings = loadConfig({
    NODE_ENV: 'test',
    MONGODB_URI: uri.href,
    REDIS_URL: overrides.redisUrl ?? process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379',
    QUEUE_PREFIX: name,
    JWT_SECRET: jwtSecret,
    AUDIT_KEY: auditKey,
    // Every client of a test has one address.
    RATE_LIMIT_PER_MINUTE: '0',
    RATE_LIMIT_SIGN_IN_PER_MINUTE: '0',
  });
  const log = pino({ level: 'debug' }, sink);
  const platform = await createPlatform(
    { ...settings, ...overrides.config },
    {
      role: 'api',
      systems: overrides.systems ?? [{ name: 'receivables' }],
      log,
      ...(overrides.clock === undefined ? {} : { clock: overrides.clock }),
    },
  );
  const { db, redis } = platform;
  if (overrides.mongoUri === undefined) await createMigrator(db, platformMigrations).latest();
  t.teardown(async () => {
    if (overrides.mongoUri === undefined) await db.dropDatabase();
    if (overrides.redisUrl === undefined) {
      const keys = await redis.keys(`${name}:*`);
      if (keys.length > 0) await redis.del(...keys);
    }
    await platform.close();
  });
  return { platform, db, logLines, users: createUserRepository(db) };
}

const AmountBody = Type.Object(
  { text: Type.String(), amount: Type.Optional(Type.Integer()) },
  { additionalProperties: false },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/things',
    { config: { permission: 'things:write' }, schema: { body: AmountBody } },
    async (request) => ({
      got: request.body,
    }),
  );
  app.get(
    '/things/:id',
    {
      config: { permission: 'things:read' },
      schema: {
        params: Type.Object({ id: Type.Integer() }),
        querystring: Type.Object({
          search: Type.Optional(Type.String()),
          page: Type.Optional(Type.Integer()),
          all: Type.Optional(Type.Boolean()),
          size: Type.Optional(Type.Union([Type.Literal('large'), Type.Literal('small')])),
        }),
      },
    },
    async (request) => ({ id: request.params.id, ...request.query, member: request.member }),
  );
  await acceptForms(app);
  app.post('/files', { config: { permission: 'things:read' } }, async (request) => {
    const part = await request.file();
    const bytes = (await part?.toBuffer())?.length ?? null;
    // The library looks only between two pieces; what was cut off in the last one shows here.
    if (part?.file.truncated) throw new CodedError('UPLOAD_TOO_LARGE');
    return { bytes };
  });
  app.get('/fails/:how', { config: { public: true } }, async (request) => {
    const { how } = request.params as { how: string };
    if (how === 'coded') throw new CodedError('CONFIRMATION_NEEDED', 'Really?', { seen: 3 });
    if (how === 'mongo') throw new MongoServerError({ message: 'E11000 dup key secret-index', code: 11000 });
    throw new TypeError('secret-internal is undefined');
  });
};

export function buildModule(overrides: Partial<SystemModule> = {}): SystemModule {
  return {
    name: 'receivables',
    title: 'Test system',
    version: '1.0.0',
    port: 0,
    prefix: '/api',
    roles: ['Manager', 'Engineer'],
    administrators: ['Manager'],
    membership: {
      role: Type.Union([Type.Literal('Manager'), Type.Literal('Engineer')]),
      region: Type.Optional(Type.Union([Type.Literal('pune'), Type.Literal('delhi'), Type.Null()])),
      department: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    },
    permissions: { 'things:read': ['Manager', 'Engineer'], 'things:write': ['Manager'] },
    errorBody: ({ code, message, requestId, details }) => ({ error: message, code, requestId, ...details }),
    routes: () => routes,
    migrations: [],
    ...overrides,
  };
}

/** A listening instance and its base URL; closed with the test. */
export async function listen(
  t: Test,
  platform: Platform,
  module: SystemModule = buildModule(),
  options: SystemAppOptions = {},
) {
  const app: FastifyInstance = await createSystemApp(platform, module, { passwordCost, ...options });
  t.teardown(() => app.close());
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  return { app, port, base: `http://127.0.0.1:${port}` };
}

export async function buildUser(
  overrides: Partial<NewUser & { email: string }> = {},
): Promise<NewUser & { email: string }> {
  return {
    name: 'Asha Rao',
    email: `user-${randomBytes(4).toString('hex')}@example.com`,
    passwordHash: await createPasswords(passwordCost).hash(password),
    contact: '98200 00000',
    memberships: { receivables: { role: 'Manager', region: 'pune', department: null } },
    ...overrides,
  };
}

export function postJson(url: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** The token that signing in gives. */
export async function signIn(base: string, email: string, withPassword = password): Promise<string> {
  const answer = await postJson(`${base}/api/auth/login`, { email, password: withPassword });
  if (answer.status !== 200) throw new Error(`login answered ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { token: string }).token;
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export async function bodyOf(answer: Response): Promise<Record<string, unknown>> {
  return (await answer.json()) as Record<string, unknown>;
}
