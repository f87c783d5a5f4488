import { createHmac } from 'node:crypto';
import t from 'tap';
import { createPasswords } from '../src/auth/passwords.ts';
import {
  bearer,
  bodyOf,
  buildModule,
  buildUser,
  jwtSecret,
  listen,
  openPlatform,
  password,
  postJson,
  signIn,
} from './http-support.ts';

const { platform, users, db } = await openPlatform(t);
const { base } = await listen(t, platform);
const me = (headers: Record<string, string>) => fetch(`${base}/api/auth/me`, { headers });

/** A token made by hand, so that every part of it can be wrong. */
function forge(claims: object, { alg = 'HS256', key = jwtSecret } = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`;
  if (alg === 'none') return `${signed}.`;
  const hash = alg === 'HS512' ? 'sha512' : 'sha256';
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}

t.test('signing in answers the token and the documented user; e-mail in any case', async (t) => {
  const user = await users.upsertUser(await buildUser());
  const answer = await postJson(`${base}/api/auth/login`, {
    email: user.email.toUpperCase(),
    password,
    financialYear: '2025-2026',
  });
  t.equal(answer.status, 200);
  const { token, user: shown } = (await answer.json()) as { token: string; user: object };
  t.same(shown, {
    id: user._id.toHexString(),
    name: 'Asha Rao',
    role: 'Manager',
    department: null,
    email: user.email,
    region: 'pune',
    contact: '98200 00000',
  });
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  t.same(Object.keys(claims).sort(), ['aud', 'exp', 'iat', 'iss', 'role', 'sub', 'tv']);
  t.equal(claims.exp - claims.iat, 8 * 3600);
  t.same(await bodyOf(await me(bearer(token))), shown);
  t.ok((await users.findByEmail(user.email))?.lastLoginAt instanceof Date);
});

t.test('30. every token that is not ours, or not any more, is 401 with one and the same body', async (t) => {
  const user = await users.upsertUser(await buildUser());
  const now = Math.floor(Date.now() / 1000);
  const good = {
    sub: user._id.toHexString(),
    role: 'Manager',
    tv: user.tokenVersion,
    iss: 'backoffice',
    aud: 'receivables',
    iat: now,
    exp: now + 600,
  };
  const without = (claim: string) =>
    Object.fromEntries(Object.entries(good).filter(([name]) => name !== claim));
  t.equal(
    (await me(bearer(forge(good)))).status,
    200,
    'the forged token is good when nothing is wrong with it',
  );

  const cases: Record<string, Record<string, string>> = {
    'no header': {},
    'alg none': bearer(forge(good, { alg: 'none' })),
    'another key': bearer(forge(good, { key: 'another key that is long enough too' })),
    HS512: bearer(forge(good, { alg: 'HS512' })),
    'no exp': bearer(forge(without('exp'))),
    expired: bearer(forge({ ...good, iat: now - 900, exp: now - 300 })),
    'wrong issuer': bearer(forge({ ...good, iss: 'somebody' })),
    'no issuer': bearer(forge(without('iss'))),
    'wrong audience': bearer(forge({ ...good, aud: 'orders' })),
    'no audience': bearer(forge(without('aud'))),
    'no subject': bearer(forge(without('sub'))),
    'subject is no id': bearer(forge({ ...good, sub: 'nobody' })),
    'unknown subject': bearer(forge({ ...good, sub: '0123456789abcdef01234567' })),
    'older version': bearer(forge({ ...good, tv: user.tokenVersion - 1 })),
    'no version': bearer(forge(without('tv'))),
    garbage: bearer('garbage'),
    'three dots': bearer('a.b.c'),
    basic: { authorization: 'Basic dXNlcjpwYXNz' },
    'bare token': { authorization: forge(good) },
    'two tokens': { authorization: `Bearer ${forge(good)} x` },
    'nothing after Bearer': { authorization: 'Bearer ' },
  };
  for (const [name, headers] of Object.entries(cases)) {
    const answer = await me(headers);
    t.equal(answer.status, 401, name);
    const { requestId, ...body } = await bodyOf(answer);
    t.same(body, { error: 'Please sign in.', code: 'UNAUTHENTICATED' }, name);
    t.equal(requestId, answer.headers.get('x-request-id'), name);
  }
});

t.test('31. the bare token is taken only where the module says so', async (t) => {
  const { base: bare } = await listen(t, platform, buildModule({ authorization: 'bearer-or-bare' }));
  const user = await users.upsertUser(await buildUser());
  const token = await signIn(bare, user.email);
  t.equal((await fetch(`${bare}/api/auth/me`, { headers: { authorization: token } })).status, 200);
  t.equal((await fetch(`${bare}/api/auth/me`, { headers: { authorization: 'Basic x' } })).status, 401);
});

t.test('33. a changed role or region acts on the next request', async (t) => {
  const user = await users.upsertUser(await buildUser());
  const headers = bearer(await signIn(base, user.email));
  t.equal((await postJson(`${base}/api/things`, { text: 'a' }, headers)).status, 200);
  await users.updateMembership(user._id, 'receivables', {
    role: 'Engineer',
    region: 'delhi',
    department: null,
  });
  t.match(await bodyOf(await me(headers)), { role: 'Engineer', region: 'delhi' });
  const refused = await postJson(`${base}/api/things`, { text: 'a' }, headers);
  t.equal(refused.status, 403);
  t.match(await bodyOf(refused), { code: 'FORBIDDEN' });
});

t.test('33. a changed password, a disabled user, an ended membership end the token at once', async (t) => {
  const changes: Record<string, (user: { _id: never }) => Promise<unknown>> = {
    password: async ({ _id }) => users.updatePassword(_id, await createPasswords(4).hash('another one')),
    disabled: ({ _id }) => users.updateStatus(_id, 'disabled'),
    membership: ({ _id }) => users.updateMembership(_id, 'receivables', null),
    removed: ({ _id }) => db.collection('users').deleteOne({ _id }),
  };
  for (const [name, change] of Object.entries(changes)) {
    const user = await users.upsertUser(await buildUser());
    const headers = bearer(await signIn(base, user.email));
    t.equal((await me(headers)).status, 200, name);
    await change(user as never);
    t.equal((await me(headers)).status, 401, name);
  }
});

t.test('35. unknown e-mail, wrong password, disabled and stranger: same status, body and time', async (t) => {
  // The real cost, so that a comparison left out would show in the time.
  const { createSystemApp } = await import('../src/http/app.ts');
  const app = await createSystemApp(platform, buildModule(), { passwordCost: 10 });
  t.teardown(() => app.close());
  const at = await app.listen({ port: 0, host: '127.0.0.1' });
  const passwordHash = await createPasswords(10).hash(password);
  const known = await users.upsertUser(await buildUser({ passwordHash }));
  const disabled = await users.upsertUser(await buildUser({ passwordHash }));
  await users.updateStatus(disabled._id, 'disabled');
  const stranger = await users.upsertUser(await buildUser({ passwordHash, memberships: {} }));

  const cases: Record<string, { email: string; password: string }> = {
    unknown: { email: 'nobody@example.com', password },
    wrong: { email: known.email, password: 'wrong' },
    disabled: { email: disabled.email, password },
    stranger: { email: stranger.email, password },
  };
  const median: Record<string, number> = {};
  for (const [name, body] of Object.entries(cases)) {
    const times: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const start = performance.now();
      const answer = await postJson(`${at}/api/auth/login`, body);
      times.push(performance.now() - start);
      t.equal(answer.status, 401, name);
      const { requestId, ...rest } = await bodyOf(answer);
      t.type(requestId, 'string');
      t.same(rest, { error: 'Invalid email or password.', code: 'INVALID_CREDENTIALS' }, name);
    }
    median[name] = times.sort((a, b) => a - b)[2] ?? 0;
  }
  const all = Object.values(median);
  t.ok(Math.max(...all) < 3 * Math.min(...all), `alike: ${JSON.stringify(median)}`);
});

t.test('36. a password over 72 bytes is 400, for signing in and for setting', async (t) => {
  const user = await users.upsertUser(
    await buildUser({ passwordHash: await createPasswords(4).hash('x'.repeat(72)) }),
  );
  t.type(await signIn(base, user.email, 'x'.repeat(72)), 'string');
  for (const long of ['x'.repeat(73), 'अ'.repeat(25)]) {
    const answer = await postJson(`${base}/api/auth/login`, { email: user.email, password: long });
    t.equal(answer.status, 400);
    t.match(await bodyOf(answer), { code: 'INVALID_REQUEST', field: 'password' });
    await t.rejects(createPasswords(4).hash(long), { code: 'INVALID_REQUEST' });
  }
});

t.test('37. no operator, array, number or null signs in', async (t) => {
  const user = await users.upsertUser(await buildUser());
  for (const wrong of [{ $ne: null }, { $gt: '' }, [user.email], [password], 1, null, true, '']) {
    for (const body of [
      { email: wrong, password },
      { email: user.email, password: wrong },
    ]) {
      const answer = await postJson(`${base}/api/auth/login`, body);
      t.equal(answer.status, 400, JSON.stringify(body));
      t.match(await bodyOf(answer), { code: 'INVALID_REQUEST' });
    }
  }
});
