import { connect } from 'node:net';
import type { FastifyPluginAsync } from 'fastify';
import t from 'tap';
import { createSystemApp } from '../src/http/app.ts';
import {
  bearer,
  bodyOf,
  buildModule,
  buildUser,
  listen,
  openPlatform,
  postJson,
  signIn,
} from './http-support.ts';

const { platform, users, logLines } = await openPlatform(t);
const { base, port } = await listen(t, platform);
const { email } = await users.upsertUser(await buildUser());
const headers = bearer(await signIn(base, email));

/** Sends raw bytes and gives back everything that is answered. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

t.test('37. in a body nothing is made text or number; the answer names the field', async (t) => {
  for (const wrong of [{ $ne: null }, ['a'], 1, null, true]) {
    const answer = await postJson(`${base}/api/things`, { text: wrong }, headers);
    t.equal(answer.status, 400, JSON.stringify(wrong));
    t.match(await bodyOf(answer), { code: 'INVALID_REQUEST', field: 'text', in: 'body' });
  }
  t.equal((await postJson(`${base}/api/things`, { text: 'a', amount: '5' }, headers)).status, 400);
  t.same(await bodyOf(await postJson(`${base}/api/things`, { text: 'a', amount: 5 }, headers)), {
    got: { text: 'a', amount: 5 },
  });
});

t.test('37. in an address numbers and booleans are read, and nothing else is bent', async (t) => {
  const get = (path: string) => fetch(`${base}/api/things/${path}`, { headers });
  t.match(await bodyOf(await get('7?page=2&all=true&search=12')), {
    id: 7,
    page: 2,
    all: true,
    search: '12',
  });
  for (const path of [
    'x',
    '7?page=',
    '7?page=1e3',
    '7?page=1&page=2',
    '7?all=1',
    '7?search=a&search=b',
    '1.5',
  ]) {
    const answer = await get(path);
    t.equal(answer.status, 400, path);
    t.match(await bodyOf(answer), { code: 'INVALID_REQUEST' }, path);
  }
  t.match(
    await bodyOf(await get('7?size=huge')),
    { field: 'size', error: '"size" in the query is not one of large, small.' },
    'the answer names the choices',
  );
  for (const nested of ['search[$ne]=x', 'search[]=x', 'search%5B%5D=x&search=y', 'page[]=1']) {
    const answer = await get(`7?${nested}`);
    t.equal(answer.status, 400, nested);
    t.match(await bodyOf(answer), { code: 'INVALID_REQUEST', field: /^(search|page)$/ }, nested);
  }
  t.equal((await get('7?other[]=x&constructor[]=1')).status, 200, 'what is not known stays unread');
});

t.test('38. an unknown property is 400 where the schema is closed', async (t) => {
  const answer = await postJson(`${base}/api/things`, { text: 'a', role: 'Admin' }, headers);
  t.equal(answer.status, 400);
  t.match(await bodyOf(answer), { code: 'INVALID_REQUEST', field: 'role' });
  const proto = await postJson(`${base}/api/things`, '{"text":"a","__proto__":{"role":"Admin"}}', headers);
  t.equal(proto.status, 400);
  t.match(await bodyOf(proto), { code: 'INVALID_REQUEST' });
});

t.test('40. a route without a permission, or with an unknown one, stops the boot', async (t) => {
  const withRoute = (config: object | undefined) =>
    createSystemApp(
      platform,
      buildModule({
        routes: (): FastifyPluginAsync => async (app) => {
          app.get('/open', config === undefined ? {} : { config }, async () => 'x');
        },
      }),
      { passwordCost: 4 },
    ).then((app) => app.close());
  await t.rejects(withRoute(undefined), { message: /GET \/api\/open says neither/ });
  await t.rejects(withRoute({}), { message: /says neither/ });
  await t.rejects(withRoute({ public: false }), { message: /says neither/ });
  await t.rejects(withRoute({ permission: 'things:eat' }), { message: /things:eat/ });
  await t.rejects(withRoute({ permission: 'toString' }), { message: /toString/ });
  await t.rejects(withRoute({ permission: 'things:read', public: true }), { message: /both/ });
  await t.resolves(withRoute({ public: true }));
});

t.test('40. role × route equals the permission table', async (t) => {
  const table = buildModule().permissions;
  const calls: Record<string, (h: Record<string, string>) => Promise<Response>> = {
    'things:read': (h) => fetch(`${base}/api/things/1`, { headers: h }),
    'things:write': (h) => postJson(`${base}/api/things`, { text: 'a' }, h),
  };
  for (const role of ['Manager', 'Engineer', 'Invented']) {
    const memberships = { receivables: { role, region: null, department: null } };
    const user = await users.upsertUser(await buildUser({ memberships }));
    const signed = bearer(await signIn(base, user.email));
    for (const [permission, call] of Object.entries(calls)) {
      const expected = table[permission]?.includes(role) ? 200 : 403;
      t.equal((await call(signed)).status, expected, `${role} ${permission}`);
      t.equal((await call({})).status, 401, `nobody ${permission}`);
    }
  }
});

t.test('41. a listed origin gets CORS headers; an unlisted or null one none', async (t) => {
  const ask = (origin: string, method = 'GET') =>
    fetch(`${base}/api/auth/me`, { method, headers: { origin, 'access-control-request-method': 'PUT' } });
  const listed = await ask('http://localhost:9002');
  t.equal(listed.headers.get('access-control-allow-origin'), 'http://localhost:9002');
  const preflight = await ask('http://localhost:9002', 'OPTIONS');
  t.equal(preflight.status, 204);
  t.match(preflight.headers.get('access-control-allow-methods'), /PUT/);
  for (const origin of ['http://evil.example', 'null', 'http://localhost:9002.evil.example']) {
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await ask(origin, method);
      const names = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
      t.same(names, [], `${method} ${origin}`);
    }
  }
});

t.test('request ids: harmless ones are taken over, others replaced', async (t) => {
  const idFor = async (id: string) =>
    (await fetch(`${base}/health`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
  t.equal(await idFor('abc_DEF-123'), 'abc_DEF-123');
  for (const id of ['short', 'x'.repeat(65), 'has space in', '<script>alert', 'a.b.c.d.e.f']) {
    const given = await idFor(id);
    t.match(given, /^[A-Za-z0-9_-]{14,}$/);
    t.not(given, id);
  }
});

t.test('every error has the form, the code and the request id', async (t) => {
  const json = { 'content-type': 'application/json' };
  const post = (body: string, type = 'application/json') =>
    fetch(`${base}/api/things`, { method: 'POST', headers: { ...headers, 'content-type': type }, body });
  const cases: [string, Promise<Response>, number, string][] = [
    ['not found', fetch(`${base}/api/nowhere`), 404, 'NOT_FOUND'],
    ['outside the prefix', fetch(`${base}/nowhere`), 404, 'NOT_FOUND'],
    ['wrong method', fetch(`${base}/api/auth/login`), 405, 'METHOD_NOT_ALLOWED'],
    // Fastify would look for its content type first, and fail.
    ['a method of its own', fetch(`${base}/api/auth/me`, { method: 'QUERY' }), 405, 'METHOD_NOT_ALLOWED'],
    [
      'wrong method with a parameter',
      fetch(`${base}/api/things/9`, { method: 'DELETE' }),
      405,
      'METHOD_NOT_ALLOWED',
    ],
    ['bad JSON', post('{"text":'), 400, 'INVALID_REQUEST'],
    ['empty JSON', post(''), 400, 'INVALID_REQUEST'],
    ['no object', post('null'), 400, 'INVALID_REQUEST'],
    ['XML', post('<a/>', 'application/xml'), 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['2 MB', post(JSON.stringify({ text: 'x'.repeat(2_000_000) })), 413, 'BODY_TOO_LARGE'],
    ['bad escape', fetch(`${base}/api/%zz`, { headers: json }), 400, 'INVALID_REQUEST'],
    ['coded', fetch(`${base}/api/fails/coded`), 422, 'CONFIRMATION_NEEDED'],
    ['the database', fetch(`${base}/api/fails/mongo`), 500, 'INTERNAL'],
    ['a bug', fetch(`${base}/api/fails/bug`), 500, 'INTERNAL'],
  ];
  for (const [name, asked, status, code] of cases) {
    const answer = await asked;
    t.equal(answer.status, status, name);
    t.match(answer.headers.get('content-type'), /^application\/json/, name);
    const body = await bodyOf(answer);
    t.match(body, { code, error: String, requestId: answer.headers.get('x-request-id') ?? '' }, name);
    t.notMatch(JSON.stringify(body), /secret|E11000|FST_|stack/, name);
    if (code === 'CONFIRMATION_NEEDED') t.match(body, { error: 'Really?', seen: 3 });
    if (code === 'METHOD_NOT_ALLOWED') t.match(answer.headers.get('allow'), /POST|GET, HEAD/, name);
  }
  t.ok(
    logLines.some((line) => line.includes('secret-internal') && line.includes('"stack"')),
    'a fault of ours is in the log, in full',
  );
});

t.test('what the HTTP parser refuses has the form too', async (t) => {
  const broken = await raw('NONSENSE\r\n\r\n');
  t.match(broken, /^HTTP\/1\.1 400 Bad Request\r\n/);
  t.match(JSON.parse(broken.split('\r\n\r\n')[1] ?? ''), { code: 'INVALID_REQUEST', requestId: String });
  t.match(
    await raw(`GET / HTTP/1.1\r\nHost: x\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
});

t.test('a form: too many files, a prototype, a broken one, none', async (t) => {
  const send = (body: FormData | string, type?: string) =>
    fetch(`${base}/api/files`, {
      method: 'POST',
      headers: type === undefined ? headers : { ...headers, 'content-type': type },
      body,
    });
  const form = new FormData();
  form.append('file', new Blob(['x'.repeat(3_000_000)]), 'a.xlsx');
  t.same(
    await bodyOf(await send(form)),
    { bytes: 3_000_000 },
    'the limit of JSON bodies is not that of forms',
  );
  const large = new FormData();
  large.append('file', new Blob([Buffer.alloc(51 * 1024 * 1024)]), 'a.xlsx');
  const refused = await send(large);
  t.equal(refused.status, 413);
  t.match(await bodyOf(refused), { code: 'UPLOAD_TOO_LARGE' });
  const proto = '--b\r\ncontent-disposition: form-data; name="__proto__"\r\n\r\nx\r\n--b--\r\n';
  for (const [name, answer] of Object.entries({
    proto: await send(proto, 'multipart/form-data; boundary=b'),
    'no boundary': await send('x', 'multipart/form-data'),
    truncated: await send(
      '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
      'multipart/form-data; boundary=b',
    ),
    json: await send('{}', 'application/json'),
  })) {
    t.equal(answer.status, 400, name);
    t.match(await bodyOf(answer), { code: 'UPLOAD_MALFORMED' }, name);
  }
});

t.test('the OpenAPI document is 3.1, with security and errors on every route', async (t) => {
  const document = (await (await fetch(`${base}/docs/json`)).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { security?: unknown; responses: Record<string, unknown> }>>;
  };
  t.match(document.openapi, /^3\.1/);
  t.same(document.paths['/api/auth/login']?.post?.security, []);
  t.same(document.paths['/api/things/{id}']?.get?.security, [{ bearer: [] }]);
  for (const [path, operations] of Object.entries(document.paths)) {
    if (!path.startsWith('/api/')) continue;
    for (const { responses } of Object.values(operations)) t.ok(responses['4XX'] && responses['5XX'], path);
  }
  const page = await (await fetch(`${base}/docs/`)).text();
  t.match(page, /swagger-ui/);
  t.notMatch(page, /https?:\/\//, 'every asset comes from here');
  const { base: production } = await listen(t, {
    ...platform,
    config: { ...platform.config, NODE_ENV: 'production' },
  });
  t.equal((await fetch(`${production}/docs/json`)).status, 401);
});

t.test(
  '59. ready with everything up; with MongoDB or Redis down alive, but not ready and saying why',
  async (t) => {
    const up = await fetch(`${base}/ready`);
    t.equal(up.status, 200);
    t.same(await bodyOf(up), { status: 'ready', reasons: [] });

    // Port 9 (discard): nothing listens there.
    const downs = [
      { overrides: { mongoUri: 'mongodb://127.0.0.1:9' }, reason: /MongoDB/ },
      { overrides: { redisUrl: 'redis://127.0.0.1:9' }, reason: /Redis/ },
    ];
    for (const { overrides, reason } of downs) {
      const down = await openPlatform(t, overrides);
      const { base: at } = await listen(t, down.platform);
      t.equal((await fetch(`${at}/health`)).status, 200);
      const start = performance.now();
      const answer = await fetch(`${at}/ready`);
      t.ok(performance.now() - start < 5_000, 'within its limit, five-fold slack');
      t.equal(answer.status, 503);
      t.ok(answer.headers.has('retry-after'));
      const { reasons } = (await answer.json()) as { reasons: string[] };
      t.equal(reasons.length, 1);
      t.match(reasons[0], reason);
    }
    const down = await openPlatform(t, { mongoUri: 'mongodb://127.0.0.1:9' });
    const { base: at } = await listen(t, down.platform);
    const answer = await postJson(`${at}/api/auth/login`, { email, password: 'x' });
    t.equal(answer.status, 503);
    t.match(await bodyOf(answer), { code: 'NOT_READY' });
    t.ok(answer.headers.has('retry-after'));
  },
);

t.test('one log line per request, with its id and without the query', async (t) => {
  const id = 'find-this-one-again';
  await fetch(`${base}/api/things/5?search=canary-word`, { headers: { ...headers, 'x-request-id': id } });
  await fetch(`${base}/health`);
  const lines = logLines.map((line) => JSON.parse(line)).filter((line) => line.requestId === id);
  t.equal(lines.length, 1);
  t.match(lines[0], {
    method: 'GET',
    route: '/api/things/:id',
    status: 200,
    system: 'receivables',
    userId: String,
  });
  t.notMatch(logLines.join(''), /canary-word|Bearer|correct horse/);
});

t.test('60. in a restore everybody is told to wait, and nobody to sign in again', async (t) => {
  const holds = platform.db.collection<{ _id: string }>('maintenance');
  const reason = 'The system is being restored.';
  const hold = {
    token: 'x',
    kind: 'restore',
    scope: 'everything',
    reason,
    lasting: true,
    until: new Date(0),
  };
  await holds.replaceOne({ _id: 'hold' }, hold, { upsert: true });
  await platform.maintenance.look();
  t.teardown(async () => {
    await holds.deleteOne({ _id: 'hold' });
    await platform.maintenance.look();
  });
  // As good as one whose user is not there yet.
  const answer = await fetch(`${base}/api/auth/me`, { headers: { authorization: 'Bearer of.nobody.known' } });
  t.equal(answer.status, 503);
  t.ok(answer.headers.get('retry-after'));
  t.match(await answer.json(), { code: 'MAINTENANCE', error: reason });
  t.equal((await postJson(`${base}/api/auth/login`, { email: 'a@example.com', password: 'x' })).status, 503);
});
