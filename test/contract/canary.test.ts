import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { removeKeys, until } from '../harness/processes.ts';
import { running, statement, wire } from './sheets.ts';
import { cast, type Json, password, startSystem, type Who } from './support.ts';

const canary = 'canary-7f3a9c1e55d04b';

/** Takes traces as a collector does, and keeps what came. */
async function startCollector(t: Test) {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const bytes = await buffer(request);
    bodies.push((request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString());
    response.setHeader('content-type', 'application/json').end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const collector = await startCollector(t);
const metricsToken = 'a-token-for-metrics-that-is-long-enough';
const system = await startSystem(t, {
  env: {
    LOG_LEVEL: 'debug',
    RATE_LIMIT_PER_MINUTE: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    METRICS_TOKEN: metricsToken,
  },
});
const { openApi, tokens, base, platform, env, signIn, upload } = system;
t.setTimeout(240_000);

/** A value for every field: the canary wherever a text may stand, else the first that is allowed. */
function valueFor(schema: Json, name: string): unknown {
  if (schema === undefined || schema.readOnly) return canary;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined)
    return valueFor(
      choices.find((each: Json) => each.type !== 'null'),
      name,
    );
  if (schema.type === 'object') {
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([key, each]) => [key, valueFor(each, key)]),
    );
  }
  if (schema.type === 'array') return [valueFor(schema.items, name)];
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 1;
  if (schema.type === 'boolean') return true;
  return /e-?mail/i.test(name) ? `${canary}@example.com` : canary;
}

/** The same with the canary in the place of everything, also where it does not fit. */
function misfit(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(misfit);
  if (typeof value !== 'object' || value === null) return canary;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, misfit(each)]));
}

const headers = {
  'user-agent': canary,
  cookie: `session=${canary}`,
  referer: `http://localhost/${canary}`,
  'x-api-key': canary,
  'idempotency-key': canary,
  'if-none-match': `"${canary}"`,
  'x-forwarded-for': canary,
};

function* requests(): Generator<{ method: string; path: string; body: unknown }> {
  for (const [pattern, methods] of Object.entries(openApi.paths)) {
    if (!pattern.startsWith('/api/')) continue;
    for (const [method, operation] of Object.entries(methods) as [string, Json][]) {
      const path = pattern.slice(4).replace(/\{[^}]+\}/g, canary);
      const search = new URLSearchParams();
      for (const { in: place, name } of operation.parameters ?? [])
        if (place === 'query') search.set(name, canary);
      const schema = operation.requestBody?.content?.['application/json']?.schema;
      const fits = schema === undefined ? undefined : valueFor(schema, '');
      yield { method: method.toUpperCase(), path, body: fits };
      yield { method: method.toUpperCase(), path: `${path}?${search}`, body: schema && misfit(fits) };
      yield {
        method: method.toUpperCase(),
        path: `${path}?x=${canary}`,
        body: schema && { ...(fits as object), unknown: canary },
      };
    }
  }
}

async function everythingInRedis(): Promise<string> {
  const { redis } = platform;
  const parts: string[] = [];
  for (const key of await redis.keys(`${env.QUEUE_PREFIX}:*`)) {
    const kind = await redis.type(key);
    parts.push(key);
    if (kind === 'hash') parts.push(JSON.stringify(await redis.hgetall(key)));
    if (kind === 'list') parts.push(...(await redis.lrange(key, 0, -1)));
    if (kind === 'zset') parts.push(...(await redis.zrange(key, '0', '-1')));
    if (kind === 'set') parts.push(...(await redis.smembers(key)));
    if (kind === 'string') parts.push((await redis.get(key)) ?? '');
    if (kind === 'stream') parts.push(JSON.stringify(await redis.xrange(key, '-', '+')));
  }
  return parts.join('\n');
}

/** What may be nowhere; named, for a failure must not print a real one. */
const secrets = (): [string, string][] => [
  ['the canary', canary],
  ['a password', password],
  ['JWT_SECRET', env.JWT_SECRET!],
  ['AUDIT_KEY', env.AUDIT_KEY!],
  ['METRICS_TOKEN', metricsToken],
  ...(Object.keys(cast) as Who[])
    .filter((who) => tokens[who])
    .map((who): [string, string] => [`the token of ${who}`, tokens[who]]),
];

t.test('59. a canary in every field of every route is in no error, log, job, metric or trace', async (t) => {
  let sent = 0;
  for (const who of [null, 'country', 'admin'] as const) {
    for (const { method, path, body } of requests()) {
      const given = body === undefined || method === 'GET' ? {} : { body };
      const answer = await system.call(who, method, path, { ...given, headers });
      sent += 1;
      if (answer.status < 400) {
        // One's own sign-ins may have ended by it.
        if (who !== null) tokens[who] = (await signIn(who)).body.token;
        continue;
      }
      const text = Buffer.isBuffer(answer.body) ? answer.body.toString() : JSON.stringify(answer.body);
      t.notMatch(text, canary, `the error of ${method} ${path.replaceAll(canary, '…')} (${answer.status})`);
    }
  }
  t.ok(sent > 150, `${sent} requests`);
  await signIn('admin', canary);
  for (const who of ['country', 'mumbaiManager'] as const) {
    await upload(
      await statement(running, [
        {
          code: canary,
          name: canary,
          region: 'mumbai',
          number: canary,
          amount: 1,
          notes: canary,
          remark: canary,
        },
        { code: canary, name: canary, region: canary, amount: canary, date: canary },
      ]),
      wire(running),
      { who, fileName: `${canary}.xlsx`, fields: { [canary]: canary, password: canary }, headers },
    );
  }
  await upload(Buffer.from(canary), wire(running), { fileName: canary });

  const redis = await everythingInRedis();
  t.match(redis, /upload\.import/, 'there are jobs');
  const metrics = await Promise.all(
    [`${base}/metrics`, `${system.worker.up.url}/metrics`].map(async (url) =>
      (await fetch(url, { headers: { authorization: `Bearer ${metricsToken}` } })).text(),
    ),
  );
  for (const text of metrics) t.match(text, /process_cpu/, 'there are metrics');
  t.match(metrics[0], /\/api\/customers/);
  await until('the traces of the import', () =>
    collector.bodies.some((body) => body.includes('upload.import')),
  );
  const logs = [...system.api.lines, ...system.worker.lines].join('\n');
  t.match(logs, '"level":"debug"');
  t.match(logs, '/api/upload');

  const said = logs.split('\n').filter((line) => line.includes(canary));
  t.same(said.slice(0, 3), [], 'no line of the logs has it');
  for (const [name, secret] of secrets()) {
    t.notOk(redis.includes(secret), `${name} is in no job`);
    t.notOk(metrics.join().includes(secret), `${name} is in no metric`);
    t.notOk(logs.includes(secret), `${name} is in no log`);
    t.notOk(collector.bodies.join().includes(secret), `${name} is in no trace`);
  }
  await removeKeys(platform.redis, env.QUEUE_PREFIX!);
});
