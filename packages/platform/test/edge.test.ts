import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { FastifyPluginAsync } from 'fastify';
import t from 'tap';
import { toCodedError } from '../src/http/errors.ts';
import { sendVersion } from '../src/http/if-match.ts';
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

const long = Array.from({ length: 200 }, (_, index) => ({ id: index, name: `customer ${index}` }));
const streams = { opened: 0, closed: 0 };

function countedStream(text: string): PassThrough {
  const stream = new PassThrough();
  streams.opened += 1;
  stream.on('close', () => {
    streams.closed += 1;
  });
  stream.write(text);
  return stream;
}

let version = 7;
const routes = (): FastifyPluginAsync => async (app) => {
  const config = { permission: 'things:read' };
  app.get('/list', { config }, async () => long);
  app.get('/short', { config }, async (request) => ({ who: request.member?.name }));
  app.get('/object', { config }, async (_request, reply) => {
    sendVersion(reply, version);
    return { version };
  });
  app.get('/fresh', { config }, async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return long;
  });
  app.get('/file', { config }, async (_request, reply) => {
    reply.type('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet');
    reply.header('content-disposition', 'attachment; filename="a.xlsx"');
    const stream = countedStream('PK'.repeat(2_000));
    if (_request.method === 'GET') stream.end();
    return reply.send(stream);
  });
  app.get('/events', { config }, async (request, reply) => {
    reply.type('text/event-stream').header('cache-control', 'no-store, no-transform');
    const stream = countedStream(`data: ${'x'.repeat(3_000)}\n\n`);
    if (request.method === 'GET') stream.end();
    return reply.send(stream);
  });
  app.get('/fails', { config: { public: true } }, async (_request, reply) => {
    reply.header('etag', '"v1"').header('cache-control', 'private, no-cache');
    throw new Error('no');
  });
  app.post('/things', { config: { permission: 'things:write' } }, async () => long);
};

const { platform, users } = await openPlatform(t);
const { base } = await listen(t, platform, buildModule({ routes }));
const { email } = await users.upsertUser(await buildUser());
const headers = bearer(await signIn(base, email));

interface Plain {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
}

/** Without what `fetch` does by itself: it asks for compression and undoes it. */
function ask(path: string, more: Record<string, string> = {}, method = 'GET'): Promise<Plain> {
  return new Promise((resolve, reject) => {
    const url = path.startsWith('/api') || path === '*' || path.startsWith('/health') ? path : `/api${path}`;
    const { port } = new URL(base);
    const sent = httpRequest({ port, path: url, method, headers: { ...headers, ...more }, agent: false });
    sent.on('error', reject);
    sent.on('response', async (answer) => {
      const bytes = await buffer(answer).catch(reject);
      resolve({ status: answer.statusCode!, headers: answer.headers, bytes: bytes as Buffer });
    });
    sent.end();
  });
}

t.test('every answer carries the headers for safety, and says nothing of what it is made with', async (t) => {
  const answers = {
    good: await fetch(`${base}/api/short`, { headers }),
    refused: await fetch(`${base}/api/short`),
    unknown: await fetch(`${base}/nowhere`),
    junk: await fetch(`${base}/%zz`),
    broken: await fetch(`${base}/api/fails`),
    health: await fetch(`${base}/health`),
  };
  for (const [name, answer] of Object.entries(answers)) {
    const policy = answer.headers.get('content-security-policy') ?? '';
    t.match(policy, /default-src 'none'/, name);
    t.match(policy, /frame-ancestors 'none'/, name);
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff', name);
    t.equal(answer.headers.get('x-frame-options'), 'DENY', name);
    t.equal(answer.headers.get('referrer-policy'), 'no-referrer', name);
    for (const absent of ['x-powered-by', 'server', 'strict-transport-security']) {
      t.equal(answer.headers.get(absent), null, `${name} ${absent}`);
    }
  }
});

t.test('HSTS only where a trusted proxy says that the request came over TLS', async (t) => {
  const forwarded = { 'x-forwarded-proto': 'https' };
  t.equal(
    (await fetch(`${base}/health`, { headers: forwarded })).headers.get('strict-transport-security'),
    null,
  );
  const behind = { ...platform, config: { ...platform.config, TRUST_PROXY: ['127.0.0.1'] } };
  const { base: at } = await listen(t, behind, buildModule({ routes }));
  const answer = await fetch(`${at}/health`, { headers: forwarded });
  t.match(answer.headers.get('strict-transport-security'), /^max-age=\d+$/);
  t.equal((await fetch(`${at}/health`)).headers.get('strict-transport-security'), null);
});

t.test('/docs keeps a policy of its own, under which its scripts run', async (t) => {
  const policy = (await fetch(`${base}/docs/`)).headers.get('content-security-policy') ?? '';
  t.match(policy, /script-src 'self'/);
  t.notMatch(policy, /default-src 'none'|upgrade-insecure-requests|https:/);
  t.equal((await fetch(`${base}/docs/static/swagger-ui.css`)).status, 200);
});

