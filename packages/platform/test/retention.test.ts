import { rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ObjectId } from 'mongodb';
import t from 'tap';
import { createHousekeeping } from '../src/uploads/retention.ts';
import { bodyOf } from './http-support.ts';
import { buildForm, openUploadApi, openUploads } from './upload-support.ts';

const day = 86_400_000;

/** The platform as it will be in so many days. */
const later = <T extends { clock: () => Date }>(platform: T, days: number): T => ({
  ...platform,
  clock: () => new Date(Date.now() + days * day),
});

async function keepFile(
  platform: Awaited<ReturnType<typeof openUploads>>['platform'],
  text = 'x',
): Promise<string> {
  return (await platform.files.stage(Readable.from([Buffer.from(text)]))).commit();
}

const keysOf = async (platform: Awaited<ReturnType<typeof openUploads>>['platform']) => {
  const keys: string[] = [];
  for await (const { key } of platform.files.list()) keys.push(key);
  return keys.sort();
};

t.test(
  'files and row errors go when their time is over; never those that can be in force or undone',
  async (t) => {
    const { platform, get } = await openUploadApi(t, { UPLOAD_RETENTION_DAYS: '30' });
    const uploads = platform.db.collection<{ _id: ObjectId; fileKey: string }>('uploads');
    const now = new Date();
    const record = async (name: string, facts: Record<string, unknown>) => {
      const common = {
        ...{
          system: 'receivables',
          kind: 'test.numbers',
          fileName: `${name}.xlsx`,
          sha256: '',
          size: 1,
          params: {},
        },
        ...{
          createdBy: { userId: 'u', name: 'Asha' },
          createdAt: now,
          finishedAt: now,
          dryRun: false,
          undo: null,
        },
        ...{
          duplicateOf: null,
          errors: [{ row: 2, value: 'private' }],
          errorCount: 1,
          error: null,
          counts: null,
        },
        ...{
          warnings: [],
          message: null,
          details: {},
          progress: 1,
          status: 'completed',
          attempts: 1,
          lease: null,
        },
      };
      const _id = new ObjectId();
      await uploads.insertOne({ _id, ...common, ...facts, fileKey: await keepFile(platform) } as never);
      await platform.db.collection('upload_errors').insertOne({ uploadId: _id, row: 3, value: 'private' });
      return _id;
    };
    const undone = (state: string, finishedAt: Date) => ({
      undo: { state, finishedAt, by: { name: 'Asha' }, requestedAt: now, error: null, details: {} },
    });
    const going = {
      failed: await record('failed', { status: 'failed' }),
      trial: await record('trial', { dryRun: true }),
      repetition: await record('repetition', { duplicateOf: 'another' }),
      undone: await record('undone', undone('done', now)),
    };
    const staying = {
      'in force': await record('in force', {}),
      'with errors': await record('with errors', { status: 'completed_with_errors' }),
      'undone just now': await record('undone just now', undone('done', new Date(Date.now() + 25 * day))),
      'undo failed': await record('undo failed', undone('failed', now)),
      'being undone': await record('being undone', undone('queued', now)),
      waiting: await record('waiting', { status: 'queued', finishedAt: null }),
      running: await record('running', { status: 'processing', finishedAt: null }),
    };

    const keepHouse = (days: number) => createHousekeeping(later(platform, days), 'receivables')();
    t.match(await keepHouse(29), { expired: 0, orphans: 0 });
    t.match(await keepHouse(31), { expired: 4, orphans: 0 });
    t.match(await keepHouse(31), { expired: 0, orphans: 0 }, 'once');
    const keys = await keysOf(platform);
    for (const [name, id] of Object.entries(going)) {
      const left = await uploads.findOne({ _id: id });
      t.match(left, { fileRemovedAt: Date, errors: [], errorCount: 1 }, name);
      t.notOk(keys.includes(left!.fileKey), `${name}: no file`);
      t.equal(await platform.db.collection('upload_errors').countDocuments({ uploadId: id }), 0, name);
    }
    for (const [name, id] of Object.entries(staying)) {
      const left = await uploads.findOne({ _id: id });
      t.ok(keys.includes(left!.fileKey), `${name}: the file is there`);
      t.equal(await platform.db.collection('upload_errors').countDocuments({ uploadId: id }), 1, name);
    }

    const removed = {
      fileRemoved: { code: 'UPLOAD_FILE_REMOVED', message: String, at: String },
      errorsUrl: undefined,
    };
    t.match(await bodyOf(await get(`/upload/${going.failed}/status`)), removed);
    const list = (await (await get('/upload')).json()) as { uploadId: string; fileRemoved?: object }[];
    t.equal(list.filter(({ fileRemoved }) => fileRemoved !== undefined).length, 4);
    const gone = await get(`/upload/${going.failed}/errors.xlsx`);
    t.equal(gone.status, 410);
    t.match(await bodyOf(gone), { code: 'UPLOAD_FILE_REMOVED' });
    t.equal((await get(`/upload/${staying['in force']}/errors.xlsx`)).status, 200);
  },
);

