import { Type } from '@sinclair/typebox';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { ObjectId } from 'mongodb';
import t, { type Test } from 'tap';
import { createPlatform, type Platform } from '../src/data.ts';
import { startWorker, type WorkerModule } from '../src/jobs/worker.ts';
import { createUploadRepository } from '../src/uploads/repository.ts';
import { bodyOf, buildUser } from './http-support.ts';
import { openProxy } from './proxy.ts';
import { testWorkerModule } from './test-kind.ts';
import {
  buildForm,
  filesIn,
  openUploadApi,
  openUploads,
  redisUrl,
  removeKeys,
  until,
} from './upload-support.ts';

/** A worker in this process; ended with the test. */
async function work(t: Test, platform: Platform, module: WorkerModule = testWorkerModule) {
  const worker = await startWorker(platform, [module]);
  t.teardown(() => worker.close());
  return worker;
}

async function statusOf(platform: Platform, id: unknown) {
  const upload = await platform.uploads.get('receivables', id as string);
  return { ...upload, ended: upload.finishedAt !== null };
}

/** A queue as a dashboard would see it. */
function watchQueue(t: Test, platform: Platform): Queue {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = new Queue('receivables', { connection, prefix: platform.config.QUEUE_PREFIX });
  t.teardown(async () => {
    await queue.close();
    connection.disconnect();
  });
  return queue;
}

t.test('a missing, doubled or unknown handler stops the boot', async (t) => {
  const { platform } = await openUploads(t);
  const payloads = { tidy: Type.Object({}) };
  const start = (module: Partial<WorkerModule>) =>
    startWorker(platform, [{ ...testWorkerModule, ...module }]);
  await t.rejects(start({ jobs: { payloads, handlers: () => ({}) } }), { message: /no handler .* tidy/ });
  const twice = { 'upload.sweep': async () => {} };
  await t.rejects(start({ jobs: { payloads: {}, handlers: () => twice } }), { message: /two handlers/ });
  const kinds = testWorkerModule.importKinds(platform);
  await t.rejects(start({ importKinds: () => [...kinds, ...kinds] }), { message: /two import kinds/ });
  await t.rejects(start({ schedules: [{ job: 'nothing', when: { every: 1_000 } }] }), {
    message: /unknown job/,
  });
});

t.test('jobs of a module: checked when added and when run; schedules tick', async (t) => {
  const { platform } = await openUploads(t);
  const payloads = { tidy: Type.Object({ n: Type.Integer() }), tick: Type.Object({}) };
  const seen: number[] = [];
  let ticks = 0;
  await work(t, platform, {
    ...testWorkerModule,
    jobs: {
      payloads,
      handlers: () => ({
        tidy: async (payload) => {
          seen.push((payload as { n: number }).n);
        },
        tick: async () => {
          ticks += 1;
        },
      }),
    },
    schedules: [{ job: 'tick', when: { every: 300 } }],
  });
  const queue = platform.jobs.of('receivables', payloads);
  await queue.add('tidy', { n: 7 }, 'tidy-7');
  await t.rejects(queue.add('tidy', { n: 'x' } as never, 'tidy-x'), {
    message: /payload of the job tidy is wrong at "\/n"/,
  });
  await until('the job', () => seen.length === 1);
  await until('three ticks', () => ticks >= 3);
  const raw = watchQueue(t, platform);
  await raw.add('tidy', { n: 'x' }, { jobId: 'raw', attempts: 1 });
  await until('its refusal', async () => (await raw.getJob('raw'))?.failedReason?.includes('is wrong at'));
  await raw.add('bogus', {}, { jobId: 'bogus' });
  await until('its refusal', async () =>
    (await raw.getJob('bogus'))?.failedReason?.includes('no job called'),
  );
  t.same(seen, [7]);
  // As if Redis had lost everything: the schedule comes back by itself.
  await removeKeys(platform.config.QUEUE_PREFIX);
  const before = ticks;
  await until('ticks to go on', () => ticks >= before + 3);
});

t.test('21. a poison file has one attempt and stays visible; the next import runs', async (t) => {
  const { platform, send } = await openUploadApi(t);
  await work(t, platform);
  const refused = await bodyOf(await send(await buildForm({ how: 'poison' })));
  const next = await send(await buildForm());
  t.equal(next.status, 200);
  const poison = await statusOf(platform, refused.uploadId);
  t.match(poison, { status: 'failed', attempts: 1, error: { code: 'NO_ROWS' } });
  const job = await until('the failed job', () =>
    watchQueue(t, platform).getJob(`import-${refused.uploadId}`),
  );
  await until('its end', () => job.isFailed());
  t.match((await watchQueue(t, platform).getJob(job.id!))?.failedReason, /^NO_ROWS: /);
});

