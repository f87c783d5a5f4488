import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMigrator,
  createPasswords,
  createPlatform,
  createSystemApp,
  createUserRepository,
  loadConfig,
  platformMigrations,
} from '@backoffice/platform';
import type { Test } from 'tap';
import { createDocumentation, type OpenApi } from '../../../../test/harness/documented.ts';
import { personnel } from '../src/index.ts';
import type { OwnMembership } from '../src/people.ts';

export const password = 'a password for every test';
const passwordCost = 4;

// biome-ignore lint/suspicious/noExplicitAny: what the wire says is checked against its documentation, not by types
export type Json = any;

export interface Answer<T = Json> {
  status: number;
  headers: Headers;
  body: T;
}

export type System = Awaited<ReturnType<typeof startSystem>>;

/**
 * The system over real HTTP, on a database and a prefix of its own, with one administrator. Every answer is held
 * against the documentation that the system gives of itself, and against what the contract says of all answers.
 */
export async function startSystem(
  t: Test,
  { clock, env = {} }: { clock?: () => Date; env?: NodeJS.ProcessEnv } = {},
) {
  const name = `personnel_${randomBytes(6).toString('hex')}`;
  const dataDir = mkdtempSync(join(tmpdir(), `${name}-`));
  const uri = new URL(process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017');
  uri.pathname = `/${name}`;
  const settings = {
    NODE_ENV: 'test',
    MONGODB_URI: uri.href,
    REDIS_URL: process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379',
    QUEUE_PREFIX: name,
    JWT_SECRET: randomBytes(32).toString('hex'),
    AUDIT_KEY: randomBytes(32).toString('hex'),
    DATA_DIR: dataDir,
    UPLOAD_WAIT_MS: '0',
    LOG_LEVEL: process.env.CONTRACT_LOG ?? 'silent',
    RATE_LIMIT_PER_MINUTE: '0',
    RATE_LIMIT_SIGN_IN_PER_MINUTE: '0',
    ...env,
  };
  const platform = await createPlatform(loadConfig(settings, [personnel]), {
    role: 'api',
    systems: [personnel],
    ...(clock === undefined ? {} : { clock }),
  });
  t.teardown(async () => {
    await platform.db.dropDatabase();
    const keys = await platform.redis.keys(`${name}:*`);
    if (keys.length > 0) await platform.redis.del(...keys);
    await platform.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  await createMigrator(platform.db, [...platformMigrations, ...personnel.migrations]).latest();
  const app = await createSystemApp(platform, personnel, { passwordCost });
  t.teardown(() => app.close());
  await app.listen({ port: 0, host: '127.0.0.1' });
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const openApi = (await (await fetch(`${base}/docs/json`)).json()) as OpenApi;
  const documentation = createDocumentation(openApi);
  const users = createUserRepository(platform.db, platform.clock);
  const passwordHash = await createPasswords(passwordCost).hash(password);

  /** Somebody who can sign in, made beside the API. */
  async function addUser(armyNumber: string, given: Partial<OwnMembership> = {}) {
    const [firstName, lastName] = ['First', armyNumber];
    const membership: OwnMembership = {
      ...{ role: 'user', firstName, lastName, allowedDbs: [], accessAllDb: false, isGenerated: true },
      ...given,
    };
    const user = await users.upsertUser({
      name: `${membership.firstName} ${membership.lastName}`,
      email: null,
      armyNumber,
      passwordHash,
      contact: '',
      memberships: { personnel: membership },
    });
    return user._id.toHexString();
  }

  /** Sends it as it is, and fails the test where the answer is not as documented. */
  async function send(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
    const answer = await fetch(`${base}${path}`, { ...init, method, redirect: 'manual' });
    const type = answer.headers.get('content-type') ?? '';
    const bytes = Buffer.from(await answer.arrayBuffer());
    const json = type.startsWith('application/json') && bytes.length > 0;
    const body = json ? JSON.parse(bytes.toString()) : bytes;
    const fault = documentation.fault(method, path, answer.status, type, body);
    // Who asks with a method that there is not asks for nothing that is documented.
    if (fault !== null && bytes.length > 0 && answer.status !== 405) t.fail(fault);
    if (json) for (const each of faultsOf(answer.status, body)) t.fail(`${method} ${path}: ${each}`);
    return { status: answer.status, headers: answer.headers, body };
  }

  /** JSON in, JSON out, signed in by that token. */
  function call(
    token: string | null,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return send(method, path, {
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async function signIn(armyNumber: string, withPassword = password): Promise<string> {
    const answer = await call(null, 'POST', '/auth/login', {
      army_number: armyNumber,
      password: withPassword,
    });
    if (answer.status !== 200) throw new Error(`login answered ${JSON.stringify(answer.body)}`);
    return answer.body.data.token;
  }

  /** The id of what was created, or an error. */
  async function create(token: string, path: string, body: unknown): Promise<string> {
    const answer = await call(token, 'POST', path, body);
    if (answer.status !== 201) throw new Error(`POST ${path} answered ${JSON.stringify(answer.body)}`);
    return answer.body.data.id;
  }

  const adminId = await addUser('ADMIN-001', { role: 'admin', firstName: 'Ada', lastName: 'Min' });
  const admin = await signIn('ADMIN-001');
  let count = 0;

  return {
    ...{ platform, app, base, openApi, documentation, users, admin, adminId },
    ...{ addUser, send, call, signIn, create },

    /** A db with a short code of its own. */
    db(given: Record<string, unknown> = {}): Promise<string> {
      count += 1;
      const body = { name: `Db ${count}`, short_code: `D${count}`, description: 'of a test', ...given };
      return create(admin, '/admin/dbs', body);
    },

    /** A record in a db, with an army number of its own. */
    record(db_id: string, given: Record<string, unknown> = {}, token = admin): Promise<string> {
      count += 1;
      return create(token, '/personnels/', person({ army_number: `N/${count}`, db_id, ...given }));
    },
  };
}

/** What the contract asks of every JSON answer. */
export function faultsOf(status: number, body: Json): string[] {
  const faults: string[] = [];
  if (body?.openapi !== undefined) return faults;
  if (typeof body?.message !== 'string' || body.message === '') faults.push(`${status} has no message`);
  if (body?.statusCode !== status) faults.push(`${status} says statusCode ${body?.statusCode}`);
  const token = status === 401 && body?.code === 'UNAUTHENTICATED';
  if (token && body.msg !== body.message) faults.push('401 without msg');
  if (status >= 500) faults.push(`${status}: ${JSON.stringify(body)}`);
  if (status < 400) return faults;
  for (const key of ['code', 'requestId']) if (typeof body[key] !== 'string') faults.push(`no ${key}`);
  if (typeof body.data !== 'object' || body.data === null) faults.push('an error without data');
  return faults;
}

/** The body of a new record. */
export function person(given: Record<string, unknown> = {}) {
  return {
    first_name: 'Musa',
    last_name: 'Bello',
    army_number: 'N/0',
    phone_number: '08030000000',
    rank: 'Sgt',
    bank: { name: 'Unity Bank', sort_code: '011' },
    acct_number: '0012345678',
    sub_sector: 'Sector 1',
    ...given,
  };
}
