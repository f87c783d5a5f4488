import { createPasswords, createUserRepository } from '@backoffice/platform';
import type { Test } from 'tap';
import type { TestPlatform } from '../../../../test/harness/processes.ts';
import { serveSystem } from '../../../../test/harness/served.ts';
import { personnel } from '../src/index.ts';
import type { OwnMembership } from '../src/people.ts';
import { createPersonnelRepository } from '../src/repository.ts';
import { makeDb } from './engine.ts';
import { type Answer, faultsOf, password } from './http.ts';

/** Who uses the running product: the administrator, one who reaches every db, one who reaches db `a`. */
export const cast = {
  admin: { armyNumber: 'ADMIN-001', role: 'admin' },
  everywhere: { armyNumber: 'EVERY-001', role: 'user', accessAllDb: true },
  limited: { armyNumber: 'LIMIT-001', role: 'user' },
  /** Nobody signs in as these. */
  other: { armyNumber: 'OTHER-001', role: 'user' },
  another: { armyNumber: 'OTHER-002', role: 'user' },
} as const;
export type Who = keyof typeof cast;

const codes = ['a', 'b', 'c', 'd'] as const;
export type Served = Awaited<ReturnType<typeof startServed>>;

/** The API and the worker as they run, as processes of their own, with four dbs and somebody of every reach. */
export async function startServed(t: Test, { env = {} }: { env?: NodeJS.ProcessEnv } = {}) {
  const ids = {} as Record<Who, string>;
  const dbs = {} as Record<(typeof codes)[number], string>;
  const served = await serveSystem(t, {
    module: personnel,
    env,
    async prepare(platform) {
      const repository = createPersonnelRepository(platform);
      for (const code of codes) dbs[code] = await makeDb(repository, code.toUpperCase());
      await makeCast(platform, dbs.a, ids);
    },
    isWholeError: (body, status) => status < 500 && faultsOf(status, body).length === 0,
  });
  const { send } = served;
  const tokens = {} as Record<Who, string>;
  const bearer = (who: Who | null): Record<string, string> =>
    who === null ? {} : { authorization: `Bearer ${tokens[who]}` };

  function call(
    who: Who | null,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const typed = body === undefined ? {} : { 'content-type': 'application/json' };
    return send(method, path, {
      headers: { ...bearer(who), ...typed, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Signs in; the token counts for the calls that follow. */
  async function signIn(who: Who): Promise<Answer> {
    const body = { army_number: cast[who].armyNumber, password };
    const answer = await call(null, 'POST', '/auth/login', body);
    if (answer.status === 200) tokens[who] = answer.body.data.token;
    return answer;
  }

  /** A workbook into a db; `fields` go into the form. */
  function upload(
    who: Who,
    file: Uint8Array,
    fields: Record<string, string>,
    { fileName = 'people.xlsx', headers = {} as Record<string, string> } = {},
  ): Promise<Answer> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([new Uint8Array(file)]), fileName);
    return send('POST', '/personnels/upload', { headers: { ...bearer(who), ...headers }, body: form });
  }

  for (const who of ['admin', 'everywhere', 'limited'] as const) await signIn(who);
  return { ...served, ids, dbs, tokens, call, signIn, upload };
}

async function makeCast(platform: TestPlatform, db: string, ids: Record<Who, string>): Promise<void> {
  const users = createUserRepository(platform.db);
  const passwordHash = await createPasswords(4).hash(password);
  for (const [who, { armyNumber, ...given }] of Object.entries(cast) as [Who, (typeof cast)[Who]][]) {
    const membership: OwnMembership = {
      ...{ firstName: 'First', lastName: who, allowedDbs: [db], accessAllDb: false, isGenerated: true },
      ...given,
    };
    const facts = { name: `First ${who}`, email: null, armyNumber, passwordHash, contact: '' };
    const user = await users.upsertUser({ ...facts, memberships: { personnel: membership } });
    ids[who] = user._id.toHexString();
  }
}