t.test('18. a fault in the middle is tried again, to the same state', async (t) => {
  const { platform, send } = await openUploadApi(t);
  await work(t, platform);
  const answer = await send(await buildForm({ how: 'broken-once', rows: '5' }));
  t.equal(answer.status, 200);
  const { uploadId } = await bodyOf(answer);
  t.match(await statusOf(platform, uploadId), { status: 'completed', attempts: 2, counts: { inserted: 5 } });
  t.equal(await platform.db.collection('effects').countDocuments(), 5);
});

t.test('20. begun too often → failed with a reason, never “processing” for ever', async (t) => {
  const { platform, send, logLines } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
  const uploads = platform.db.collection('uploads');
  // What five dead workers leave behind.
  const dead = await bodyOf(await send(await buildForm()));
  const lease = { token: 'dead', until: new Date(0) };
  const left = { status: 'processing', attempts: 5, lease, createdAt: new Date(0) };
  await uploads.updateOne({ _id: new ObjectId(dead.uploadId as string) }, { $set: left });
  await removeKeys(platform.config.QUEUE_PREFIX);
  // One that fails again and again, before its last attempt.
  const broken = await bodyOf(await send(await buildForm({ how: 'always-broken' })));
  await uploads.updateOne({ _id: new ObjectId(broken.uploadId as string) }, { $set: { attempts: 4 } });
  await work(t, platform);
  for (const { uploadId } of [dead, broken]) {
    const ended = await until('its end', async () => {
      const upload = await statusOf(platform, uploadId);
      return upload.ended ? upload : null;
    });
    t.match(ended, { status: 'failed', attempts: 5, lease: null, error: { code: 'UPLOAD_STALLED' } });
  }
  t.equal(await platform.db.collection('effects').countDocuments(), 0);
  const job = await watchQueue(t, platform).getJob(`import-${broken.uploadId}`);
  t.notMatch(JSON.stringify(job), /user@example\.com/, '59. no personal data in a job');
  t.notMatch(logLines.join(''), /user@example\.com/, '59. nor in the log');
});

t.test('22. two workers and two jobs for one import → one applies', async (t) => {
  const { platform, env, send } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
  const { uploadId } = await bodyOf(await send(await buildForm({ how: 'gated', rows: '4' })));
  const queue = watchQueue(t, platform);
  for (const jobId of ['again-1', 'again-2', 'again-3']) {
    await queue.add('upload.import', { uploadId, requestId: 'x' }, { jobId });
  }
  const second = await createPlatform(platform.config, {
    role: 'worker',
    systems: [testWorkerModule],
    log: platform.log,
  });
  t.teardown(() => second.close());
  await work(t, platform);
  await work(t, second);
  const others = () => queue.getJobCountByTypes('completed');
  await until('all but one to step back', async () => (await others()) >= 3);
  await platform.db.collection<{ _id: string }>('gates').insertOne({ _id: uploadId as string });
  await until('its end', async () => (await statusOf(platform, uploadId)).ended);
  t.match(await statusOf(platform, uploadId), { status: 'completed', attempts: 1 });
  t.equal(await platform.db.collection('runs').countDocuments(), 1);
  await until('no temporary file', async () => (await filesIn(env)).length === 1);
});

t.test(
  '23. Redis stopped: 503 within 2 s, file and record stay, reads go on; all resumes unaided',
  async (t) => {
    const proxy = await openProxy(t, redisUrl);
    const { platform, env, send, get } = await openUploadApi(t, { REDIS_URL: `redis://${proxy.host}` });
    await work(t, platform);
    t.equal((await send(await buildForm())).status, 200);
    await until('only the file itself to be left', async () => (await filesIn(env)).length === 1);
    await proxy.stop();
    const began = performance.now();
    const refused = await send(await buildForm({ rows: '6' }));
    t.ok(performance.now() - began < 10_000, 'within 2 s, five-fold slack');
    t.equal(refused.status, 503);
    t.ok(refused.headers.has('retry-after'));
    t.match(await bodyOf(refused), { code: 'NOT_READY' });
    t.equal((await filesIn(env)).length, 2, 'the file is kept');
    const list = (await (await get('/upload')).json()) as { uploadId: string; status: string }[];
    t.equal(list.length, 2);
    t.equal(list[0]?.status, 'queued');
    await proxy.start();
    await until('its import', async () => (await statusOf(platform, list[0]?.uploadId)).ended);
    t.match(await statusOf(platform, list[0]?.uploadId), { status: 'completed', attempts: 1 });
    const next = await until('uploads to be taken again', async () => {
      const answer = await send(await buildForm());
      return answer.status === 200 ? answer : null;
    });
    t.equal(next.status, 200);
  },
);

