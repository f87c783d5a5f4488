import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import t from 'tap';
import { buildModule, buildUser, listen, openPlatform, password, postJson } from './http-support.ts';
import { openProxy } from './proxy.ts';

const { platform, users } = await openPlatform(t);
const { email } = await users.upsertUser(await buildUser());
const redisUrl = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';

const routes = (): FastifyPluginAsync => async (app) => {
  app.get('/open', { config: { public: true } }, async () => ({ ok: true }));
};

/** An API with limits and buckets of its own. */
async function limited(t: Parameters<typeof listen>[0], config: Partial<typeof platform.config>) {
  const prefix = `rate_${randomBytes(4).toString('hex')}`;
  const own = { ...platform.config, QUEUE_PREFIX: prefix, ...config };
  t.teardown(async () => {
    const keys = await platform.redis.keys(`${prefix}:*`);
    if (keys.length > 0) await platform.redis.del(...keys);
  });
  const { base } = await listen(t, { ...platform, config: own }, buildModule({ routes }));
  /** The statuses of so many requests, one after the other. */
  const statuses = async (times: number, headers: () => Record<string, string> = () => ({})) => {
    const found: number[] = [];
    for (let nth = 0; nth < times; nth += 1) {
      found.push((await fetch(`${base}/api/open`, { headers: headers() })).status);
    }
    return found;
  };
  return { base, statuses, prefix };
}

t.test(
  'beyond the limit → 429 in the shape, with Retry-After and the facts; health stays open',
  async (t) => {
    const { base, statuses, prefix } = await limited(t, { RATE_LIMIT_PER_MINUTE: 5 });
    const first = await fetch(`${base}/api/open`);
    t.match(Object.fromEntries(first.headers), {
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': '4',
      'x-ratelimit-reset': /^\d+$/,
    });
    t.same(await statuses(5), [200, 200, 200, 200, 429]);
    const origin = 'http://localhost:9002';
    const refused = await fetch(`${base}/api/open`, { headers: { origin } });
    t.equal(refused.status, 429);
    const after = Number(refused.headers.get('retry-after'));
    t.ok(after >= 1 && after <= 60, 'the rest of the minute');
    t.equal(refused.headers.get('access-control-allow-origin'), origin, 'the front-end can read it');
    const { requestId, ...body } = (await refused.json()) as Record<string, unknown>;
    t.match(body, { code: 'TOO_MANY_REQUESTS', error: /too many requests/i });
    t.equal(requestId, refused.headers.get('x-request-id'));
    for (const path of ['/api/nowhere', '/nowhere', '/api/auth/me']) {
      t.equal((await fetch(`${base}${path}`)).status, 429, `${path} counts as well`);
    }
    for (const path of ['/health', '/ready']) t.equal((await fetch(`${base}${path}`)).status, 200, path);
    const keys = await platform.redis.keys(`${prefix}:rate:*`);
    t.equal(keys.length, 1);
    for (const key of keys) t.ok((await platform.redis.pttl(key)) > 0, 'it ends by itself');
  },
);

t.test('many at once are each counted; two processes count together', async (t) => {
  const { base, prefix } = await limited(t, { RATE_LIMIT_PER_MINUTE: 20 });
  const config = { ...platform.config, QUEUE_PREFIX: prefix, RATE_LIMIT_PER_MINUTE: 20 };
  const { base: other } = await listen(t, { ...platform, config }, buildModule({ routes }));
  const asked = Array.from({ length: 50 }, (_, nth) => fetch(`${nth % 2 ? base : other}/api/open`));
  const answers = await Promise.all(asked);
  t.equal(answers.filter(({ status }) => status === 200).length, 20);
  t.equal(answers.filter(({ status }) => status === 429).length, 30);
});

