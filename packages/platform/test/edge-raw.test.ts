import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import t from 'tap';
import { acceptForms } from '../src/uploads/receive.ts';
import { buildModule, buildUser, listen, openPlatform, signIn } from './http-support.ts';
import { exchange, openSocket, parseAnswer } from './raw-http.ts';

const routes = (): FastifyPluginAsync => async (app) => {
  const config = { permission: 'things:read' };
  app.get('/me', { config }, async (request) => ({ name: request.member?.name, query: request.query }));
  app.get('/items/:id', { config }, async (request) => ({ id: (request.params as { id: string }).id }));
  app.post('/echo', { config }, async (request) => ({ got: request.body }));
  app.get('/slow', { config }, async () => delay(900, { slow: true }));
  app.get('/events', { config }, async (_request, reply) => {
    reply.type('text/event-stream').header('cache-control', 'no-store, no-transform');
    return reply.send(
      Readable.from(
        (async function* () {
          for (let nth = 0; nth < 8; nth += 1) {
            yield `data: ${nth}\n\n`;
            await delay(200);
          }
        })(),
      ),
    );
  });
  await acceptForms(app);
  app.post('/form', { config }, async (request) => {
    const part = await request.file();
    return { bytes: (await part?.toBuffer())?.length };
  });
};

const { platform, users } = await openPlatform(t);
const { port, base } = await listen(t, platform, buildModule({ routes }));
const { email } = await users.upsertUser(await buildUser());
const token = await signIn(base, email);
const authorization = `Authorization: Bearer ${token}`;

/** Lines of a request, which then asks for the connection to be closed. */
const send = (first: string, lines: string[] = [], body = '', host = 'Host: x') =>
  exchange(
    port,
    `${[first, ...(host ? [host] : []), 'Connection: close', ...lines].join('\r\n')}\r\n\r\n${body}`,
  );

function inShape(
  t: Parameters<typeof listen>[0],
  answer: ReturnType<typeof parseAnswer>,
  status: number,
  name: string,
) {
  t.equal(answer.status, status, name);
  t.match(answer.headers['content-type'], /^application\/json/, name);
  const body = JSON.parse(answer.body) as Record<string, unknown>;
  t.match(body, { error: String, code: /^[A-Z_]+$/, requestId: /^[\w-]{8,64}$/ }, name);
  t.notMatch(answer.body, /FST_|HPE_|node:|stack/, name);
}

t.test('junk for an address is refused in the shape, and never taken for something else', async (t) => {
  const cases: [string, number][] = [
    ['/%', 400],
    ['/api/%zz', 400],
    ['/api/items/%E0%A4%A', 400],
    ['/api/items/%', 400],
    ['//', 404],
    ['//evil.example/api/me', 404],
    ['/api//me', 404],
    ['/api/../api/me', 404],
    ['/api/me/', 404],
    ['/API/ME', 404],
    ['/api/me;x=1', 404],
    [`/${'x'.repeat(8_000)}`, 404],
    [`/api/items/${'x'.repeat(500)}`, 400],
    ['*', 404],
    ['/..%2f..%2fetc%2fpasswd', 404],
    ['/docs/static/..%2f..%2f..%2fpackage.json', 404],
    ['/docs/static/%2e%2e/%2e%2e/package.json', 404],
  ];
  for (const [path, status] of cases) {
    inShape(t, await send(`GET ${path} HTTP/1.1`, [authorization]), status, path.slice(0, 40));
  }
  for (const id of ['%00', '..', '%2e%2e', 'a%2fb', '%F0%9F%92%A9']) {
    const answer = await send(`GET /api/items/${id} HTTP/1.1`, [authorization]);
    t.equal(answer.status, 200, id);
    const body = JSON.parse(Buffer.from(answer.body, 'latin1').toString());
    t.same(body, { id: decodeURIComponent(id) }, 'a parameter, nothing more');
  }
  for (const path of [`/${'x'.repeat(20_000)}`, '/\x01', '/ä b']) {
    const answer = await send(`GET ${path} HTTP/1.1`, [authorization]);
    inShape(t, answer, path.length > 16_000 ? 431 : 400, path.slice(0, 10));
  }
});