t.test(
  '24. killed between record and enqueueing, or Redis emptied: enqueued by the sweeper, once',
  async (t) => {
    const { platform, send } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
    const { uploadId } = await bodyOf(await send(await buildForm()));
    // Between POST and the worker Redis loses all; and a second record never had a job.
    await removeKeys(platform.config.QUEUE_PREFIX);
    const first = await platform.uploads.get('receivables', uploadId as string);
    const orphan = { ...first, _id: new ObjectId() };
    await createUploadRepository(platform.db).insert(orphan);
    await work(t, platform);
    for (const id of [uploadId, orphan._id.toHexString()]) {
      await until('its end', async () => (await statusOf(platform, id)).ended);
      t.match(await statusOf(platform, id), { status: 'completed', attempts: 1 });
    }
    t.equal(await platform.db.collection('runs').countDocuments(), 2);
  },
);

t.test('23. Redis away when API and worker start: the API says so; all runs when it comes', async (t) => {
  const proxy = await openProxy(t, redisUrl);
  await proxy.stop();
  const { platform, base, send } = await openUploadApi(t, { REDIS_URL: `redis://${proxy.host}` });
  await work(t, platform);
  t.match(await bodyOf(await fetch(`${base}/ready`)), { reasons: ['Redis does not answer.'] });
  t.equal((await send(await buildForm())).status, 503);
  await proxy.start();
  const [upload] = (await platform.uploads.list('receivables', { page: 1, limit: 1 })).uploads;
  const id = upload?._id.toHexString();
  await until('its import', async () => (await statusOf(platform, id)).ended);
  t.match(await statusOf(platform, id), { status: 'completed', attempts: 1 });
  await until('readiness', async () => (await fetch(`${base}/ready`)).status === 200);
});

t.test('24. a job that ended without its import (MongoDB was away) is replaced by the sweeper', async (t) => {
  const { platform, send } = await openUploadApi(t);
  await work(t, platform);
  const { uploadId } = await bodyOf(await send(await buildForm()));
  const queue = watchQueue(t, platform);
  await until('the job to end', async () => (await queue.getJob(`import-${uploadId}`))?.isCompleted());
  const unfinished = { $set: { status: 'queued', finishedAt: null } };
  await platform.db.collection('uploads').updateOne({ _id: new ObjectId(uploadId as string) }, unfinished);
  await until('its end', async () => (await statusOf(platform, uploadId)).ended);
  t.match(await statusOf(platform, uploadId), { status: 'completed', attempts: 2 });
});

t.test('24. an undo that has lost its job is done all the same', async (t) => {
  const { platform, send, users } = await openUploadApi(t);
  const worker = await startWorker(platform, [testWorkerModule]);
  const { uploadId } = await bodyOf(await send(await buildForm()));
  await worker.close();
  const user = await users.upsertUser(await buildUser());
  const by = { userId: user._id.toHexString(), name: user.name } as never;
  const asked = await platform.uploads.requestUndo('receivables', uploadId as string, by, 'request-id');
  t.equal(asked.undo?.state, 'queued');
  await removeKeys(platform.config.QUEUE_PREFIX);
  await work(t, platform);
  await until('the undo', async () => (await statusOf(platform, uploadId)).undo?.state === 'done');
  t.match((await statusOf(platform, uploadId)).undo, { attempts: 1, details: { removed: 3 }, error: null });
});

t.test('26. MongoDB stopped and started in mid-import → the import completes, nothing doubled', async (t) => {
  const uri = new URL(process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017');
  const proxy = await openProxy(t, uri.href);
  const { platform, env, send } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
  const through = new URL(env.MONGODB_URI!);
  through.host = proxy.host;
  through.searchParams.set('directConnection', 'true');
  const config = { ...platform.config, MONGODB_URI: through.href };
  const second = await createPlatform(config, {
    role: 'worker',
    systems: [testWorkerModule],
    log: platform.log,
  });
  t.teardown(() => second.close());
  await work(t, second);
  const { uploadId } = await bodyOf(await send(await buildForm({ how: 'gated', rows: '6' })));
  await until('the middle', async () => (await platform.db.collection('effects').countDocuments()) === 3);
  await proxy.stop();
  await platform.db.collection<{ _id: string }>('gates').insertOne({ _id: uploadId as string });
  await proxy.start();
  await until('its end', async () => (await statusOf(platform, uploadId)).ended);
  t.match(await statusOf(platform, uploadId), { status: 'completed', counts: { inserted: 6 } });
  t.equal(await platform.db.collection('effects').countDocuments(), 6);
});

t.test('25. missing migrations → not ready, and says which', async (t) => {
  const { platform, base } = await openUploadApi(t);
  t.equal((await fetch(`${base}/ready`)).status, 200);
  await platform.db.collection('migrations').deleteOne({}, {});
  const answer = await fetch(`${base}/ready`);
  t.equal(answer.status, 503);
  t.match((await bodyOf(answer)).reasons, [/^1 migrations are missing, .*pnpm migrate latest/]);
});