t.test(
  'far below the limit requests are counted together, none is lost, and the limit is where it is',
  async (t) => {
    const { base, prefix } = await limited(t, { RATE_LIMIT_PER_MINUTE: 1_100 });
    const ask = async () => (await fetch(`${base}/api/open`)).status;
    const counted = async () => {
      const [key] = await platform.redis.keys(`${prefix}:rate:*`);
      return key === undefined ? 0 : Number(await platform.redis.get(key));
    };
    // Far below it: the first waits for its count, most of the others do not.
    for (let nth = 0; nth < 40; nth += 1) t.equal(await ask(), 200);
    while ((await counted()) < 40) await turn();
    t.equal(await counted(), 40);
    const found: number[] = [];
    for (let nth = 0; nth < 24; nth += 1) {
      found.push(...(await Promise.all(Array.from({ length: 50 }, ask))));
    }
    t.equal(found.filter((status) => status === 200).length, 1_100 - 40);
    t.equal(found.filter((status) => status === 429).length, 1_200 - 1_060);
    t.equal(await counted(), 1_240);
  },
);

t.test('who is refused makes the database work no more, with a good token either', async (t) => {
  const { base } = await limited(t, { RATE_LIMIT_PER_MINUTE: 5, TRUST_PROXY: ['127.0.0.0/8'] });
  const { token } = (await (await postJson(`${base}/api/auth/login`, { email, password })).json()) as {
    token: string;
  };
  let reads = 0;
  platform.client.on('commandStarted', ({ command }) => {
    if (command.find === 'users' || command.aggregate === 'users') reads += 1;
  });
  const me = async (from = {}) =>
    (await fetch(`${base}/api/auth/me`, { headers: { authorization: `Bearer ${token}`, ...from } })).status;
  t.same([await me(), await me()], [200, 200]);
  t.ok(reads >= 2, 'asked for each');
  t.same([await me(), await me(), await me()], [200, 200, 429]);
  const before = reads;
  for (let nth = 0; nth < 10; nth += 1) t.equal(await me(), 429);
  t.equal(reads, before);

  // One network of IPv6 is one caller, whichever of its addresses it takes.
  let nth = 0;
  const other = () => me({ 'x-forwarded-for': `2001:db8::${nth++}` });
  for (let times = 0; times < 5; times += 1) t.equal(await other(), 200);
  t.equal(await other(), 429);
  const then = reads;
  for (let times = 0; times < 5; times += 1) t.equal(await other(), 429);
  t.equal(reads, then);
});

t.test('attempts to sign in have a limit of their own', async (t) => {
  const { base, statuses } = await limited(t, {
    RATE_LIMIT_PER_MINUTE: 100,
    RATE_LIMIT_SIGN_IN_PER_MINUTE: 2,
  });
  const attempt = async () => (await postJson(`${base}/api/auth/login`, { email, password })).status;
  t.same([await attempt(), await attempt(), await attempt()], [200, 200, 429]);
  t.same(await statuses(2), [200, 200], 'everything else goes on');
});

t.test('0 is no limit', async (t) => {
  const { base, statuses, prefix } = await limited(t, {
    RATE_LIMIT_PER_MINUTE: 0,
    RATE_LIMIT_SIGN_IN_PER_MINUTE: 0,
  });
  t.same(new Set(await statuses(30)), new Set([200]));
  t.equal((await fetch(`${base}/api/open`)).headers.get('x-ratelimit-limit'), null);
  t.same(await platform.redis.keys(`${prefix}:rate:*`), []);
});

t.test('42. a spoofed X-Forwarded-For → the same bucket', async (t) => {
  const { statuses } = await limited(t, { RATE_LIMIT_PER_MINUTE: 3 });
  let nth = 0;
  const spoofed = () => ({ 'x-forwarded-for': `203.0.113.${nth++}`, forwarded: `for=203.0.113.${nth}` });
  t.same(await statuses(5, spoofed), [200, 200, 200, 429, 429]);
});

