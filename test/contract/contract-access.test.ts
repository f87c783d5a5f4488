import { createHmac } from 'node:crypto';
import { createPasswords } from '@backoffice/platform';
import t from 'tap';
import { running, statement, wire } from './sheets.ts';
import { figuresOf, type Json, password, startSystem, type Who } from './support.ts';

const system = await startSystem(t);
const { call, get, put, take, signIn, ids, tokens, users } = system;
t.setTimeout(180_000);

const byRole: Record<string, Who> = {
  ...{ Admin: 'admin', 'Country Manager': 'country' },
  ...{ Manager: 'mumbaiManager', Engineer: 'mumbaiEngineer' },
};

const regions = ['mumbai', 'delhi', 'pune'];
t.test('a statement of three regions, for what follows', async () => {
  await take(running, [
    ...regions.map((region) => ({ code: `${region}-1`, region, number: `${region}/1`, amount: 100 })),
    { code: 'mumbai-2', region: 'mumbai', number: 'mumbai/2', amount: 40 },
  ]);
});

t.test('27, 39. managers and engineers: their region in every list, total and export', async (t) => {
  for (const who of ['mumbaiManager', 'mumbaiEngineer'] as const) {
    const dashboard = await get(who, '/dashboard');
    t.match(figuresOf(dashboard), { total: 140_00, invoices: 2, customers: 2 });
    const own = [dashboard.outstandingByAge, dashboard.regionDistribution].flat();
    t.same([...new Set(own.map((row: Json) => row.region))], ['mumbai']);
    for (const row of dashboard.monthlyTrends) t.same(Object.keys(row).sort(), ['month', 'mumbai']);
    const [tracker] = await get(who, '/invoice-tracker');
    t.match(tracker, { currentMonthInvoices: 2, currentMonthAmount: 140 });
    const customers: Json[] = await get(who, '/customers');
    t.same(customers.map((each) => each.customerCode).sort(), ['mumbai-1', 'mumbai-2']);
    for (const region of ['delhi', 'pune']) {
      t.same(figuresOf(await get(who, '/dashboard', { region })).total, 0, 'another region is empty');
      t.same(await get(who, '/customers', { region }), []);
      t.same(await get(who, '/invoice-tracker', { region }), []);
      t.match(await get(who, '/dashboard/explain', { region, figure: 'total' }), {
        value: 0,
        count: 0,
        lines: [],
      });
    }
    const explained = await get(who, '/dashboard/explain', { figure: 'total' });
    t.equal(explained.value, 140);
    t.same([...new Set(explained.lines.map((line: Json) => line.region))], ['mumbai']);
  }
  for (const who of ['admin', 'country'] as const) {
    t.match(figuresOf(await get(who, '/dashboard')), { total: 340_00, customers: 4 });
  }
  t.match(figuresOf(await get('noRegion', '/dashboard')), { total: 0, customers: 0 });
  t.same(await get('noRegion', '/customers'), []);
});

t.test('27, 39. an object of another region is 404, by code and by id, to read and to change', async (t) => {
  const all: Json[] = await get('country', '/customers');
  const delhi = all.find((each) => each.customerCode === 'delhi-1');
  for (const who of ['mumbaiManager', 'noRegion'] as const) {
    for (const reference of ['delhi-1', delhi.id]) {
      const answers = [
        await call(who, 'GET', `/customers/${reference}/history`),
        await put(who, `/customers/${reference}/remark`, { newRemark: 'dispute' }),
        await put(who, `/customers/${reference}/notes`, { newNotes: 'x' }),
        await put(who, `/customers/${reference}/assign-engineer`, { engineerId: ids.delhiEngineer }),
        await put(who, `/customers/${reference}/invoices/delhi%2F1/dispute`, { newStatus: 'dispute' }),
      ];
      for (const answer of answers) t.match(answer, { status: 404, body: { code: 'NOT_FOUND' } });
    }
  }
  t.same(
    (await get<Json[]>('country', '/customers')).find((each) => each.customerCode === 'delhi-1'),
    delhi,
    'nothing was changed',
  );
});

t.test('27. an engineer changes only the customers that are assigned to that user', async (t) => {
  const change = (code: string) => put('mumbaiEngineer', `/customers/${code}/notes`, { newNotes: 'mine' });
  t.match(await change('mumbai-1'), { status: 403, body: { code: 'FORBIDDEN' } });
  await put('mumbaiManager', '/customers/mumbai-1/assign-engineer', { engineerId: ids.mumbaiEngineer });
  t.equal((await change('mumbai-1')).status, 200);
  t.equal((await change('mumbai-2')).status, 403);
  t.equal((await change('delhi-1')).status, 404, 'of another region: not found rather than forbidden');
  await put('mumbaiManager', '/customers/mumbai-1/assign-engineer', { engineerId: ids.mumbaiEngineer2 });
  t.equal((await change('mumbai-1')).status, 403, 'no longer');
});

