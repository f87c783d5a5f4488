import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { type Json, person, startSystem } from './http.ts';

const system = await startSystem(t);
const { call, send, admin, base } = system;
const nobody = '0123456789abcdef01234567';
t.setTimeout(300_000);

const auth = { authorization: `Bearer ${admin}` };
const ofOperators = ['/health', '/ready', '/metrics'];
const routes = system.documentation.routes.filter(({ path }) => !ofOperators.includes(path));
const withBody = routes.filter(({ method, path }) => {
  const operation: Json = system.openApi.paths[path]![method.toLowerCase()];
  return operation.requestBody !== undefined;
});
const at = (path: string, id = nobody) => path.replace(/\{[^}]+\}/g, id);
const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

t.test('the contract’s calls with a body are all here', (t) => {
  t.ok(withBody.length >= 12, withBody.map(nameOf).join());
  t.end();
});

t.test('37. bodies of another kind are 400 with a text and what is wrong, at every call', async (t) => {
  for (const route of withBody) {
    const url = at(route.path);
    for (const body of [
      null,
      [],
      [null],
      [{}],
      'text',
      5,
      true,
      '',
      { $where: '1' },
      Array.from({ length: 3 }, () => []),
    ]) {
      const { status, body: said } = await call(admin, route.method, url, body);
      const fine = route.path.endsWith('/{userId}') || route.method === 'PATCH' ? [400, 404] : [400];
      t.ok(
        fine.includes(status),
        `${nameOf(route)} ${JSON.stringify(body)}: ${status} ${JSON.stringify(said)}`,
      );
      if (status === 400 && said.code === 'INVALID_REQUEST') {
        t.match(
          said,
          { message: /\w+/, data: {}, errors: [{ field: String, code: String, message: String }] },
          nameOf(route),
        );
      }
    }
  }
});

t.test('a body that is missing, broken, or of another type', async (t) => {
  for (const route of withBody) {
    const url = at(route.path);
    const as = (type: string | null, body?: string) =>
      send(route.method, url, {
        headers: { ...auth, ...(type === null ? {} : { 'content-type': type }) },
        ...(body === undefined ? {} : { body: Buffer.from(body) }),
      });
    t.equal((await as(null)).status, 400, `${nameOf(route)} without a body`);
    t.equal((await as('application/json')).status, 400, `${nameOf(route)} with a type alone`);
    for (const broken of [
      '{',
      '{"a":}',
      '{"a":1}x',
      '\u0000',
      '{"__proto__":{"a":1}}',
      '[1,]',
      'NaN',
      `{"a":"\ud800`,
    ]) {
      const answer = await as('application/json', broken);
      t.match(answer, { status: 400, body: { code: 'INVALID_REQUEST' } }, `${nameOf(route)} ${broken}`);
    }
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'nonsense',
      'application/json-patch+json',
    ]) {
      const answer = await as(type, 'a=1');
      t.match(
        answer,
        { status: 415, body: { statusCode: 415, message: String, data: {} } },
        `${nameOf(route)} ${type}`,
      );
    }
    t.equal(
      (
        await send(route.method, url, {
          headers: { ...auth, 'content-type': 'application/json', 'content-encoding': 'gzip' },
          body: '{}',
        })
      ).status,
      415,
    );
    const deep = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
    t.ok((await as('application/json', deep)).status < 500, 'nested deeply');
  }
});

t.test('80 MB are 413 at every call', async (t) => {
  const { hostname, port } = new URL(base);
  const piece = Buffer.alloc(1024 * 1024, 'a');
  for (const route of withBody) {
    const socket = connect(Number(port), hostname);
    let said = '';
    socket.on('data', (bytes) => {
      said += bytes;
    });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const chunked = route === withBody[0];
    const size = 80 * 1024 * 1024;
    socket.write(
      `${route.method} ${at(route.path)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\nContent-Type: application/json\r\n` +
        (chunked ? 'Transfer-Encoding: chunked\r\n\r\n' : `Content-Length: ${size}\r\n\r\n`),
    );
    for (let sent = 0; sent < size && said === '' && !socket.destroyed; sent += piece.length) {
      const bytes = chunked
        ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
        : piece;
      if (!socket.write(bytes))
        await Promise.race([once(socket, 'drain'), once(socket, 'close'), once(socket, 'data')]).catch(
          () => undefined,
        );
    }
    if (!said.includes('\r\n\r\n') && !socket.destroyed)
      await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    socket.destroy();
    t.match(said, /^HTTP\/1\.1 413 /, nameOf(route));
    t.match(said, /"statusCode":413/);
  }
  t.equal((await call(admin, 'GET', '/admin/dbs')).status, 200, 'it goes on');
});

