import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { addMonths, dayInZone, isoDate, monthOfDay, wireMonth } from '@backoffice/core';
import { createPlatform, loadConfig } from '@backoffice/platform';
import { demoVersion } from '@backoffice/receivables/demo';
import t, { type Test } from 'tap';
import type { ExpectedSample } from '../../../samples/expected.ts';
import { signIn } from '../src/seed/api-client.ts';
import { createSeedMarker } from '../src/seed/marker.ts';
import { systems } from '../src/worker.ts';
import { programOf, seedEnv } from './seed-support.ts';

t.setTimeout(300_000);
const root = join(import.meta.dirname, '../../..');
const never = new AbortController().signal;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

const port = await freePort();
const env = seedEnv(t, {
  RECEIVABLES_PORT: String(port),
  HOST: '127.0.0.1',
  QUEUE_PREFIX: `seed-${randomBytes(4).toString('hex')}`,
});
const base = `http://127.0.0.1:${port}/api`;
const credentials = { name: 'country.manager@example.com', password: env.SEED_PASSWORD! };
const platform = await createPlatform(loadConfig(env), { role: 'cli', systems });
t.teardown(async () => {
  const keys = await platform.redis.keys(`${env.QUEUE_PREFIX}:*`);
  if (keys.length > 0) await platform.redis.del(keys);
  await platform.db.dropDatabase();
  await platform.close();
});

