import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { manyRows, monthAt, statement, wire } from '../contract/sheets.ts';
import { figuresOf, type Json, type System, startSystem } from '../contract/support.ts';
import { startWorkerProcess, until } from '../harness/processes.ts';
import { ownMongo, ownRedis } from './servers.ts';

t.setTimeout(600_000);
const month = monthAt(4);
const later = { headers: { prefer: 'respond-async' } };
/** With a long event loop stop as people mean it; a short lease shows the same in seconds. */
const long = process.env.OPERATIONS_LONG === '1';

const statusOf = (system: System, id: string) => system.get('country', `/upload/${id}/status`);

async function ended(system: System, id: string): Promise<Json> {
  return until('the end of the import', async () => {
    const status = await statusOf(system, id).catch(() => null);
    return status?.finishedAt == null ? null : status;
  });
}

async function half(system: System, id: string): Promise<void> {
  await until('the middle', async () => (await statusOf(system, id)).progress >= 0.4);
}

t.test(
  '26. MongoDB crashes and comes back in mid-import, with people entering notes: nothing lost, nothing doubled',
  async (t) => {
    const mongo = await ownMongo(t);
    const system = await startSystem(t, { env: { MONGODB_URI: `${mongo.url}/outage` } });
    const { platform } = system;
    await system.take(month, manyRows(50, 'delhi', 'D'));
    const bytes = await statement(month, manyRows(15_000, 'mumbai'));
    const { uploadId } = (await system.upload(bytes, wire(month), later)).body;

    const acknowledged: number[] = [];
    const refused: Json[] = [];
    let stopped = false;
    const writers = [1, 2, 3].map(async (writer) => {
      for (let nth = 0; !stopped; nth += 1) {
        const answer = await system.put('country', `/customers/D${writer}/notes`, { newNotes: `${nth}` });
        if (answer.status === 200) acknowledged[writer] = nth;
        else refused.push({ status: answer.status, code: answer.body.code });
        await delay(20);
      }
    });
    await half(system, uploadId);
    const before = [...acknowledged];
    await mongo.stop('SIGKILL');
    await until('a refusal', () => refused.length > 0);
    t.equal((await fetch(`${system.base}/health`)).status, 200, '59. the process lives');
    const ready = await fetch(`${system.base}/ready`);
    t.equal(ready.status, 503);
    t.match(((await ready.json()) as Json).reasons, ['MongoDB does not answer.']);
    await mongo.start();
    await until('notes again', () =>
      [1, 2, 3].every((writer) => acknowledged[writer]! > before[writer]! + 1),
    );
    const status = await ended(system, uploadId);
    stopped = true;
    await Promise.all(writers);

    t.match(status, { status: 'completed', counts: { read: 15_000, inserted: 15_000 } });
    t.same(
      refused.filter(({ status, code }) => status !== 503 || code !== 'NOT_READY'),
      [],
      'refused in a form one can go by',
    );
    t.match(figuresOf(await system.get('country', '/dashboard', { month: wire(month) })), {
      total: 15_050 * 100_00,
      invoices: 15_050,
      customers: 15_050,
    });
    const ledger = await platform.db.collection('receivables_ledger').findOne({});
    t.equal((ledger as Json).imports.length, 2, 'in force once');
    const notes = await platform.db
      .collection('receivables_customers')
      .find({ notes: { $exists: true } })
      .toArray();
    for (const writer of [1, 2, 3]) {
      t.ok(
        notes.some((each) => each.notes === `${acknowledged[writer]}`),
        'the last note that was acknowledged',
      );
    }
    await until('readiness', async () => (await fetch(`${system.base}/ready`)).status === 200);
  },
);

