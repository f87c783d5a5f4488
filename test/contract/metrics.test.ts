import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import {
  ownEnvironment,
  startApiProcess,
  startProcess,
  startWorkerProcess,
  until,
} from '../harness/processes.ts';
import { manyRows, monthAt, statement, wire } from './sheets.ts';
import { type Json, startSystem } from './support.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const token = 'a token for the one who reads the metrics';
const system = await startSystem(t, { env: { METRICS_TOKEN: token } });
const workerUrl = String(system.worker.up.url);
t.setTimeout(120_000);

const metricsOf = async (url: string) => {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  return answer.text();
};
/** The value of the series whose labels hold all of these; undefined where there is none. */
function seriesOf(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const line = text.split('\n').find((each) => {
    if (!new RegExp(`^${name}(\\{| )`).test(each)) return false;
    return Object.entries(labels).every(([key, value]) => each.includes(`${key}="${value}"`));
  });
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
}

t.test('43. /metrics without rights → 401 or 404, with the token or as an administrator → 200', async (t) => {
  const get = async (base: string, authorization?: string) => {
    const answer = await fetch(`${base}/metrics`, { headers: authorization ? { authorization } : {} });
    const text = await answer.text();
    t.equal(answer.status === 200, text.includes('process_cpu_seconds_total'), 'nothing shows in a refusal');
    return answer.status;
  };
  const { base, tokens } = system;
  t.equal(await get(base), 401);
  t.equal(await get(base, 'Bearer wrong'), 401);
  t.equal(await get(base, `Bearer ${token}x`), 401);
  t.equal(await get(base, `Basic ${token}`), 401);
  t.equal(await get(base, `Bearer ${tokens.mumbaiManager}`), 404);
  t.equal(await get(base, `Bearer ${tokens.country}`), 404);
  t.equal(await get(base, `Bearer ${tokens.admin}`), 200);
  t.equal(await get(base, `Bearer ${token}`), 200);
  t.equal(await get(workerUrl), 401);
  t.equal(await get(workerUrl, `Bearer ${tokens.admin}`), 401, 'the worker knows no users');
  t.equal(await get(workerUrl, `Bearer ${token}`), 200);
});

t.test('43. without a token set the worker has no /metrics', async (t) => {
  const worker = await startWorkerProcess(t, { ...system.env, METRICS_TOKEN: '' });
  for (const authorization of ['', 'Bearer ', `Bearer ${token}`]) {
    const answer = await fetch(`${worker.up.url}/metrics`, { headers: { authorization } });
    t.equal(answer.status, 404);
  }
});

t.test('the worker says that it lives and is ready, and nothing else', async (t) => {
  t.match(await (await fetch(`${workerUrl}/health`)).json(), { status: 'ok' });
  t.match(await (await fetch(`${workerUrl}/ready`)).json(), { status: 'ready', reasons: [] });
  t.equal((await fetch(`${workerUrl}/ready`, { method: 'HEAD' })).status, 200);
  t.equal((await fetch(`${workerUrl}/api/auth/login`, { method: 'POST', body: '{}' })).status, 404);
  t.equal((await fetch(`${workerUrl}/`)).status, 404);
});

t.test('a port that is taken stops the worker with one plain sentence', async (t) => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const env = { ...ownEnvironment(t), WORKER_PORT: String(port) };
  const started = startProcess(t, 'apps/worker/src/main.ts', env, 'working');
  const sentence = `The worker cannot start: Port ${port} is in use by another program.`;
  await t.rejects(started, { message: `apps/worker/src/main.ts has ended: ${sentence}` });
});