t.test('by default nothing is ever removed', async (t) => {
  const { platform, send } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
  await send(await buildForm());
  await platform.db
    .collection('uploads')
    .updateMany({}, { $set: { status: 'failed', finishedAt: new Date(0) } });
  t.match(await createHousekeeping(later(platform, 10_000), 'receivables')(), { expired: 0, orphans: 0 });
  t.equal((await keysOf(platform)).length, 1);
});

t.test('a crash between record and file: the file goes with those without a record', async (t) => {
  const { platform } = await openUploads(t, { UPLOAD_RETENTION_DAYS: '1' });
  const fileKey = await keepFile(platform);
  const facts = { system: 'receivables', fileKey, status: 'failed', fileRemovedAt: new Date(0) };
  await platform.db.collection('uploads').insertOne(facts);
  t.match(
    await createHousekeeping(later(platform, 0), 'receivables')(),
    { orphans: 0 },
    'younger than an hour',
  );
  t.match(await createHousekeeping(later(platform, 0.1), 'receivables')(), { expired: 0, orphans: 1 });
  t.same(await keysOf(platform), []);
});

t.test(
  'files without a record go after an hour, by when they got their name; uploads under way stay',
  async (t) => {
    const { platform, env, send } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
    await send(await buildForm());
    const [known] = await keysOf(platform);
    const orphan = await keepFile(platform);
    const young = await keepFile(platform);
    // Its bytes came in over two hours; kept it was just now.
    await utimes(
      join(env.DATA_DIR!, 'files', young),
      new Date(Date.now() - 2 * 3_600_000),
      new Date(Date.now() - 2 * 3_600_000),
    );
    const keepHouse = (hours: number) => createHousekeeping(later(platform, hours / 24), 'receivables')();
    t.match(await keepHouse(0.9), { orphans: 0 });
    t.same(await keysOf(platform), [known, orphan, young].sort());
    t.match(await keepHouse(1.1), { orphans: 2 });
    t.same(await keysOf(platform), [known]);
  },
);

t.test('files of another database are left alone, though no record here names them', async (t) => {
  const first = await openUploads(t);
  const fileKey = await keepFile(first.platform);
  await first.platform.db
    .collection('uploads')
    .insertOne({ system: 'receivables', fileKey, status: 'failed' });
  t.match(await createHousekeeping(later(first.platform, 1), 'receivables')(), { orphans: 0 });
  const second = await openUploads(t, { DATA_DIR: first.env.DATA_DIR });
  t.match(await createHousekeeping(later(second.platform, 1), 'receivables')(), { orphans: null });
  t.same(await keysOf(first.platform), [fileKey]);
  await rm(join(first.env.DATA_DIR!, 'files', 'database-id'));
  t.match(
    await createHousekeeping(later(second.platform, 1), 'receivables')(),
    { orphans: 1 },
    'once it is told',
  );
});

t.test('failed jobs stay for as many days as the setting says', async (t) => {
  const { platform } = await openUploads(t, { JOB_RETENTION_DAYS: '2' });
  const queue = platform.jobs.bullQueue('receivables');
  const { key } = await queue
    .add('upload.sweep', {}, { jobId: 'old' })
    .then(() => ({ key: queue.toKey('old') }));
  t.equal(JSON.parse((await platform.redis.hget(key, 'opts')) ?? '{}').removeOnFail.age, 2 * 86_400);
  const failed = async (id: string, days: number) => {
    const at = Date.now() - days * day;
    await queue.add('upload.sweep', {}, { jobId: id, timestamp: at });
    await platform.redis.lrem(queue.toKey('wait'), 0, id);
    await platform.redis.hset(queue.toKey(id), 'finishedOn', at);
    await platform.redis.zadd(queue.toKey('failed'), at, id);
  };
  await failed('three days', 3);
  await failed('one day', 1);
  t.match(await createHousekeeping(platform, 'receivables')(), { jobs: 1 });
  t.same(
    (await queue.getFailed()).map(({ id }) => id),
    ['one day'],
  );
});