t.test('27. /users is open to all members and holds no secrets', async (t) => {
  for (const who of Object.values(byRole)) {
    const team: Json[] = await get(who, '/users');
    t.equal(team.length, 9, 'active members');
    t.notMatch(JSON.stringify(team), /password|\$2[aby]\$|tokenVersion|_id/i);
  }
  const engineers: Json[] = await get('mumbaiEngineer', '/users', { role: 'Engineer', region: 'mumbai' });
  t.same(
    engineers.map(({ name }) => name),
    ['Eknath Engineer', 'Esha Engineer'],
  );
});

t.test('login: token and user; 401 and 400 with a text; the profile', async (t) => {
  const { status, body } = await signIn('mumbaiManager');
  t.equal(status, 200);
  t.match(body.user, {
    ...{ id: ids.mumbaiManager, name: 'Meera Manager', role: 'Manager', region: 'mumbai' },
    ...{ email: 'mumbaimanager@example.com', department: null },
  });
  const fields = ['id', 'name', 'role', 'department', 'email', 'region', 'contact'];
  t.same(Object.keys(body.user), fields, 'in the order of always');
  t.same(await get('mumbaiManager', '/auth/me'), body.user);
  const [, claims] = body.token.split('.').map((part: string) => Buffer.from(part, 'base64url').toString());
  const { exp, iat } = JSON.parse(claims);
  t.equal(exp - iat, 8 * 3600, 'a token lasts 8 hours');
  t.match(await signIn('mumbaiManager', 'wrong'), {
    status: 401,
    body: { error: 'Invalid email or password.' },
  });
  for (const bad of [{}, { email: 'a@example.com' }, { password }, null]) {
    const answer = await call(null, 'POST', '/auth/login', { body: bad });
    t.match(answer, { status: 400, body: { code: 'INVALID_REQUEST' } });
  }
});

t.test(
  '30. a token with another algorithm, key, issuer, audience, no exp, expired, garbage → 401, one body',
  async (t) => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const sign = (header: object, claims: object, key = system.env.JWT_SECRET!, hash = 'sha256') => {
      const text = `${encode(header)}.${encode(claims)}`;
      return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
    };
    const now = Math.floor(Date.now() / 1000);
    const good = JSON.parse(Buffer.from(tokens.admin.split('.')[1]!, 'base64url').toString());
    const header = { alg: 'HS256', typ: 'JWT' };
    const { exp: _exp, ...endless } = good;
    const as = (token: string) => call(null, 'GET', '/auth/me', { headers: { authorization: token } });
    t.equal((await as(`Bearer ${sign(header, good)}`)).status, 200, 'the forger’s tools work');
    const refused = [
      `Bearer ${encode({ alg: 'none', typ: 'JWT' })}.${encode(good)}.`,
      `Bearer ${sign(header, good, 'another key that is long enough for it')}`,
      `Bearer ${sign({ alg: 'HS512', typ: 'JWT' }, good, system.env.JWT_SECRET!, 'sha512')}`,
      ...[
        endless,
        { ...good, exp: now - 10 },
        { ...good, iss: 'x' },
        { ...good, aud: 'orders' },
        { ...good, tv: 99 },
      ].map((claims) => `Bearer ${sign(header, claims)}`),
      ...['Bearer garbage', 'Bearer', `Basic ${Buffer.from('a:b').toString('base64')}`, tokens.admin],
    ];
    for (const token of refused) {
      const answer = await as(token);
      t.match(
        answer,
        { status: 401, body: { code: 'UNAUTHENTICATED', error: 'Please sign in.' } },
        token.slice(0, 24),
      );
    }
  },
);

t.test('35. an unknown e-mail, a wrong password and a disabled user: one status and body', async (t) => {
  const sent = async (email: string, given: string) => {
    const { status, body } = await call(null, 'POST', '/auth/login', { body: { email, password: given } });
    const { requestId: _requestId, ...rest } = body;
    return { status, rest };
  };
  const wrong = await sent('admin@example.com', 'not it');
  t.same(await sent('nobody@example.com', 'not it'), wrong);
  t.same(await sent('disabled@example.com', password), wrong);
});