t.test('what happens is counted: requests, an upload with its rows, jobs, commands', async (t) => {
  const before = seriesOf(await metricsOf(workerUrl), 'import_rows_total', { result: 'inserted' }) ?? 0;
  const april = monthAt(0);
  const bytes = await statement(april, manyRows(30, 'mumbai'));
  t.equal((await system.upload(bytes, wire(april))).status, 200);
  t.equal((await system.upload(bytes, wire(april), { fields: { dryRun: 'true' } })).status, 200);
  const canary = 'canary-91c2';
  await fetch(`${system.base}/api/${canary}?x=${canary}`, { headers: { 'x-request-id': canary } });
  await fetch(`${system.base}/${canary}`);

  const unknown = { route: 'unknown', status: '404' };
  const api = await until('the last request to be counted', async () => {
    const text = await metricsOf(system.base);
    return seriesOf(text, 'http_requests_total', unknown) === 2 ? text : null;
  });
  t.equal(seriesOf(api, 'http_requests_total', { route: '/api/upload', method: 'POST', status: '200' }), 2);
  t.equal(seriesOf(api, 'http_request_duration_seconds_count', { route: '/api/upload', method: 'POST' }), 2);
  t.equal(seriesOf(api, 'http_requests_in_flight'), 1, 'this one');
  t.notOk(api.includes(canary), 'nothing that a caller wrote is a label');

  const worker = await metricsOf(workerUrl);
  t.equal(seriesOf(worker, 'import_rows_total', { result: 'inserted' }), before + 30);
  t.equal(seriesOf(worker, 'uploads_total', { mode: 'real', end: 'completed' }), 1);
  t.equal(seriesOf(worker, 'jobs_total', { name: 'upload.import', outcome: 'done' }), 2);
  t.equal(seriesOf(worker, 'jobs_total', { name: 'upload.import', outcome: 'failed' }), 0);
  t.ok(seriesOf(worker, 'mongodb_command_duration_seconds_count', { command: 'find' })! > 0);
  for (const text of [api, worker]) {
    t.match(
      ['ready', 'mongodb_up', 'redis_up', 'migrations_pending'].map((name) => seriesOf(text, name)),
      [1, 1, 1, 0],
    );
    t.equal(seriesOf(text, 'queue_jobs', { system: 'receivables', state: 'waiting' }), 0);
    t.equal(seriesOf(text, 'queue_oldest_waiting_seconds', { system: 'receivables' }), 0);
    t.ok(seriesOf(text, 'redis_ping_seconds')! > 0);
    t.ok(seriesOf(text, 'redis_memory_used_bytes')! > 0);
    t.ok(seriesOf(text, 'nodejs_eventloop_lag_p99_seconds')! > 0);
  }
});

t.test('a job that nobody takes is seen waiting, and for how long', async (t) => {
  const { child } = system.worker;
  child.kill('SIGSTOP');
  t.teardown(() => child.kill('SIGCONT'));
  const may = monthAt(1);
  const headers = { prefer: 'respond-async' };
  const answer = await system.upload(await statement(may, manyRows(30, 'mumbai')), wire(may), { headers });
  t.equal(answer.status, 202);
  const text = await until('it to have waited for two seconds', async () => {
    const now = await metricsOf(system.base);
    return seriesOf(now, 'queue_oldest_waiting_seconds', { system: 'receivables' })! > 2 ? now : null;
  });
  t.ok(seriesOf(text, 'queue_jobs', { system: 'receivables', state: 'waiting' })! >= 1);
  child.kill('SIGCONT');
  await until('it to have been done', async () => {
    const { body } = await system.call('country', 'GET', `/upload/${answer.body.uploadId}/status`);
    return body.status === 'completed';
  });
});

t.test('with a server away its old figures are gone, and the rest is there', async (t) => {
  const away = { MONGODB_URI: 'mongodb://127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' };
  const api = await startApiProcess(t, { ...system.env, ...away });
  const text = await metricsOf(String(api.up.url));
  t.same(
    ['mongodb_up', 'redis_up', 'ready'].map((name) => seriesOf(text, name)),
    [0, 0, 0],
  );
  for (const name of ['mongodb_ping_seconds', 'migrations_pending', 'redis_ping_seconds', 'queue_jobs']) {
    t.equal(seriesOf(text, name), undefined, name);
  }
  t.ok(seriesOf(text, 'process_cpu_seconds_total') !== undefined);
});