function run(script: string, args: string[] = []): ChildProcess {
  return spawn(process.execPath, [...programOf(script), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** A part of the system that runs until the test is over. */
function serve(t: Test, script: string): void {
  const child = run(script);
  child.stdout?.resume();
  t.teardown(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
}

/** Runs the seed; `until` is looked for in what it prints, and then `signal` is sent. */
async function seed(until?: RegExp, signal: NodeJS.Signals = 'SIGKILL') {
  const began = performance.now();
  const child = run('apps/worker/src/seed/main.ts');
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
    if (until?.test(output)) child.kill(signal);
  });
  const [code, killed] = await once(child, 'close');
  return { code, killed, output, ms: performance.now() - began };
}

const [migrated] = await once(run('apps/worker/src/migrate.ts', ['latest']), 'exit');
if (migrated !== 0) throw new Error('the migrations failed');
serve(t, 'apps/api/src/main.ts');
serve(t, 'apps/worker/src/main.ts');
for (let ready = false; !ready; ) {
  ready = await fetch(`http://127.0.0.1:${port}/ready`).then(
    (answer) => answer.ok,
    () => false,
  );
  if (!ready) await delay(100);
}

// A story of two months instead of twenty: the marker of a seed that was begun and then broken off.
const today = dayInZone(new Date(), env.TIME_ZONE ?? 'Asia/Kolkata');
const from = addMonths(monthOfDay(today), -1);
const marker = createSeedMarker(platform.db, 'receivables', () => new Date());
await marker.begin(demoVersion, { from, today: isoDate(today) });

t.test('a seed that is killed or stopped anywhere is taken up by the next start', async (t) => {
  t.equal((await seed(/statements +1\/2/)).killed, 'SIGKILL', 'between two statements');
  const stopped = await seed(/engineers +\d+\//, 'SIGTERM');
  t.equal(stopped.code, 1, 'among the engineers, asked to stop');
  t.notMatch(stopped.output, /follow-up/);
  t.equal((await seed(/follow-up/)).killed, 'SIGKILL', 'among remarks and notes');
  const whole = await seed();
  t.equal(whole.code, 0);
  t.match(await marker.find(), { finished: true });
  t.same(
    readdirSync(join(env.DATA_DIR!, 'demo')).filter((name) => !name.endsWith('.xlsx')),
    [],
    'no half of a file is left',
  );
});

interface Dashboard {
  kpis: { label: string; amount?: number; count?: number }[];
}
interface Customer {
  customerCode: string;
  remarks: string;
  notes: string;
  assignedEngineer: string;
}

t.test('figures of both months are what the clerk’s sheets say, and people have been at work', async (t) => {
  const api = await signIn(base, credentials, never);
  for (const month of [from, monthOfDay(today)]) {
    const { kpis } = await api.get<Dashboard>(`/dashboard?month=${wireMonth(month)}`);
    const count = (label: string) => kpis.find((kpi) => kpi.label === label)?.count ?? 0;
    t.ok(count('Total Invoices') > 2_000 && count('Total Invoices') < 2_800, `${month}`);
    t.ok(count('Disputed Invoices') > 30, `${count('Disputed Invoices')} in dispute`);
  }
  const customers = await api.get<Customer[]>('/customers');
  const share = (test: (customer: Customer) => boolean) => customers.filter(test).length / customers.length;
  t.ok(share((one) => one.assignedEngineer !== '') > 0.6, 'most customers have an engineer');
  t.ok(share((one) => one.remarks !== 'none') > 0.1, 'some have a remark');
  t.ok(share((one) => one.notes !== '') > 0.1, 'some have notes');
  // The sheet of the running month has no status column: people have said which disputes began and ended.
  platform.audit.register(['receivables_ledger']);
  await platform.audit.move();
  const told = { action: 'invoice.status' };
  const marked = await platform.db.collection('audit_chain').distinct('after.status', told);
  t.same(marked.sort(), ['dispute', 'unpaid']);
});

t.test('a second start finds everything, uploads nothing and keeps what people entered', async (t) => {
  const api = await signIn(base, credentials, never);
  const [first] = (await api.get<Customer[]>('/customers')).filter((one) => one.notes === '');
  await api.put(`/customers/${first!.customerCode}/remark`, { newRemark: 'write-off' });
  const uploads = await api.get<{ duplicate: boolean }[]>('/upload?limit=100');
  // The aim is two seconds.
  const again = await seed();
  t.equal(again.code, 0);
  t.equal(again.output, '', 'nothing to say');
  t.ok(again.ms < 10_000, `${Math.round(again.ms)} ms`);
  t.equal((await api.get<unknown[]>('/upload?limit=100')).length, uploads.length);
  const customers = await api.get<Customer[]>('/customers');
  t.equal(customers.find((one) => one.customerCode === first!.customerCode)?.remarks, 'write-off');
});

t.test('the samples give what their README promises, beside the demo data', async (t) => {
  const api = await signIn(base, credentials, never);
  const expected = JSON.parse(readFileSync(join(root, 'samples/expected.json'), 'utf8'));
  for (const [file, sample] of Object.entries(expected) as [string, ExpectedSample][]) {
    const { month, financialYear, counts, warnings, figures, errors } = sample;
    const { uploadId } = await api.upload(
      '/upload',
      join(root, 'samples', file),
      { month, financialYear },
      () => undefined,
    );
    const status = await api.get<{ counts: object; errors: object[]; warnings: { code: string }[] }>(
      `/upload/${uploadId}/status?errors=all`,
    );
    t.same(status.counts, counts, file);
    t.match(status.errors, errors);
    t.equal(status.errors.length, errors.length);
    const codes = status.warnings.map(({ code }) => code);
    for (const code of warnings) t.ok(codes.includes(code), code);
    if (!figures) continue;
    const { kpis } = await api.get<Dashboard>(`/dashboard?month=${month}`);
    const shown = new Map(kpis.map(({ label, amount, count }) => [label, amount ?? count]));
    t.equal(shown.get('Total Outstanding'), figures.total);
    t.equal(shown.get('Total Invoices'), figures.invoices);
    t.equal(shown.get('Disputed Invoices'), figures.disputed);
    t.equal(shown.get('Total Customers'), figures.customers);
  }
});

t.test('where somebody else has uploaded statements, no demo data is added to them', async (t) => {
  // As if a new month had begun since: the samples of the test above are somebody else's by now.
  await platform.db.collection('seeds').updateOne({}, { $pull: { done: `statement ${from}` as never } });
  const { code, output } = await seed();
  t.equal(code, 0);
  t.match(output, /no demo data was added/);
  await marker.begin(demoVersion + 1, { from, today: isoDate(today) });
  const other = await seed();
  t.match(other.output, /another version/);
});
