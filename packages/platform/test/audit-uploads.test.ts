import { randomBytes } from 'node:crypto';
import { ObjectId } from 'mongodb';
import t from 'tap';
import type { AuditEntry } from '../src/audit/outbox.ts';
import { createUploadClaims, type ImportEnd } from '../src/uploads/claims.ts';
import { importEntry } from '../src/uploads/entries.ts';
import type { UploadDocument } from '../src/uploads/model.ts';
import { bodyOf } from './http-support.ts';
import { buildForm, killed, openUploadApi, startWorkerProcess, until } from './upload-support.ts';

t.setTimeout(240_000);

const actionsOf = (entries: AuditEntry[]) => entries.map((each) => each.action);

t.test(
  '17. a worker killed in mid-import: one entry of its end, by whoever ended it; then in the chain',
  async (t) => {
    const { platform, env, headers, base, send } = await openUploadApi(t);
    const { audit, db } = platform;
    const first = await startWorkerProcess(t, env);
    const { uploadId } = (await bodyOf(
      await send(await buildForm({ how: 'gated', rows: '40' }), { prefer: 'respond-async' }),
    )) as { uploadId: string };
    const history = () => audit.listOf('receivables', { type: 'upload', id: uploadId });
    await until('half of it', async () => (await db.collection('effects').countDocuments()) >= 20);
    t.same(actionsOf(await history()), ['upload.submit']);
    await killed(first, 'SIGKILL');
    await startWorkerProcess(t, env);
    await until('the second run', async () => (await db.collection('runs').countDocuments()) === 2);
    t.same(actionsOf(await history()), ['upload.submit'], 'nothing of the run that was killed');
    await db.collection<{ _id: string }>('gates').insertOne({ _id: uploadId });
    await until('its end', async () => (await history()).length === 2);
    t.match(await history(), [
      { action: 'upload.submit', actor: { name: 'Asha Rao' } },
      { action: 'upload.import', after: { status: 'completed', counts: { read: 40 }, error: null } },
    ]);
    const undo = await fetch(`${base}/api/upload/${uploadId}/undo`, { method: 'POST', headers });
    t.equal(undo.status, 200);
    await until('the worker to move all of it', async () => (await audit.waiting()) === 0);
    t.same(actionsOf(await history()), [
      'upload.submit',
      'upload.import',
      'upload.undo-request',
      'upload.undo',
    ]);
    const report = await audit.verify();
    t.match(report, { fault: null });
    t.equal(report.entries, await db.collection('audit_chain').countDocuments());
  },
);

t.test(
  '22. of many that end one import one tells of it; one that has lost its lease tells nothing',
  async (t) => {
    const { platform, send } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
    const { uploadId } = (await bodyOf(await send(await buildForm()))) as { uploadId: string };
    const claims = createUploadClaims(platform.db, platform.clock);
    const id = new ObjectId(uploadId);
    const token = randomBytes(12).toString('hex');
    const upload = (await claims.claimImport(id, token, 60_000)) as UploadDocument;
    const end = {
      status: 'completed',
      counts: null,
      warnings: [],
      errors: [],
      errorCount: 0,
      error: null,
    } as unknown as ImportEnd;
    const finish = (by: string) => claims.finishImport(id, by, end, importEntry(upload, end, new Date()));
    t.equal(await finish('another worker'), false);
    const done = await Promise.all(Array.from({ length: 10 }, () => finish(token)));
    t.equal(done.filter(Boolean).length, 1);
    const history = await platform.audit.listOf('receivables', { type: 'upload', id: uploadId });
    t.same(actionsOf(history), ['upload.submit', 'upload.import']);
  },
);

t.test('20. an import that is given up says so', async (t) => {
  const { platform, env, send } = await openUploadApi(t, { UPLOAD_WAIT_MS: '0' });
  const { uploadId } = (await bodyOf(await send(await buildForm()))) as { uploadId: string };
  await platform.db
    .collection('uploads')
    .updateOne({ _id: new ObjectId(uploadId) }, { $set: { attempts: 5, createdAt: new Date(0) } });
  await startWorkerProcess(t, env);
  const history = () => platform.audit.listOf('receivables', { type: 'upload', id: uploadId });
  await until('its end', async () => (await history()).length === 2);
  t.match((await history())[1], {
    action: 'upload.import',
    after: { status: 'failed', error: 'UPLOAD_STALLED' },
  });
});

t.test('a dry run tells nothing', async (t) => {
  const { platform, env, send } = await openUploadApi(t);
  await startWorkerProcess(t, env);
  const { uploadId, status } = await bodyOf(await send(await buildForm({ dryRun: 'true' })));
  t.equal(status, 'completed');
  t.same(await platform.audit.listOf('receivables', { type: 'upload', id: String(uploadId) }), []);
});
