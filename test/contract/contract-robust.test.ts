import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { removeKeys, startApiProcess, startWorkerProcess, until } from '../harness/processes.ts';
import { manyRows, monthAt, running, statement, wire } from './sheets.ts';
import { figuresOf, type Json, password, startSystem } from './support.ts';

const system = await startSystem(t);
const { upload, get, undo, platform, env } = system;
t.beforeEach(() => system.clear());
t.setTimeout(240_000);

const [april, may] = [0, 1].map(monthAt) as [string, string];
const later = { headers: { prefer: 'respond-async' } };
const dashboard = (month: string) => get('country', '/dashboard', { month: wire(month) });
const statusOf = (id: string) => get('country', `/upload/${id}/status`);
const ended = (id: string) =>
  until('the end of an import', async () => {
    const status = await statusOf(id);
    return status.finishedAt === null ? null : status;
  });

/** Every file below the data folder that belongs to a running import. */
async function spools(folder = env.DATA_DIR!): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  return entries.map((each) => join(each.parentPath, each.name)).filter((path) => path.includes('/import-'));
}

t.test('15. the same file twice at once → one import, one duplicate, one effect', async (t) => {
  const bytes = await statement(april, manyRows(200, 'mumbai'));
  const answers = await Promise.all([1, 2, 3].map(() => upload(bytes, wire(april))));
  t.same(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  t.equal(answers.filter(({ body }) => !body.duplicate).length, 1);
  for (const { body } of answers) t.match(body, { count: 200, counts: { read: 200, inserted: 200 } });
  t.match(figuresOf(await dashboard(april)), { total: 20_000_00, invoices: 200, customers: 200 });
});

t.test(
  '15. a week later, with Redis wiped in between → the first import’s result; after an undo it applies again',
  async (t) => {
    const bytes = await statement(april, manyRows(20, 'mumbai'));
    const first = (await upload(bytes, wire(april))).body;
    const week = new Date(Date.now() - 7 * 86_400_000);
    const times = { createdAt: week, startedAt: week, finishedAt: week };
    await platform.db.collection('uploads').updateMany({}, { $set: times });
    await removeKeys(platform.redis, env.QUEUE_PREFIX!);
    const again = (await upload(bytes, wire(april))).body;
    t.match(again, { duplicate: true, duplicateOf: first.uploadId, counts: first.counts });
    await undo(first.uploadId);
    t.match((await upload(bytes, wire(april))).body, { duplicate: false, counts: { inserted: 20 } });
  },
);

t.test(
  'two imports at once of different regions, and one of the same: each answer of one state, nothing lost',
  async (t) => {
    const books = await Promise.all([
      statement(april, manyRows(100, 'mumbai', 'M')),
      statement(april, manyRows(100, 'delhi', 'D')),
      statement(may, manyRows(50, 'mumbai', 'M')),
    ]);
    const months = [april, april, may];
    const answers = await Promise.all(books.map((bytes, index) => upload(bytes, wire(months[index]!))));
    t.same(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    t.match(figuresOf(await dashboard(april)), { total: 20_000_00, invoices: 200 });
    t.match(figuresOf(await dashboard(may)), { total: 15_000_00, recovered: 5_000_00, new: 0 });
  },
);

t.test(
  '17, 18, 22. the worker killed in mid-import, two started in its place → once, as if nothing had been',
  async (t) => {
    const rows = [...manyRows(12_000, 'mumbai'), ...manyRows(3_000, 'delhi', 'D')];
    const bytes = await statement(april, rows);
    const plain = (await upload(bytes, wire(april))).body;
    t.match(plain, { status: 'completed', count: 15_000 });
    const wanted = await dashboard(april);
    const customers = await get('country', '/customers', { page: '7', limit: '50' });
    await system.clear();

    const { body } = await upload(bytes, wire(april), later);
    await until('half of it', async () => (await statusOf(body.uploadId)).progress >= 0.5);
    await system.worker.end('SIGKILL');
    t.match(await statusOf(body.uploadId), { status: 'processing' }, 'killed while it ran');
    await Promise.all([startWorkerProcess(system.top, env), startWorkerProcess(system.top, env)]);
    const status = await ended(body.uploadId);
    t.match(status, { status: 'completed', counts: plain.counts, errorCount: 0, duplicate: false });
    t.same(await dashboard(april), wanted);
    t.same(await get('country', '/customers', { page: '7', limit: '50' }), customers);
    const record = await platform.db.collection('uploads').findOne({});
    t.ok((record as Json).attempts >= 2, 'a second run');
    await until('no temporary file', async () => (await spools()).length === 0);
  },
);

t.test('24. an upload whose job was lost is enqueued by the sweeper', async (t) => {
  const bytes = await statement(april, manyRows(5, 'mumbai'));
  const ids: string[] = [];
  for (let nth = 0; nth < 3; nth += 1) {
    const { body } = await upload(bytes, wire(april), { ...later, fields: { dryRun: 'true' } });
    ids.push(body.uploadId);
    await removeKeys(platform.redis, env.QUEUE_PREFIX!);
  }
  for (const id of ids) t.match(await ended(id), { status: 'completed' });
});

t.test(
  '58. 31 March and 1 April under three server zones: the same answers, each in its own year',
  async (t) => {
    const zones = ['UTC', 'America/Los_Angeles', 'Pacific/Auckland'];
    const seen = await Promise.all(
      zones.map(async (TZ) => {
        const own = { ...env, TZ, QUEUE_PREFIX: `${env.QUEUE_PREFIX}_${TZ.replace(/\W/g, '')}` };
        const api = await startApiProcess(t, own);
        const { token } = (await (
          await fetch(`${api.up.url}/api/auth/login`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ email: 'country@example.com', password }),
          })
        ).json()) as { token: string };
        const ask = async (path: string) =>
          (await fetch(`${api.up.url}/api${path}`, { headers: { authorization: `Bearer ${token}` } })).json();
        const answers = [
          await ask(`/dashboard?month=${wire(april)}`),
          await ask('/invoice-tracker'),
          await ask(`/dashboard?month=${wire(running)}`),
          await ask('/customers'),
        ];
        await api.end();
        return answers;
      }),
    );
    t.same(seen[1], seen[0]);
    t.same(seen[2], seen[0]);
  },
);