t.test(
  '23. Redis crashes and comes back in mid-import: refused at once, reads go on, all resumes unaided',
  async (t) => {
    const redis = await ownRedis(t);
    const system = await startSystem(t, { env: { REDIS_URL: redis.url } });
    const bytes = await statement(month, manyRows(12_000, 'mumbai'));
    const { uploadId } = (await system.upload(bytes, wire(month), later)).body;
    await half(system, uploadId);
    await redis.stop('SIGKILL');
    const began = performance.now();
    const second = await system.upload(
      await statement(month, manyRows(20, 'delhi', 'D')),
      wire(month),
      later,
    );
    t.ok(performance.now() - began < 10_000, 'within 2 s, five-fold slack');
    t.match(second, { status: 503, body: { code: 'NOT_READY' } });
    const reading = await system.call('country', 'GET', `/dashboard?month=${wire(month)}`);
    t.equal(reading.status, 200, 'reads go on');
    t.match(
      await ended(system, uploadId),
      { status: 'completed', counts: { inserted: 12_000 } },
      'the import too',
    );
    await redis.start();
    const [newest] = await system.get<Json[]>('country', '/upload');
    t.match(
      await ended(system, newest!.uploadId),
      { status: 'completed', counts: { inserted: 20 } },
      'the one that was kept',
    );
    await until('uploads again', async () => (await system.upload(bytes, wire(month))).status === 200);
    t.match(figuresOf(await system.get('country', '/dashboard', { month: wire(month) })), {
      invoices: 12_020,
    });
  },
);

t.test(
  `19. a worker halted for ${long ? '60 s' : 'longer than the lease'} in mid-import → a second run at most, one effect`,
  async (t) => {
    const system = await startSystem(t, { env: long ? { JOB_LEASE_MS: '15000' } : { JOB_LEASE_MS: '1500' } });
    const { platform, worker } = system;
    const bytes = await statement(month, manyRows(12_000, 'mumbai'));
    const { uploadId } = (await system.upload(bytes, wire(month), later)).body;
    await half(system, uploadId);
    worker.child.kill('SIGSTOP');
    await startWorkerProcess(t, system.env);
    // The lease of the halted one has to end first; that time is what this test is about.
    if (long) await delay(60_000);
    const status = await ended(system, uploadId);
    worker.child.kill('SIGCONT');
    await until('the halted one to give up', () =>
      worker.lines.some((line) => /another worker|taken over|could not be kept/.test(line)),
    );
    t.match(status, { status: 'completed', counts: { read: 12_000, inserted: 12_000 } });
    t.match(
      await statusOf(system, uploadId),
      { ...status, counts: status.counts },
      'the late one has changed nothing',
    );
    const record = (await platform.db.collection('uploads').findOne({})) as Json;
    t.ok(record.attempts <= 2, 'a second run at most');
    const ledger = (await platform.db.collection('receivables_ledger').findOne({})) as Json;
    t.equal(ledger.imports.length, 1, 'one effect');
    t.match(figuresOf(await system.get('country', '/dashboard', { month: wire(month) })), {
      invoices: 12_000,
    });
  },
);

t.test(
  '20. killed in every run of an import → failed with a reason, never “processing” for ever',
  async (t) => {
    const system = await startSystem(t);
    const bytes = await statement(month, manyRows(15_000, 'mumbai'));
    await system.worker.end();
    const { uploadId } = (await system.upload(bytes, wire(month), later)).body;
    const attempts = async () =>
      ((await system.platform.db.collection('uploads').findOne({})) as Json).attempts;
    for (let nth = 1; nth <= 5; nth += 1) {
      const worker = await startWorkerProcess(t, system.env);
      await until(`run ${nth}`, async () => (await attempts()) === nth);
      await worker.end('SIGKILL');
      t.match(await statusOf(system, uploadId), { status: 'processing' }, `killed in run ${nth}`);
    }
    await startWorkerProcess(t, system.env);
    t.match(await ended(system, uploadId), {
      status: 'failed',
      error: { code: 'UPLOAD_STALLED', message: String },
    });
    t.match(
      await system.get('country', '/dashboard', { month: wire(month) }),
      Object,
      'nothing of it is in force',
    );
    t.equal((await system.take(month, manyRows(10, 'mumbai'))).status, 'completed', 'the next one runs');
  },
);
