import { createPasswords, createUserRepository } from '@backoffice/platform';
import type { Test } from 'tap';
import { createDocumentation, type OpenApi } from './documented.ts';
import {
  openPlatform,
  ownEnvironment,
  type RunningProcess,
  startApiProcess,
  startWorkerProcess,
  until,
} from './processes.ts';
import { type SheetRow, statement } from './sheets.ts';

export const password = 'a password for every test';

/** Who uses the system in these tests: role, region, and what is special. */
export const cast = {
  admin: { role: 'Admin', region: null, name: 'Anita Admin' },
  country: { role: 'Country Manager', region: null, name: 'Chitra Country' },
  country2: { role: 'Country Manager', region: null, name: 'Chandra Country' },
  mumbaiManager: { role: 'Manager', region: 'mumbai', name: 'Meera Manager' },
  mumbaiEngineer: { role: 'Engineer', region: 'mumbai', name: 'Eknath Engineer' },
  mumbaiEngineer2: { role: 'Engineer', region: 'mumbai', name: 'Esha Engineer' },
  delhiManager: { role: 'Manager', region: 'delhi', name: 'Dev Manager' },
  delhiEngineer: { role: 'Engineer', region: 'delhi', name: 'Divya Engineer' },
  noRegion: { role: 'Manager', region: null, name: 'Nobody Nowhere' },
  disabled: { role: 'Manager', region: 'mumbai', name: 'Gone Away' },
} as const;
export type Who = keyof typeof cast;

// biome-ignore lint/suspicious/noExplicitAny: what the wire says is checked against its documentation, not by types
export type Json = any;

export interface Answer<T = Json> {
  status: number;
  headers: Headers;
  body: T;
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
}

export type System = Awaited<ReturnType<typeof startSystem>>;

/** Fields of the form; `fileName` names the file, `query` goes into the address, `after` come behind the file. */
export interface UploadOptions {
  who?: Who;
  fields?: Record<string, string>;
  after?: Record<string, string>;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  fileName?: string;
}

/**
 * The product as it runs: a database and queues of its own, users of every role, the API and the worker as
 * processes. Every answer is held against the documentation that the API gives of itself.
 */
