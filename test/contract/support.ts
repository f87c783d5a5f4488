import { createPasswords, createUserRepository } from '@backoffice/platform';
import { receivables } from '@backoffice/receivables';
import type { Test } from 'tap';
import type { TestPlatform } from '../harness/processes.ts';
import { type Answer, type Json, type Processes, serveSystem } from '../harness/served.ts';
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

export type { Answer, Json } from '../harness/served.ts';

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

/** The product as it runs, with users of every role. Every answer is held against its documentation. */
export async function startSystem(
  t: Test,
  options: {
    env?: NodeJS.ProcessEnv;
    /** Started in the place of the real programs, for a clock of the test's own. */
    processes?: Processes;
  } = {},
) {
  const ids = {} as Record<Who, string>;
  const served = await serveSystem(t, {
    ...options,
    module: receivables,
    prepare: (platform) => makeCast(platform, ids),
    isWholeError: ({ error, code, requestId }) =>
      [error, code, requestId].every((each) => typeof each === 'string' && each !== ''),
    docsToken,
  });
  const { platform, send } = served;
  const users = createUserRepository(platform.db);
  const tokens = {} as Record<Who, string>;

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
    ...served,
    ...{ users, ids, tokens, call, get, put, signIn, upload, take },

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

/** Makes everybody of the cast, and notes their ids. */
async function makeCast(platform: TestPlatform, ids: Record<Who, string>): Promise<void> {
  const users = createUserRepository(platform.db);
  const passwordHash = await createPasswords(4).hash(password);
  for (const [who, { role, region, name }] of Object.entries(cast) as [Who, (typeof cast)[Who]][]) {
    const memberships = { receivables: { role, region, department: null } };
    const email = `${who.toLowerCase()}@example.com`;
    const user = await users.upsertUser({ name, email, passwordHash, contact: '98200 00000', memberships });
    ids[who] = user._id.toHexString();
    if (who === 'disabled') await users.updateStatus(user._id, 'disabled');
  }
}

async function docsToken(base: string): Promise<string> {
  const signedIn = await fetch(`${base}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@example.com', password }),
  });
  return ((await signedIn.json()) as { token: string }).token;
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