t.test('a caller who hangs up is counted, and is not in flight for ever', async (t) => {
  const gone = new AbortController();
  system.worker.child.kill('SIGSTOP');
  t.teardown(() => system.worker.child.kill('SIGCONT'));
  const june = monthAt(2);
  const form = new FormData();
  form.append('month', wire(june));
  form.append('file', new Blob([(await statement(june, manyRows(30, 'mumbai'))) as never]), 'june.xlsx');
  const headers = { authorization: `Bearer ${system.tokens.country}` };
  const init = { method: 'POST', headers, body: form, signal: gone.signal };
  const waiting = fetch(`${system.base}/api/upload`, init);
  await until('it to be in flight', async () => {
    return seriesOf(await metricsOf(system.base), 'http_requests_in_flight') === 2;
  });
  gone.abort();
  await t.rejects(waiting);
  const text = await until('it to be counted', async () => {
    const now = await metricsOf(system.base);
    return seriesOf(now, 'http_requests_total', { status: 'aborted' }) === 1 ? now : null;
  });
  t.equal(seriesOf(text, 'http_requests_in_flight'), 1, 'this one');
});

/** Names of series in PromQL: words that are no function, keyword, label or text. */
function namesIn(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, '');
  const words = bare.match(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g) ?? [];
  const keywords = ['and', 'or', 'unless', 'bool', 'offset'];
  return words.filter((word) => !keywords.includes(word) && !/^e\d*$/.test(word));
}

t.test('every series that an alarm or a dashboard asks for is exported', async (t) => {
  const exported = new Set(['up']);
  for (const url of [system.base, workerUrl]) {
    for (const [, name] of (await metricsOf(url)).matchAll(/^([a-zA-Z_:][\w:]*)(?:\{| )/gm))
      exported.add(name!);
  }
  const rules = alerts().map(({ alert, expr }) => [alert, expr]);
  const boards = dashboards().flatMap(({ file, panels }) =>
    panels.flatMap((panel: Json) => panel.targets.map(({ expr }: Json) => [`${file}: ${panel.title}`, expr])),
  );
  t.ok(rules.length > 10 && boards.length > 30);
  for (const [where, expression] of [...rules, ...boards]) {
    const names = namesIn(expression);
    t.ok(names.length > 0, where);
    for (const name of names) t.ok(exported.has(name), `${where}: ${name}`);
  }
});

function alerts(): Json[] {
  return parse(read('deploy/prometheus/alerts.yml')).groups.flatMap((group: Json) => group.rules);
}

function dashboards(): Json[] {
  const folder = 'deploy/grafana/dashboards';
  return readdirSync(join(root, folder)).map((file) => ({ file, ...JSON.parse(read(`${folder}/${file}`)) }));
}

t.test('every alarm says how bad it is, what it means and where to read what to do', async (t) => {
  const text = read('docs/alarms.md');
  const headings = [...text.matchAll(/^## (\w+)$/gm)].map(([, name]) => name!);
  const names = alerts().map(({ alert }) => alert);
  t.same(headings.sort(), [...names].sort(), 'docs/alarms.md explains them all, and no others');
  t.equal(new Set(names).size, names.length);
  for (const { alert, expr, for: duration, labels, annotations } of alerts()) {
    t.type(expr, 'string');
    t.match(duration, /^\d+[mh]$/, alert);
    t.match(labels.severity, /^(critical|warning)$/, alert);
    t.match(annotations.summary, /.{20,}\.$/, alert);
    t.equal(annotations.runbook_url, `docs/alarms.md#${alert.toLowerCase()}`, alert);
  }
});

t.test('dashboards and provisioning are well-formed and name each other rightly', async (t) => {
  const source = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')).datasources[0];
  for (const { file, uid, panels } of dashboards()) {
    t.equal(`${uid}.json`, file);
    t.equal(new Set(panels.map((panel: Json) => panel.id)).size, panels.length);
    for (const panel of panels) t.equal(panel.datasource.uid, source.uid, panel.title);
  }
  const prometheus = parse(read('deploy/prometheus/prometheus.yml'));
  for (const file of prometheus.rule_files) t.ok(existsSync(join(root, 'deploy/prometheus', file)), file);
  t.same(prometheus.scrape_configs.map((each: Json) => each.job_name).sort(), ['api', 'worker']);
});