t.test('42. behind a listed proxy: two clients → two buckets; fakes in front change nothing', async (t) => {
  const { statuses } = await limited(t, {
    RATE_LIMIT_PER_MINUTE: 3,
    TRUST_PROXY: ['127.0.0.0/8', '10.0.0.7'],
  });
  const from = (address: string) => () => ({ 'x-forwarded-for': address });
  t.same(await statuses(4, from('203.0.113.1')), [200, 200, 200, 429]);
  t.same(await statuses(4, from('203.0.113.2')), [200, 200, 200, 429]);
  let nth = 0;
  // What the client wrote itself stands to the left of what the proxy adds.
  const fakes = () => ({ 'x-forwarded-for': `198.51.100.${nth++}, 127.0.0.1, 203.0.113.1` });
  t.same(await statuses(2, fakes), [429, 429], 'still its own');
  t.same(await statuses(2, from('203.0.113.1, 10.0.0.7')), [429, 429], 'a second listed proxy');
  t.same(await statuses(1, from('203.0.113.3, 10.0.0.8')), [200], 'one that is not listed is the client');
  // Networks of IPv6 are handed out by /64: who has one has all of its addresses.
  t.same(await statuses(2, from('2001:db8::1')), [200, 200]);
  t.same(await statuses(2, from('2001:db8::2')), [200, 429]);
});

t.test('42. without a listed proxy that address, another one → the same bucket', async (t) => {
  const { statuses } = await limited(t, { RATE_LIMIT_PER_MINUTE: 2, TRUST_PROXY: ['10.0.0.7'] });
  t.same(await statuses(3, () => ({ 'x-forwarded-for': '203.0.113.9' })), [200, 200, 429]);
});

t.test(
  'Redis stopped → served at once and without limits, one warning; limits again when it is back',
  async (t) => {
    const proxy = await openProxy(t, redisUrl);
    const url = new URL(redisUrl);
    url.host = proxy.host;
    const own = await openPlatform(t, { redisUrl: url.href, config: { RATE_LIMIT_PER_MINUTE: 40 } });
    const { base } = await listen(t, own.platform, buildModule({ routes }));
    const ask = async () => {
      const began = performance.now();
      const answer = await fetch(`${base}/api/open`);
      await answer.arrayBuffer();
      return {
        ms: performance.now() - began,
        status: answer.status,
        limited: answer.headers.has('x-ratelimit-limit'),
      };
    };
    t.equal((await ask()).limited, true);
    await proxy.stop();
    const during = [];
    for (let nth = 0; nth < 100; nth += 1) during.push(await ask());
    t.same(new Set(during.map(({ status }) => status)), new Set([200]));
    const sorted = during.map(({ ms }) => ms).sort((a, b) => a - b);
    t.ok(sorted[50]! < 50, `the median takes ${sorted[50]!.toFixed(1)} ms`);
    t.ok(sorted[99]! < 1_000, `the slowest ${sorted[99]!.toFixed(1)} ms`);
    const warnings = () => own.logLines.filter((line) => line.includes('no rate limits'));
    t.equal(warnings().length, 1);
    await proxy.start();
    const end = Date.now() + 20_000;
    while (!(await ask()).limited && Date.now() < end);
    t.equal((await ask()).limited, true);
    t.equal(warnings().length, 1);
  },
);

t.test('Redis that takes the connection and says nothing → the same', async (t) => {
  const proxy = await openProxy(t, redisUrl);
  const url = new URL(redisUrl);
  url.host = proxy.host;
  const own = await openPlatform(t, { redisUrl: url.href, config: { RATE_LIMIT_PER_MINUTE: 1_000 } });
  const { base } = await listen(t, own.platform, buildModule({ routes }));
  t.equal((await fetch(`${base}/api/open`)).headers.has('x-ratelimit-limit'), true);
  // In its place somebody who answers nothing, on connections that stay open.
  await proxy.stop();
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(Number(url.port), '127.0.0.1', resolve));
  t.teardown(() => silent.close());
  const times: number[] = [];
  for (let nth = 0; nth < 100; nth += 1) {
    const began = performance.now();
    t.equal((await fetch(`${base}/api/open`)).status, 200);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  t.ok(times[50]! < 50, `the median takes ${times[50]!.toFixed(1)} ms`);
  t.ok(times[99]! < 1_000, `the slowest ${times[99]!.toFixed(1)} ms`);
});