t.test(
  '41. preflight: what front-ends send is allowed, what they read is exposed, nothing to others',
  async (t) => {
    const preflight = (origin: string, more: Record<string, string> = {}) =>
      fetch(`${base}/api/things`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', ...more },
      });
    const wanted = 'authorization,content-type,idempotency-key,if-match,if-none-match,prefer';
    const listed = await preflight('http://localhost:9002', { 'access-control-request-headers': wanted });
    t.equal(listed.status, 204);
    t.equal(listed.headers.get('access-control-allow-headers'), wanted);
    t.match(listed.headers.get('access-control-allow-methods'), /POST.*PUT.*DELETE/);
    t.match(listed.headers.get('vary'), /Origin/);
    t.equal(listed.headers.get('access-control-allow-credentials'), null, 'cookies play no part');
    const answer = await fetch(`${base}/api/short`, {
      headers: { ...headers, origin: 'http://localhost:9002' },
    });
    const exposed = answer.headers.get('access-control-expose-headers') ?? '';
    for (const name of [
      'etag',
      'idempotent-replayed',
      'retry-after',
      'x-ratelimit-remaining',
      'x-request-id',
    ]) {
      t.ok(exposed.split(', ').includes(name), name);
    }
    const refused = await fetch(`${base}/api/short`, { headers: { origin: 'http://localhost:9002' } });
    t.equal(refused.status, 401);
    t.equal(
      refused.headers.get('access-control-allow-origin'),
      'http://localhost:9002',
      'a refusal is readable',
    );
    for (const origin of [
      'null',
      'https://localhost:9002',
      'http://localhost:9002/',
      'http://LOCALHOST:9002',
      '*',
    ]) {
      const other = await preflight(origin, { 'access-control-request-headers': wanted });
      const names = [...other.headers.keys()].filter((name) => name.startsWith('access-control-'));
      t.same(names, [], origin);
    }
  },
);

t.test('OPTIONS that is no preflight → 204 with Allow; 405 with Allow; 404 in the shape', async (t) => {
  for (const origin of [{}, { origin: 'http://localhost:9002' }, { origin: 'http://evil.example' }]) {
    const answer = await fetch(`${base}/api/list`, {
      method: 'OPTIONS',
      headers: origin as Record<string, string>,
    });
    t.equal(answer.status, 204);
    t.equal(answer.headers.get('allow'), 'GET, HEAD, OPTIONS');
    t.equal(await answer.text(), '');
  }
  t.match((await ask('*', {}, 'OPTIONS')).headers.allow, /GET.*HEAD.*OPTIONS.*POST/);
  t.equal((await fetch(`${base}/api/nowhere`, { method: 'OPTIONS' })).status, 404);
  for (const method of ['PUT', 'PATCH', 'DELETE', 'PROPFIND', 'TRACE', 'SEARCH']) {
    const answer = await ask('/list', {}, method);
    t.equal(answer.status, 405, method);
    t.equal(answer.headers.allow, 'GET, HEAD, OPTIONS', method);
    t.match(JSON.parse(answer.bytes.toString()), { code: 'METHOD_NOT_ALLOWED', requestId: String }, method);
  }
});

t.test('an answer to a GET has a tag, and who has it already gets a 304 without a body', async (t) => {
  const first = await ask('/list');
  t.equal(first.status, 200);
  const tag = String(first.headers.etag);
  t.match(tag, /^W\/"[^"]{20,}"$/);
  t.equal(first.headers['cache-control'], 'private, no-cache');
  for (const name of ['Authorization', 'Origin', 'Accept-Encoding']) {
    t.ok(String(first.headers.vary).split(', ').includes(name), name);
  }
  const bare = tag.slice(2);
  for (const known of [tag, bare, `"x", ${tag}`, `"x",${bare} , "y"`, '*']) {
    for (const method of ['GET', 'HEAD']) {
      const again = await ask('/list', { 'if-none-match': known }, method);
      t.equal(again.status, 304, `${method} ${known}`);
      t.equal(again.bytes.length, 0);
      t.equal(again.headers.etag, tag);
      t.match(again.headers, { 'cache-control': 'private, no-cache', vary: /Authorization/ });
      t.equal(again.headers['content-type'], undefined);
      t.equal(again.headers['content-length'], undefined);
    }
  }
  t.equal((await ask('/list', { 'if-none-match': '"x"' })).status, 200);
  t.equal((await ask('/list', { 'if-none-match': tag, 'accept-encoding': 'gzip' })).status, 304);
  t.equal((await ask('/list', { 'if-none-match': tag, authorization: '' })).status, 401, 'after who asks');
  const post = await ask('/things', { 'if-none-match': tag, 'content-length': '0' }, 'POST');
  t.equal(post.status, 200, 'a POST is no reading');
  t.equal(post.headers.etag, undefined);
  t.equal(post.headers['cache-control'], 'no-store');
});

