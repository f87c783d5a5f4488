import t from 'tap';
import { bodyOf } from './http-support.ts';
import { buildForm, filesIn, killed, openUploadApi, startWorkerProcess, until } from './upload-support.ts';

const { platform, env, send } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
const effects = platform.db.collection('effects');
const gates = platform.db.collection<{ _id: string }>('gates');
const runs = platform.db.collection('runs');

async function submit(fields: Record<string, string>): Promise<string> {
  const answer = await send(await buildForm(fields));
  return (await bodyOf(answer)).uploadId as string;
}

const record = (id: string) => platform.uploads.get('receivables', id);
const spools = async () => (await filesIn(env)).filter((path) => path.includes('/import-'));
const openGate = (id: string) => gates.insertOne({ _id: id });

async function ended(id: string) {
  return until('its end', async () => {
    const upload = await record(id);
    return upload.finishedAt === null ? null : upload;
  });
}

t.test(
  '17. killed at 50 % → taken up by another; one effect, as if nothing had been; no temp files',
  async (t) => {
    const first = await startWorkerProcess(t, env);
    const id = await submit({ how: 'gated', rows: '10' });
    await until('half of it', async () => (await effects.countDocuments({ upload: id })) === 5);
    t.equal((await record(id)).status, 'processing');
    await killed(first, 'SIGKILL');
    t.equal((await spools()).length, 1, 'it has left its temporary files');
    const second = await startWorkerProcess(t, env);
    await until('the second run', async () => (await runs.countDocuments({ upload: id })) === 2);
    await openGate(id);
    const upload = await ended(id);
    t.match(upload, { status: 'completed', attempts: 2, lease: null, counts: { read: 10, inserted: 10 } });
    t.equal(await effects.countDocuments({ upload: id }), 10);
    await until('no temporary file', async () => (await spools()).length === 0);

    const plain = await submit({ rows: '10' });
    const { counts, status, errors, message } = await ended(plain);
    t.same(
      { counts, status, errors, message },
      {
        counts: upload.counts,
        status: upload.status,
        errors: upload.errors,
        message: upload.message,
      },
    );
    t.equal(await killed(second, 'SIGTERM'), 0);
  },
);

t.test(
  '19. an event loop blocked for longer than the lease → a second run at most, one effect',
  async (t) => {
    const id = await submit({ how: 'blocked', rows: '10' });
    const workers = await Promise.all([startWorkerProcess(t, env), startWorkerProcess(t, env)]);
    const upload = await ended(id);
    t.match(upload, { status: 'completed', counts: { inserted: 10 } });
    t.ok(upload.attempts <= 2);
    t.equal(await effects.countDocuments({ upload: id }), 10);
    const finished = upload.finishedAt;
    await until('no temporary file', async () => (await spools()).length === 0);
    for (const worker of workers) t.equal(await killed(worker, 'SIGTERM'), 0);
    t.same((await record(id)).finishedAt, finished, 'the late one has changed nothing');
  },
);

t.test(
  '27. SIGTERM → running work is handed back, uncounted; exit 0 in time; another finishes',
  async (t) => {
    const first = await startWorkerProcess(t, env);
    const id = await submit({ how: 'gated', rows: '4' });
    await until('half of it', async () => (await effects.countDocuments({ upload: id })) === 2);
    const began = performance.now();
    t.equal(await killed(first, 'SIGTERM'), 0);
    t.ok(performance.now() - began < 50_000, 'within 10 s, five-fold slack');
    t.match(await record(id), { status: 'queued', attempts: 0, lease: null });
    t.same(await spools(), []);
    const second = await startWorkerProcess(t, env);
    await openGate(id);
    t.match(await ended(id), { status: 'completed', attempts: 1 });
    t.equal(await killed(second, 'SIGTERM'), 0);
  },
);

t.test('27. SIGTERM with work that does not heed it → exit 0 all the same', async (t) => {
  const first = await startWorkerProcess(t, env);
  const id = await submit({ how: 'heedless', rows: '4' });
  await until('its begin', async () => (await effects.countDocuments({ upload: id })) === 1);
  t.equal(await killed(first, 'SIGTERM'), 0);
  t.match(await record(id), { status: 'queued', lease: null });
});
