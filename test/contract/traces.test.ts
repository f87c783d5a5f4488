import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { systems } from '@backoffice/api';
import { createPlatform, loadConfig } from '@backoffice/platform';
import t, { type Test } from 'tap';
import { ownEnvironment, until } from '../harness/processes.ts';
import { monthAt, statement, wire } from './sheets.ts';
import { type Json, startSystem } from './support.ts';

interface ReceivedSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  attributes: Record<string, unknown>;
}

/** A collector of traces: an HTTP server that takes OTLP as the exporter sends it. */
async function startCollector(t: Test) {
  const spans: ReceivedSpan[] = [];
  const requests: { path: string; headers: Record<string, unknown>; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({ path: request.url!, headers: request.headers, body });
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans as Json[]) {
      const service = valuesOf(resource.attributes)['service.name'] as string;
      for (const span of scopeSpans.flatMap((scope: Json) => scope.spans)) {
        spans.push({ ...span, service, attributes: valuesOf(span.attributes ?? []) });
      }
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { spans, requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const valuesOf = (attributes: Json[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

t.test('an upload is one trace, from the request to what the worker publishes', async (t) => {
  const { spans, requests, url } = await startCollector(t);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: 'x-collector=a%20key' };
  const system = await startSystem(t, { env });
  const traceId = randomBytes(16).toString('hex');
  const caller = randomBytes(8).toString('hex');
  const canary = 'canary-7f3a';
  const april = monthAt(0);
  const rows = [{ code: 'C1', name: `Name ${canary}`, region: 'mumbai', amount: 100 }];
  const answer = await system.upload(await statement(april, rows), wire(april), {
    fileName: `${canary}.xlsx`,
    headers: { traceparent: `00-${traceId}-${caller}-01` },
  });
  t.equal(answer.status, 200);
  const { uploadId } = answer.body;

  const mine = () => spans.filter((span) => span.traceId === traceId);
  const named = (name: string) => mine().find((span) => span.name === name);
  await until(
    'the last spans of both processes',
    () => named('job upload.import') && named('POST /api/upload'),
  );
  const parents = {
    'POST /api/upload': caller,
    'enqueue upload.import': named('POST /api/upload')?.spanId,
    'job upload.import': named('enqueue upload.import')?.spanId,
    parse: named('job upload.import')?.spanId,
    resolve: named('job upload.import')?.spanId,
    compare: named('job upload.import')?.spanId,
    rollups: named('job upload.import')?.spanId,
    publish: named('job upload.import')?.spanId,
  };
  t.same(Object.fromEntries(mine().map(({ name, parentSpanId }) => [name, parentSpanId])), parents);
  t.equal(named('POST /api/upload')?.service, 'backoffice-api');
  t.equal(named('publish')?.service, 'backoffice-worker');
  t.match(named('job upload.import')?.attributes, {
    system: 'receivables',
    'job.id': `import-${uploadId}`,
    'job.outcome': 'done',
  });
  t.match(requests[0], { path: '/v1/traces', headers: { 'x-collector': 'a key' } });

  for (const each of [system.api, system.worker]) {
    const lines = each.lines.filter((line) => line.includes(traceId));
    t.ok(each === system.worker || lines.some((line) => line.includes('"msg":"request"')), 'in the log too');
  }
  const sent = requests.map(({ body }) => body).join('\n');
  for (const secret of [
    canary,
    system.tokens.country,
    'country@example.com',
    'Chitra',
    system.env.JWT_SECRET!,
  ]) {
    t.notOk(sent.includes(secret), 'no name of a file, user or customer, and no secret');
  }
  const record = await system.platform.db.collection('uploads').findOne({ status: 'completed' });
  t.match(record?.traceparent, new RegExp(`^00-${traceId}-`), 'for the sweeper, should the job be lost');
  t.notOk('traceparent' in answer.body);
});

t.test('a malformed traceparent begins a new trace; what nobody asked for makes none', async (t) => {
  const { spans, url } = await startCollector(t);
  const system = await startSystem(t, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } });
  for (const traceparent of [
    '00-0-0-01',
    `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`,
    `ff-${'a'.repeat(200)}`,
  ]) {
    await system.call('country', 'GET', '/dashboard', { headers: { traceparent } });
  }
  await fetch(`${system.base}/nothing/here`);
  await fetch(`${system.base}/ready`);
  const dashboards = () => spans.filter(({ name }) => name === 'GET /api/dashboard');
  await until('three spans', () => dashboards().length === 3);
  t.equal(new Set(dashboards().map((span) => span.traceId)).size, 3);
  t.ok(dashboards().every((span) => !span.parentSpanId && /^[0-9a-f]{32}$/.test(span.traceId)));
  t.notOk(spans.some((span) => /ready|nothing|sweep/.test(span.name)));
});

t.test('a collector that is away keeps nobody waiting, also not at the end', async (t) => {
  const system = await startSystem(t, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' } });
  t.equal((await system.call('country', 'GET', '/dashboard')).status, 200);
  const began = performance.now();
  t.same(await Promise.all([system.api.end(), system.worker.end()]), [0, 0]);
  t.ok(performance.now() - began < 9_000);
});

t.test('without an endpoint nothing of OpenTelemetry is loaded', async (t) => {
  const { cache } = createRequire(import.meta.url);
  // All but its interfaces, which other libraries load for themselves.
  const loaded = () => Object.keys(cache).filter((file) => /\/@opentelemetry\/(?!api\/)/.test(file));
  const env = ownEnvironment(t);
  const without = await createPlatform(loadConfig(env), { role: 'api', systems });
  t.equal(without.tracing, null);
  t.same(loaded(), []);
  await without.close();
  const given = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const traced = await createPlatform(loadConfig(given), { role: 'api', systems });
  t.ok(loaded().length > 0, 'it would be seen here');
  await traced.close();
});