t.test('queries of another kind are never a fault of ours', async (t) => {
  const db = await system.db();
  await system.record(db);
  const reading = routes.filter(({ method }) => method === 'GET');
  const values = [
    'abc',
    '10^20',
    '[',
    '(',
    '\\',
    '%00',
    '',
    '-1',
    '99999999999999999999999999',
    '%F0%9F%98%80',
    '{"$gt":""}',
    'null',
    'retired',
    '%ED%A0%80',
    'a'.repeat(300),
  ];
  for (const route of reading) {
    const operation: Json = system.openApi.paths[route.path]![route.method.toLowerCase()];
    const names: string[] = (operation.parameters ?? [])
      .filter((each: Json) => each.in === 'query')
      .map((each: Json) => each.name);
    for (const id of [db, nobody, 'nonsense']) {
      for (const name of [...names, 'unknown']) {
        for (const value of values) {
          const { status } = await call(admin, 'GET', `${at(route.path, id)}?${name}=${value}`);
          t.ok(status < 500, `${nameOf(route)}?${name}=${value}: ${status}`);
        }
        for (const query of [`${name}[]=1`, `${name}[$ne]=1`, `${name}=1&${name}=2`]) {
          const { status } = await call(admin, 'GET', `${at(route.path, id)}?${query}`);
          t.ok(status < 500 && (name === 'unknown' || status >= 400), `${nameOf(route)}?${query}: ${status}`);
        }
      }
    }
  }
});

t.test('ids of another kind are never a fault of ours', async (t) => {
  for (const route of routes.filter(({ path }) => path.includes('{'))) {
    for (const id of [
      '%00',
      '..%2f..',
      '%24where',
      '[object Object]',
      'null',
      'undefined',
      '-1',
      '%F0%9F%98%80',
      '%ED%A0%80',
      '%',
      'a'.repeat(100),
      'a'.repeat(5_000),
      `${nobody}%20`,
    ]) {
      const body = withBody.includes(route) ? {} : undefined;
      const { status } = await call(admin, route.method, at(route.path, id), body);
      t.ok(status < 500, `${nameOf(route)} ${id.slice(0, 30)}: ${status}`);
    }
  }
});

t.test('an unknown address is 404, a method that it does not take 405, both in this shape', async (t) => {
  for (const path of [
    '/',
    '/nope',
    '/auth',
    '/auth/me',
    '/admin',
    '/personnels/a/b/c',
    '/analytics',
    '/api/personnels',
    '/PERSONNELS/',
    '/personnels//',
  ]) {
    const answer = await call(admin, 'GET', path);
    t.match(
      answer,
      { status: 404, body: { statusCode: 404, message: String, code: 'NOT_FOUND', data: {} } },
      path,
    );
    t.equal((await call(null, 'GET', path)).status, 404, `${path} without a token`);
  }
  for (const [method, path, allow] of [
    ['GET', '/auth/login', 'OPTIONS, POST'],
    ['PUT', '/personnels/', 'GET, HEAD, OPTIONS, POST'],
    ['PUT', `/personnels/${nobody}`, 'DELETE, GET, HEAD, OPTIONS, PATCH'],
    ['DELETE', '/admin/dbs', 'GET, HEAD, OPTIONS, POST'],
    ['POST', '/analytics/dashboard', 'GET, HEAD, OPTIONS'],
  ] as const) {
    const answer = await call(admin, method, path);
    t.match(
      answer,
      { status: 405, body: { statusCode: 405, message: String, code: 'METHOD_NOT_ALLOWED', data: {} } },
      `${method} ${path}`,
    );
    t.same(answer.headers.get('allow')?.split(', ').sort().join(', '), allow);
  }
});

t.test(
  'what an existing front-end does: the type of JSON on every request, fields of its own in every body',
  async (t) => {
    const json = { 'content-type': 'application/json' };
    const db_id = await system.db();
    const id = await system.record(db_id);
    t.equal((await call(admin, 'GET', `/personnels/${id}`, undefined, json)).status, 200);
    t.equal((await call(admin, 'DELETE', `/personnels/${id}`, undefined, json)).status, 200);
    t.equal((await call(admin, 'DELETE', `/admin/dbs/${db_id}`, undefined, json)).status, 200);
    const other = await system.db();
    const more = { key: 1, tableData: { id: 0 }, selected: true, $set: { role: 'admin' } };
    t.equal((await call(admin, 'POST', '/personnels/', person({ db_id: other, ...more }))).status, 201);
    t.equal(
      (
        await call(admin, 'POST', '/personnels/', person({ db_id: other, army_number: 'Z' }), {
          'content-type': 'application/json; charset=utf-8',
        })
      ).status,
      201,
    );
  },
);

t.test('43. what operators see is for administrators', async (t) => {
  await system.addUser('OPS-1', { accessAllDb: true });
  const user = await system.signIn('OPS-1');
  for (const path of ['/metrics', '/admin/queues']) {
    for (const headers of [{}, { authorization: `Bearer ${user}` }]) {
      const answer = await fetch(`${base}${path}`, { headers, redirect: 'manual' });
      t.ok([302, 303, 401, 403, 404].includes(answer.status), `${path}: ${answer.status}`);
      t.notMatch(await answer.text(), /process_cpu|Bull/);
    }
  }
  t.equal((await fetch(`${base}/metrics`, { headers: auth })).status, 200);
  t.equal((await fetch(`${base}/health`)).status, 200);
});

t.test('41. an origin that is not listed gets no CORS headers', async (t) => {
  for (const origin of ['https://evil.example', 'null']) {
    const answer = await fetch(`${base}/personnels/`, { headers: { ...auth, origin } });
    t.equal(answer.headers.get('access-control-allow-origin'), null);
  }
});