export async function startSystem(
  t: Test,
  options: {
    env?: NodeJS.ProcessEnv;
    /** Started in the place of the real programs, for a clock of the test's own. */
    processes?: (t: Test, env: NodeJS.ProcessEnv) => Promise<{ api: RunningProcess; worker: RunningProcess }>;
  } = {},
) {
  const env = ownEnvironment(t, options.env);
  const platform = await openPlatform(t, env);
  const users = createUserRepository(platform.db);
  const passwordHash = await createPasswords(4).hash(password);
  const ids = {} as Record<Who, string>;
  for (const [who, { role, region, name }] of Object.entries(cast) as [Who, (typeof cast)[Who]][]) {
    const memberships = { receivables: { role, region, department: null } };
    const email = `${who.toLowerCase()}@example.com`;
    const user = await users.upsertUser({ name, email, passwordHash, contact: '98200 00000', memberships });
    ids[who] = user._id.toHexString();
    if (who === 'disabled') await users.updateStatus(user._id, 'disabled');
  }

  const start =
    options.processes ??
    (async (each: Test, own: NodeJS.ProcessEnv) => {
      const [api, worker] = await Promise.all([startApiProcess(each, own), startWorkerProcess(each, own)]);
      return { api, worker };
    });
  const { api, worker } = await start(t, env);
  const base = String(api.up.url);
  // What the processes complained of, for whoever looks into a failure.
  t.teardown(() => {
    for (const line of process.env.CONTRACT_LOG ? [...api.lines, ...worker.lines] : []) {
      if (!line.includes('"level":30')) console.error(line);
    }
  });
  await until('/ready', async () => (await fetch(`${base}/ready`)).status === 200);
  const openApi = await openApiOf(base);
  const documentation = createDocumentation(openApi);
  const tokens = {} as Record<Who, string>;
  const test = t;

  /** Sends it, and fails the test where the answer is not as documented. */
  async function send(method: string, path: string, init: RequestInit): Promise<Answer> {
    const answer = await fetch(`${base}${path}`, { ...init, method });
    const type = answer.headers.get('content-type') ?? '';
    const bytes = Buffer.from(await answer.arrayBuffer());
    const body = type.startsWith('application/json') ? JSON.parse(bytes.toString()) : bytes;
    const fault = documentation.fault(method, path, answer.status, type, body);
    if (fault !== null) test.fail(fault);
    if (answer.status >= 400 && type.startsWith('application/json')) {
      const { error, code, requestId } = body;
      const whole = [error, code, requestId].every((each) => typeof each === 'string' && each !== '');
      if (!whole) test.fail(`${method} ${path} ${answer.status} has no { error, code, requestId }`);
    }
    return { status: answer.status, headers: answer.headers, body };
  }

  const headersOf = (who: Who | null): Record<string, string> =>
    who === null ? {} : { authorization: `Bearer ${tokens[who]}` };

  async function call(
    who: Who | null,
    method: string,
    path: string,
    { body, headers }: CallOptions = {},
  ): Promise<Answer> {
    return send(method, `/api${path}`, {
      headers: {
        ...headersOf(who),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** GET with 200, or the test fails. */
  async function get<T = Json>(who: Who, path: string, query: Record<string, string> = {}): Promise<T> {
    const search = new URLSearchParams(query).toString();
    const answer = await call(who, 'GET', search === '' ? path : `${path}?${search}`);
    if (answer.status !== 200) throw new Error(`GET ${path} answered ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async function put(who: Who, path: string, body: unknown): Promise<Answer> {
    return call(who, 'PUT', path, { body });
  }

  async function signIn(who: Who, withPassword = password): Promise<Answer> {
    const body = { email: `${who.toLowerCase()}@example.com`, password: withPassword };
    return call(null, 'POST', '/auth/login', { body });
  }

  /** POST /upload with these bytes. */
  async function upload(
    file: Uint8Array | string | null,
    month: string,
    given: UploadOptions = {},
  ): Promise<Answer> {
    const { who = 'country', fields = {}, after = {}, query = {}, headers = {} } = given;
    const form = new FormData();
    const named = month === '' ? fields : { month, ...fields };
    for (const [name, value] of Object.entries(named)) form.append(name, value);
    if (file !== null) form.append('file', new Blob([file as never]), given.fileName ?? 'statement.xlsx');
    for (const [name, value] of Object.entries(after)) form.append(name, value);
    const search = new URLSearchParams(query).toString();
    return send('POST', `/api/upload${search === '' ? '' : `?${search}`}`, {
      headers: { ...headersOf(who), ...headers },
      body: form,
    });
  }

  /** Uploads a statement of these rows for a month such as 2025-04, and fails where it is not taken. */
  async function take(month: string, rows: readonly SheetRow[], given: UploadOptions = {}): Promise<Json> {
    const answer = await upload(await statement(month, rows), month, given);
    if (answer.status !== 200) throw new Error(`the upload answered ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  for (const who of Object.keys(cast) as Who[]) {
    if (who !== 'disabled') tokens[who] = (await signIn(who)).body.token;
  }

  return {
    /** What lives as long as the system, rather than as one of its tests. */
    top: t,
    ...{ env, platform, users, ids, tokens, base, api, worker, openApi, documentation },
    ...{ send, call, get, put, signIn, upload, take },

    /** Undo, awaited; fails where it is refused. */
    async undo(uploadId: string): Promise<Json> {
      const answer = await call('country', 'POST', `/upload/${uploadId}/undo`);
      if (answer.status !== 200) throw new Error(`undo answered ${JSON.stringify(answer.body)}`);
      return answer.body;
    },

    /**
     * Empties what the tests put in, but not the users: the next test begins with nothing. The ledger keeps
     * its version and counts on, for the processes tell states apart by it.
     */
    async clear(): Promise<void> {
      const { db } = platform;
      for (const { name } of await db.listCollections().toArray()) {
        // The audit's chain has no entry less, ever; a worker would refuse to continue it.
        if (/^(users|migrations|leases|receivables_ledger|audit_.*)$|^system\./.test(name)) continue;
        await db.collection(name).deleteMany({});
      }
      const nothing = { imports: [], heads: {}, markMonths: [], tail: [], hold: null };
      await db.collection('receivables_ledger').updateMany({}, { $set: nothing, $inc: { version: 1 } });
    },
  };
}

/** What the API says of itself; in production only to an administrator. */
async function openApiOf(base: string): Promise<OpenApi> {
  const open = await fetch(`${base}/docs/json`);
  if (open.status === 200) return (await open.json()) as OpenApi;
  const signedIn = await fetch(`${base}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@example.com', password }),
  });
  const { token } = (await signedIn.json()) as { token: string };
  const answer = await fetch(`${base}/docs/json`, { headers: { authorization: `Bearer ${token}` } });
  return (await answer.json()) as OpenApi;
}

/** The KPIs of a dashboard by their short names, with their exact figures in paise or counts. */
export function figuresOf(dashboard: Json) {
  const exact = (label: string) => {
    const kpi = dashboard.kpis.find((each: Json) => each.label === label);
    return kpi.amount === undefined ? kpi.count : Math.round(kpi.amount * 100);
  };
  return {
    total: exact('Total Outstanding'),
    recovered: exact('Recovered Amount'),
    new: exact('New Outstanding'),
    invoices: exact('Total Invoices'),
    disputed: exact('Disputed Invoices'),
    customers: exact('Total Customers'),
  };
}

/** The card with that label. */
export const kpi = (dashboard: Json, label: string) =>
  dashboard.kpis.find((each: Json) => each.label === label);