t.test('the whole address in the first line, another Host, HTTP/1.0', async (t) => {
  const ok = (answer: { status: number; body: string }, name: string) => {
    t.equal(answer.status, 200, name);
    t.match(JSON.parse(answer.body), { name: 'Asha Rao' }, name);
  };
  ok(await send('GET http://other.example/api/me HTTP/1.1', [authorization]), 'absolute form');
  t.equal((await send('GET http://other.example/api/nowhere HTTP/1.1', [authorization])).status, 404);
  const refused = await send('PUT http://other.example/api/me HTTP/1.1', [authorization]);
  inShape(t, refused, 405, 'absolute form, wrong method');
  t.equal(refused.headers.allow, 'GET, HEAD, OPTIONS');
  const evil = await send('GET /api/me HTTP/1.1', [authorization], '', 'Host: evil.example"><script>');
  ok(evil, 'whatever Host says');
  t.notMatch(JSON.stringify(evil), /evil/, 'nothing of it comes back');
  const old = await send('GET /api/me HTTP/1.0', [authorization], '', '');
  ok(old, 'HTTP/1.0 without a Host');
  t.equal(old.headers['transfer-encoding'], undefined);
  inShape(t, await send('GET /api/me HTTP/1.1', [authorization], '', ''), 400, 'no Host');
  inShape(t, await send('GET /api/me HTTP/1.1', [authorization, 'Host: y']), 400, 'two of them');
  inShape(t, await send('GET /api/me HTTP/2.0', [authorization]), 400, 'HTTP/2.0 in text');
});