t.test(
  '36, 37, 38. long passwords, operators in the place of text, unknown properties → 400, nothing changed',
  async (t) => {
    const login = (body: unknown) => call(null, 'POST', '/auth/login', { body });
    t.equal(
      (await login({ email: 'admin@example.com', password: 'é'.repeat(37) })).status,
      400,
      'over 72 bytes',
    );
    for (const bad of [{ $ne: null }, ['a'], 5, null, true]) {
      t.equal((await login({ email: bad, password })).status, 400);
      t.equal((await login({ email: 'admin@example.com', password: bad })).status, 400);
      for (const path of ['remark', 'notes', 'assign-engineer', 'invoices/mumbai%2F1/dispute']) {
        const name =
          { remark: 'newRemark', notes: 'newNotes', 'assign-engineer': 'engineerId' }[path] ?? 'newStatus';
        t.equal(
          (await put('country', `/customers/mumbai-1/${path}`, { [name]: bad })).status,
          400,
          `${path} ${bad}`,
        );
      }
    }
    const before = await get('country', '/customers');
    t.equal(
      (await put('country', '/customers/mumbai-1/notes', { newNotes: 'x', role: 'Admin' })).status,
      400,
    );
    t.equal(
      (await put('country', '/customers/mumbai-1/remark', { newRemark: 'none', region: 'pune' })).status,
      400,
    );
    t.equal((await put('country', '/customers/mumbai-1/remark', { newRemark: 'Dispute' })).status, 400);
    for (const query of [
      'region[$ne]=x',
      'region=a&region=b',
      'department[]=Pump',
      'page=1;drop',
      'limit=0',
      'page=-1',
    ]) {
      t.equal((await call('country', 'GET', `/customers?${query}`)).status, 400, query);
    }
    t.same(await get('country', '/customers'), before);
  },
);

t.test(
  '33. a password, role or region changed, a user disabled → effective on the next request',
  async (t) => {
    const id = (await users.findByEmail('mumbaiengineer2@example.com'))!._id;
    const ask = () => call('mumbaiEngineer2', 'GET', '/customers');
    t.equal((await ask()).body.length, 2);
    await users.updateMembership(id, 'receivables', { role: 'Engineer', region: 'pune', department: null });
    t.same(
      (await ask()).body.map((each: Json) => each.region),
      ['pune'],
    );
    t.equal((await call('mumbaiEngineer2', 'GET', '/upload')).status, 403);
    await users.updateMembership(id, 'receivables', { role: 'Admin', region: null, department: null });
    t.equal((await call('mumbaiEngineer2', 'GET', '/upload')).status, 200);
    t.equal((await ask()).body.length, 4);
    await users.updatePassword(id, await createPasswords(4).hash('another password'));
    t.equal((await ask()).status, 401);
    tokens.mumbaiEngineer2 = (await signIn('mumbaiEngineer2', 'another password')).body.token;
    t.equal((await ask()).status, 200);
    await users.updateStatus(id, 'disabled');
    t.equal((await ask()).status, 401);
    await users.updateStatus(id, 'active');
    t.equal((await ask()).status, 401, 'the old token stays dead');
    await users.updateMembership(id, 'receivables', null);
    t.equal((await signIn('mumbaiEngineer2', 'another password')).status, 401);
  },
);

t.test('39. status, errors and undo of an import: office only; unknown ids are 404', async (t) => {
  const bytes = await statement(running, [{ code: 'X', region: 'nowhere', amount: 1 }]);
  const { body } = await system.upload(bytes, wire(running));
  for (const who of ['mumbaiManager', 'mumbaiEngineer', 'noRegion'] as const) {
    for (const path of [
      `/upload/${body.uploadId}/status`,
      `/upload/${body.uploadId}/errors.xlsx`,
      '/upload',
    ]) {
      t.equal((await call(who, 'GET', path)).status, 403, `${who} ${path}`);
    }
  }
  for (const id of ['x', '0123456789abcdef01234567', '..%2F..%2Fetc']) {
    t.equal((await call('admin', 'GET', `/upload/${id}/status`)).status, 404);
  }
});

t.test('41. an unlisted or null origin gets no CORS headers, a listed one does', async (t) => {
  const origins = ['http://localhost:9002', 'https://evil.example', 'null'];
  const answers = await Promise.all(
    origins.map((origin) => call('admin', 'GET', '/auth/me', { headers: { origin } })),
  );
  t.same(
    answers.map(({ headers }) => headers.get('access-control-allow-origin')),
    ['http://localhost:9002', null, null],
  );
});