t.test('the tag of a version stays, also compressed; errors and what must be fresh have none', async (t) => {
  const first = await ask('/object', { 'accept-encoding': 'gzip' });
  t.equal(first.headers.etag, '"v7"');
  t.equal((await ask('/object', { 'if-none-match': 'W/"v7"' })).status, 304);
  version = 8;
  t.equal((await ask('/object', { 'if-none-match': '"v7"' })).status, 200);
  const fresh = await ask('/fresh');
  t.equal(fresh.headers.etag, undefined);
  t.equal(fresh.headers['cache-control'], 'no-store');
  for (const path of ['/fails', '/nowhere', '/%zz']) {
    const answer = await ask(path);
    t.ok(answer.status >= 400, path);
    t.equal(answer.headers.etag, undefined, path);
    t.equal(answer.headers['cache-control'], 'no-store', path);
  }
  t.equal((await ask('/list', { authorization: '' })).headers['cache-control'], 'no-store');
});

t.test('large answers are compressed as asked; small ones, workbooks and events are not', async (t) => {
  const plain = await ask('/list');
  t.equal(plain.headers['content-encoding'], undefined);
  const decoders = { br: brotliDecompressSync, gzip: gunzipSync };
  for (const [asked, encoding] of [
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['br;q=0, gzip', 'gzip'],
  ] as const) {
    const answer = await ask('/list', { 'accept-encoding': asked });
    t.equal(answer.headers['content-encoding'], encoding, asked);
    t.same(decoders[encoding](answer.bytes), plain.bytes);
    t.equal(answer.headers.etag, plain.headers.etag, 'one tag, a weak one');
    t.equal(answer.headers['content-type'], plain.headers['content-type']);
    t.ok(answer.bytes.length < plain.bytes.length / 2);
    const head = await ask('/list', { 'accept-encoding': asked }, 'HEAD');
    t.equal(head.headers['content-encoding'], encoding, `HEAD ${asked}`);
    t.equal(head.headers['content-length'], answer.headers['content-length']);
  }
  for (const asked of ['identity', 'deflate', 'x', '']) {
    const answer = await ask('/list', { 'accept-encoding': asked });
    t.equal(answer.headers['content-encoding'], undefined, asked);
    t.same(answer.bytes, plain.bytes);
  }
  for (const path of ['/short', '/file', '/events']) {
    const answer = await ask(path, { 'accept-encoding': 'gzip, br' });
    t.equal(answer.status, 200);
    t.equal(answer.headers['content-encoding'], undefined, path);
  }
});

t.test('HEAD has the headers of the GET and no body; streams behind it end at once', async (t) => {
  for (const path of ['/list', '/short', '/object', '/file', '/events', '/health']) {
    const { 'x-request-id': _id, date: _date, ...got } = (await ask(path)).headers;
    const answer = await ask(path, {}, 'HEAD');
    const { 'x-request-id': _id2, date: _date2, ...head } = answer.headers;
    t.equal(answer.status, 200, path);
    t.equal(answer.bytes.length, 0, path);
    delete got['transfer-encoding'];
    delete head['transfer-encoding'];
    t.same(head, got, path);
  }
  t.equal(streams.opened, streams.closed, 'none is left open');
  for (const path of ['/nowhere', '/fails']) {
    const answer = await ask(path, {}, 'HEAD');
    t.ok(answer.status >= 400, path);
    t.equal(answer.bytes.length, 0, path);
  }
});

t.test('a compressed body is 415 and says what is taken', async (t) => {
  for (const encoding of ['gzip', 'br', 'deflate', 'x-unknown', 'gzip, identity']) {
    const answer = await postJson(
      `${base}/api/auth/login`,
      { email, password: 'x' },
      { 'content-encoding': encoding },
    );
    t.equal(answer.status, 415, encoding);
    t.match(await bodyOf(answer), { code: 'UNSUPPORTED_MEDIA_TYPE' });
    t.equal(answer.headers.get('accept-encoding'), 'identity');
  }
  const plain = await postJson(
    `${base}/api/auth/login`,
    { email, password: 'x' },
    { 'content-encoding': 'identity' },
  );
  t.equal(plain.status, 401);
});

t.test('errors of plugins are told by their status; their texts and codes stay here', async (t) => {
  const cases: [number, string][] = [
    [400, 'INVALID_REQUEST'],
    [401, 'UNAUTHENTICATED'],
    [403, 'NOT_FOUND'],
    [404, 'NOT_FOUND'],
    [406, 'INVALID_REQUEST'],
    [413, 'BODY_TOO_LARGE'],
    [415, 'UNSUPPORTED_MEDIA_TYPE'],
    [429, 'TOO_MANY_REQUESTS'],
    [500, 'INTERNAL'],
    [200, 'INTERNAL'],
  ];
  for (const [statusCode, code] of cases) {
    const error = Object.assign(new Error('canary of a library'), { statusCode, code: 'FST_ANY_ERROR' });
    const coded = toCodedError(error);
    t.equal(coded.code, code, String(statusCode));
    t.notMatch(coded.message, /canary|FST/);
  }
  for (const thrown of [null, undefined, 'text', 7]) t.equal(toCodedError(thrown).code, 'INTERNAL');
});
