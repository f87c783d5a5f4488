import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { Test } from 'tap';
import { type RunningProcess, removeKeys, type TestPlatform, until } from './processes.ts';
import type { Answer, Json } from './served.ts';

/** What is sent in the place of every secret, and may come back nowhere. */
export const canary = 'canary-7f3a9c1e55d04b';

const metricsToken = 'a-token-for-metrics-that-is-long-enough';

/** Takes traces as a collector does, and keeps what came. */
export async function startCollector(t: Test) {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const bytes = await buffer(request);
    bodies.push((request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString());
    response.setHeader('content-type', 'application/json').end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    bodies,
    /** With which the system says as much as it ever does. */
    env: {
      LOG_LEVEL: 'debug',
      RATE_LIMIT_PER_MINUTE: '0',
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      METRICS_TOKEN: metricsToken,
    },
  };
}

export type Collector = Awaited<ReturnType<typeof startCollector>>;

/** What is there under that name, so that a request gets further than to the look for it. */
export type KnownValue = (name: string, path: string) => unknown;

/** A value for every field: the canary wherever a text may stand, else the first that is allowed. */
function valueFor(schema: Json, name: string, known: (name: string) => unknown): unknown {
  const there = known(name);
  if (there !== undefined) return there;
  if (schema === undefined || schema.readOnly) return canary;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    const first = choices.find((each: Json) => each.type !== 'null');
    return valueFor(first, name, known);
  }
  if (schema.type === 'object') {
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([key, each]) => [key, valueFor(each, key, known)]),
    );
  }
  if (schema.type === 'array') return [valueFor(schema.items, name, known)];
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

/** On every request of this kind. */
export const canaryHeaders = {
  'user-agent': canary,
  cookie: `session=${canary}`,
  referer: `http://localhost/${canary}`,
  'x-api-key': canary,
  'idempotency-key': canary,
  'if-none-match': `"${canary}"`,
  'x-forwarded-for': canary,
};

export interface CanaryRequest {
  method: string;
  path: string;
  /** Undefined where the route takes none. */
  body: unknown;
  headers: Record<string, string>;
}

/** Requests to every route of the documentation below a prefix, with the canary in everything that they can carry. */
export function* canaryRequests(
  openApi: Json,
  prefix: string,
  known: KnownValue = () => undefined,
): Generator<CanaryRequest> {
  for (const [pattern, methods] of Object.entries<Json>(openApi.paths)) {
    if (!pattern.startsWith(prefix)) continue;
    for (const [lower, operation] of Object.entries<Json>(methods)) {
      const method = lower.toUpperCase();
      const path = pattern.replace(/\{[^}]+\}/g, canary);
      const there = pattern.replace(/\{([^}]+)\}/g, (_all, name) => String(known(name, pattern) ?? canary));
      const search = new URLSearchParams();
      for (const { in: place, name } of operation.parameters ?? [])
        if (place === 'query') search.set(name, canary);
      const schema = operation.requestBody?.content?.['application/json']?.schema;
      const fits = schema && valueFor(schema, '', (name) => known(name, pattern));
      const more = (body: unknown): unknown =>
        Array.isArray(body)
          ? [...body.map(more), canary]
          : { ...(body as object), unknown: canary, [canary]: canary };
      const headers = canaryHeaders;
      yield { method, path, body: fits, headers };
      yield { method, path: `${path}?${search}`, body: schema && misfit(fits), headers };
      yield { method, path: `${path}?x=${canary}`, body: schema && more(fits), headers };
      if (there !== path) {
        const based = { ...headers, 'if-match': `"${canary}"` };
        yield { method, path: `${there}?${search}`, body: fits, headers: based };
        yield { method, path: there, body: schema && misfit(fits), headers };
        yield { method, path: there, body: fits, headers };
      }
    }
  }
}

/** Fails where the canary stands in the answer of an error. `allowed`: without what the contract says again on purpose. */
export function assertUnsaid(
  t: Test,
  { method, path }: Pick<CanaryRequest, 'method' | 'path'>,
  answer: Answer,
  allowed: (body: Json) => Json = (body) => body,
): void {
  if (answer.status < 400) return;
  const text = Buffer.isBuffer(answer.body) ? answer.body.toString() : JSON.stringify(allowed(answer.body));
  t.notMatch(text, canary, `the error of ${method} ${path.replaceAll(canary, '…')} (${answer.status})`);
}

async function everythingInRedis({ redis }: TestPlatform, prefix: string): Promise<string> {
  const parts: string[] = [];
  for (const key of await redis.keys(`${prefix}:*`)) {
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

export interface Watched {
  env: NodeJS.ProcessEnv;
  platform: TestPlatform;
  api: RunningProcess;
  worker: RunningProcess;
  base: string;
  collector: Collector;
  /** The tokens that were used, by whose they are. */
  tokens: Readonly<Record<string, string>>;
  password: string;
  /** A documented route, and the one of uploads: they stand in the metrics and the logs, or nothing was looked at. */
  routes: { read: string; upload: string };
}

/** After requests and at least one import: neither the canary nor a secret of the system stands in what it leaves. */
export async function assertNowhere(t: Test, watched: Watched): Promise<void> {
  const { env, platform, api, worker, base, collector, routes } = watched;
  const redis = await everythingInRedis(platform, env.QUEUE_PREFIX!);
  t.match(redis, /upload\.import/, 'there are jobs');
  const metrics = await Promise.all(
    [`${base}/metrics`, `${worker.up.url}/metrics`].map(async (url) =>
      (await fetch(url, { headers: { authorization: `Bearer ${metricsToken}` } })).text(),
    ),
  );
  for (const text of metrics) t.match(text, /process_cpu/, 'there are metrics');
  t.match(metrics[0], routes.read);
  await until('the traces of the import', () =>
    collector.bodies.some((body) => body.includes('upload.import')),
  );
  const logs = [...api.lines, ...worker.lines].join('\n');
  t.match(logs, '"level":"debug"');
  t.match(logs, routes.upload);

  const said = logs.split('\n').filter((line) => line.includes(canary));
  t.same(said.slice(0, 3), [], 'no line of the logs has it');
  // Named, for a failure must not print a real one.
  const secrets: [string, string][] = [
    ['the canary', canary],
    ['a password', watched.password],
    ['JWT_SECRET', env.JWT_SECRET!],
    ['AUDIT_KEY', env.AUDIT_KEY!],
    ['METRICS_TOKEN', metricsToken],
    ...Object.entries(watched.tokens).map(([who, token]): [string, string] => [`the token of ${who}`, token]),
  ];
  for (const [name, secret] of secrets) {
    t.notOk(redis.includes(secret), `${name} is in no job`);
    t.notOk(metrics.join().includes(secret), `${name} is in no metric`);
    t.notOk(logs.includes(secret), `${name} is in no log`);
    t.notOk(collector.bodies.join().includes(secret), `${name} is in no trace`);
  }
  await removeKeys(platform.redis, env.QUEUE_PREFIX!);
}
