import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { programOf, until } from '../harness/processes.ts';
import { running, type SheetRow } from './sheets.ts';
import { type Json, startSystem, type Who } from './support.ts';

const system = await startSystem(t);
const { take, get, call, ids, env } = system;
t.beforeEach(() => system.clear());
t.setTimeout(180_000);

const row = (code: string, region: string, number: string, amount: number): SheetRow => ({
  ...{ code, region, number, amount },
});
const change = (path: string, body: Json, tag: string | null = null, who: Who = 'country') =>
  call(who, 'PUT', `/customers/${path}`, { body, ...(tag === null ? {} : { headers: { 'if-match': tag } }) });
const tagOf = async (code: string, who: Who = 'country') => {
  const answer = await call(who, 'GET', `/customers/${code}`);
  t.equal(answer.status, 200);
  return answer.headers.get('etag')!;
};

t.test(
  'GET /customers/:id: one customer as in the list, with an ETag; outside the scope not found',
  async (t) => {
    await take(running, [row('A', 'mumbai', '1', 100), row('B', 'delhi', '2', 50)]);
    for (const who of ['country', 'mumbaiManager', 'mumbaiEngineer'] as const) {
      const listed = (await get(who, '/customers')).find((each: Json) => each.customerCode === 'A');
      const one = await call(who, 'GET', '/customers/A');
      t.same(one.body, listed, who);
      t.match(one.headers.get('etag'), /^"v\d+"$/);
      t.match(one.headers.get('cache-control'), /no-store/, 'amounts change under one tag');
      t.same((await call(who, 'GET', `/customers/${listed.id}`)).body, listed, 'by its id');
    }
    t.match(await call('mumbaiManager', 'GET', '/customers/B'), { status: 404, body: { code: 'NOT_FOUND' } });
    t.equal((await call('noRegion', 'GET', '/customers/A')).status, 404);
    t.equal((await call('country', 'GET', '/customers/never')).status, 404);
    t.equal(
      (await call('country', 'GET', '/customers/A?financialYear=1999-2000')).status,
      404,
      'not listed there',
    );
  },
);

t.test(
  '55. If-Match: the version that is there is taken, another one is 412 and changes nothing',
  async (t) => {
    await take(running, [row('A', 'mumbai', '1', 100)]);
    const changes: [string, Json, Json][] = [
      ['A/remark', { newRemark: 'dispute' }, { newRemark: 'none' }],
      ['A/notes', { newNotes: 'one' }, { newNotes: 'two' }],
      ['A/assign-engineer', { engineerId: ids.mumbaiEngineer }, { engineerId: ids.mumbaiEngineer2 }],
      ['A/invoices/1/dispute', { newStatus: 'dispute' }, { newStatus: 'unpaid' }],
    ];
    for (const [path, body, other] of changes) {
      const tag = await tagOf('A');
      const done = await change(path, body, tag);
      t.match(done, { status: 200, body: { success: true } }, path);
      t.equal(done.headers.get('etag'), await tagOf('A'), 'the answer has the new one');
      t.not(done.headers.get('etag'), tag);
      const before = await get('country', '/customers');
      for (const old of [tag, '"v999"', '"x"', 'W/"v998"']) {
        t.match(await change(path, other, old), { status: 412, body: { code: 'STALE' } }, `${path} ${old}`);
      }
      t.same(await get('country', '/customers'), before);
      t.equal((await change(path, other, done.headers.get('etag'))).status, 200);
      t.equal((await change(path, body, '*')).status, 200);
      t.equal((await change(path, other)).status, 200, 'as front-ends of before send it');
    }
  },
);

t.test('55. fifty changes of one version at once: one is made', async (t) => {
  await take(running, [row('A', 'mumbai', '1', 100)]);
  for (let round = 0; round < 3; round += 1) {
    const tag = await tagOf('A');
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => {
        const notes = { newNotes: `round ${round}, number ${n}` };
        const engineerId = (round + n) % 4 === 1 ? ids.mumbaiEngineer : ids.mumbaiEngineer2;
        if (n % 3 === 0) return change('A/notes', notes, tag);
        if (n % 3 === 1) return change('A/assign-engineer', { engineerId }, tag);
        return change('A/invoices/1/dispute', { newStatus: round % 2 === 0 ? 'dispute' : 'unpaid' }, tag);
      }),
    );
    const statuses = answers.map((answer) => answer.status);
    t.equal(statuses.filter((status) => status === 200).length, 1);
    t.equal(statuses.filter((status) => status === 412).length, 49);
  }
});

t.test('what people do comes into the chain, with what it replaced; the command proves it', async (t) => {
  await take(running, [row('A', 'mumbai', '1', 100)]);
  for (const answer of [
    await change('A/remark', { newRemark: 'dispute' }),
    await change('A/remark', { newRemark: 'dispute' }),
    await change('A/invoices/1/dispute', { newStatus: 'paid' }, null, 'mumbaiManager'),
  ]) {
    t.equal(answer.status, 200);
  }
  const search = (query: string) => get('admin', `/admin/audit?${query}`);
  const found = await until('the worker to move them', async () => {
    const { entries, waiting } = await search('objectType=customer&objectId=a');
    return waiting === 0 && entries.length >= 2 ? entries : null;
  });
  const newest = found.slice(0, 2);
  t.match(newest, [
    {
      action: 'invoice.status',
      actor: { name: 'Meera Manager' },
      after: { invoiceNumber: '1', status: 'paid' },
    },
    { action: 'customer.remark', before: { remark: 'none' }, after: { remark: 'dispute' } },
  ]);
  t.match(newest[0].before, { status: 'unpaid' });

  const head = join(env.DATA_DIR!, 'head.json');
  await writeFile(head, JSON.stringify(await get('admin', '/admin/audit/head')));
  const verified = await audit('verify', '--head', head);
  t.match(verified, { code: 0, text: /The audit chain is whole: \d+ entries/ });
  t.match(verified.text, /It holds the head/);

  const { db } = system.platform;
  const forged = { action: 'invoice.status', 'after.status': 'paid' };
  await db.collection('audit_chain').updateOne(forged, { $set: { 'actor.name': 'Nobody' } });
  t.match(await audit('verify'), { code: 1, text: /NOT whole. First at entry \d+ \(changed\)/ });
});

/** The command as an operator runs it. */
async function audit(...args: string[]): Promise<{ code: number; text: string }> {
  const given = [...programOf('apps/worker/src/audit.ts'), ...args];
  const options = { env: { ...process.env, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, given, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr });
    });
  });
}