t.test('what two servers might read in two ways is refused', async (t) => {
  const json = [authorization, 'Content-Type: application/json'];
  const chunked = '5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n';
  const good = await send('POST /api/echo HTTP/1.1', [...json, 'Transfer-Encoding: chunked'], chunked);
  t.match(JSON.parse(good.body), { got: { a: 1 } }, 'chunked alone is fine');
  const cases: Record<string, [string[], string]> = {
    'length and chunks': [['Content-Length: 3', 'Transfer-Encoding: chunked'], chunked],
    'chunks and length': [['Transfer-Encoding: chunked', 'Content-Length: 3'], chunked],
    'two lengths': [['Content-Length: 2', 'Content-Length: 3'], '{} '],
    'one length twice': [['Content-Length: 2', 'Content-Length: 2'], '{}'],
    'no number': [['Content-Length: 2x'], '{}'],
    negative: [['Content-Length: -1'], '{}'],
    'gzip alone': [['Transfer-Encoding: gzip'], '{}'],
    'gzip, chunked': [['Transfer-Encoding: gzip, chunked'], chunked],
    'chunked, gzip': [['Transfer-Encoding: chunked, gzip'], chunked],
    'chunked twice': [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunked],
    'a broken chunk': [['Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n'],
    'a space before the colon': [['Content-Length : 2'], '{}'],
    'a folded line': [['X-A: 1', ' Content-Length: 2'], '{}'],
    'a bare line feed': [['X-A: 1\nContent-Length: 2'], '{}'],
    'two content types': [['Content-Type: text/plain', 'Content-Length: 2'], '{}'],
    'two authorizations': [['Authorization: Bearer x', 'Content-Length: 2'], '{}'],
  };
  for (const [name, [lines, body]] of Object.entries(cases)) {
    const answer = await send('POST /api/echo HTTP/1.1', [...json, ...lines], body);
    inShape(t, answer, 400, name);
  }
  const smuggled = `GET /api/me HTTP/1.1\r\nHost: x\r\n${authorization}\r\n\r\n`;
  const raw = openSocket(port);
  raw.socket.write(
    `POST /api/echo HTTP/1.1\r\nHost: x\r\n${json.join('\r\n')}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  );
  const all = await raw.closed;
  t.equal(all.match(/HTTP\/1\.1 /g)?.length, 1, 'the connection ends; what follows is not looked at');
});

t.test('Expect: 100-continue is answered; another expectation is 417 in the shape', async (t) => {
  const raw = openSocket(port);
  const lines = [`POST /api/echo HTTP/1.1`, 'Host: x', authorization, 'Content-Type: application/json'];
  raw.socket.write(
    `${[...lines, 'Content-Length: 7', 'Connection: close', 'Expect: 100-continue'].join('\r\n')}\r\n\r\n`,
  );
  while (!raw.received().includes('\r\n\r\n')) await once(raw.socket, 'data');
  t.match(raw.received(), /^HTTP\/1\.1 100 Continue/);
  raw.socket.write('{"a":1}');
  t.match(await raw.closed, /HTTP\/1\.1 200 OK[\s\S]*"got":\{"a":1\}/);
  const other = await send('POST /api/echo HTTP/1.1', [authorization, 'Expect: tea', 'Content-Length: 0']);
  inShape(t, other, 417, 'tea');
});

t.test('methods that are none, and what is no HTTP', async (t) => {
  inShape(t, await send('BREW /api/me HTTP/1.1', [authorization]), 400, 'BREW');
  inShape(t, await send('get /api/me HTTP/1.1', [authorization]), 400, 'small letters');
  inShape(t, await exchange(port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'), 400, 'TLS');
  const connect = await exchange(port, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n');
  t.not(connect.status, 200);
  const upgrade = await send('GET /api/me HTTP/1.1', [
    authorization,
    'Connection: Upgrade',
    'Upgrade: websocket',
  ]);
  t.equal(upgrade.status, 200, 'there is nothing to upgrade to');
});

/** Short limits, and somebody who stays under or goes beyond them. */
const times = { headers: 400, request: 3_000, body: 500, idle: 700, keepAlive: 1_000, check: 50 };

t.test('slow senders are cut off: headers, bodies, silence', async (t) => {
  const { port: at } = await listen(t, platform, buildModule({ routes }), { times });
  const drip = async (start: string, drop: string, everyMs: number) => {
    const raw = openSocket(at);
    raw.socket.write(start);
    const began = performance.now();
    const timer = setInterval(() => raw.socket.writable && raw.socket.write(drop), everyMs);
    const text = await raw.closed;
    clearInterval(timer);
    return { answer: parseAnswer(text), text, ms: performance.now() - began };
  };
  const headers = await drip('GET /api/me HTTP/1.1\r\nHost: x\r\n', 'X-A: 1\r\n', 50);
  t.equal(headers.answer.status, 408, 'headers without an end');
  t.ok(headers.ms < 5_000);
  inShape(t, headers.answer, 408, 'headers without an end');

  const length = [authorization, 'Content-Type: application/json', 'Content-Length: 1000'].join('\r\n');
  const body = await drip(`POST /api/echo HTTP/1.1\r\nHost: x\r\n${length}\r\n\r\n`, 'x', 50);
  inShape(t, body.answer, 408, 'a body of one byte at a time');
  t.match(JSON.parse(body.answer.body), { code: 'REQUEST_TIMEOUT' });
  t.ok(body.ms < 2_500, 'before the limit for the whole request');

  const silent = openSocket(at);
  t.match(await silent.closed, /^$|^HTTP\/1\.1 408 /, 'nothing said, closed');
  const half = openSocket(at);
  half.socket.write(
    `POST /api/form HTTP/1.1\r\nHost: x\r\n${authorization}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 900\r\n\r\n--b\r\n`,
  );
  await half.closed;
  t.pass('a form that stops in the middle is closed');
});

t.test('slow but honest ones are served: a form on a slow line, events, a long wait', async (t) => {
  const { port: at } = await listen(t, platform, buildModule({ routes }), { times });
  const raw = openSocket(at);
  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.xlsx"\r\n\r\n';
  const tail = '\r\n--b--\r\n';
  const pieces = Array.from({ length: 20 }, () => 'x'.repeat(1_000));
  const length = head.length + tail.length + 20_000;
  const lines = [authorization, 'Content-Type: multipart/form-data; boundary=b', `Content-Length: ${length}`];
  raw.socket.write(
    `POST /api/form HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.join('\r\n')}\r\n\r\n${head}`,
  );
  for (const piece of pieces) {
    await delay(75);
    raw.socket.write(piece);
  }
  raw.socket.write(tail);
  const form = parseAnswer(await raw.closed);
  t.equal(form.status, 200, 'longer than headers, JSON bodies and silence may take together');
  t.same(JSON.parse(form.body), { bytes: 20_000 });

  const events = openSocket(at);
  events.socket.write(`GET /api/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${authorization}\r\n\r\n`);
  const text = await events.closed;
  t.equal(text.match(/data: \d/g)?.length, 8, 'all events, over a time longer than the limits');
});

t.test('two requests on one connection, and its end after the time for idle ones', async (t) => {
  const { port: at } = await listen(t, platform, buildModule({ routes }), { times });
  const raw = openSocket(at);
  const one = `GET /api/me HTTP/1.1\r\nHost: x\r\n${authorization}\r\n\r\n`;
  raw.socket.write(one + one);
  const text = await raw.closed;
  t.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
});

t.test(
  'closing serves an answer under way to its end, and does not wait for its connection to be idle',
  async (t) => {
    const { app, port: at } = await listen(t, platform, buildModule({ routes }));
    const raw = openSocket(at);
    raw.socket.write(`GET /api/events HTTP/1.1\r\nHost: x\r\n${authorization}\r\n\r\n`);
    // The head has gone out, so that it is too late to say that the connection will be closed.
    while (!raw.received().includes('data: 0')) await once(raw.socket, 'data');
    t.match(raw.received(), /connection: keep-alive/i);
    const began = performance.now();
    await app.close();
    t.equal((await raw.closed).match(/data: \d/g)?.length, 8, 'all events');
    t.ok(performance.now() - began < 20_000, 'the connection might have been idle for over a minute');
  },
);

t.test('an upload that waits for its result is not taken for idle', async (t) => {
  const { edgeTimes } = await import('../src/http/edge.ts');
  t.ok(edgeTimes({ UPLOAD_WAIT_MS: 60_000 }).idle > 60_000);
  t.ok(edgeTimes({ UPLOAD_WAIT_MS: 0 }).idle >= 60_000);
});
