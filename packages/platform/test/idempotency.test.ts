import type { FastifyPluginAsync } from 'fastify';
import t from 'tap';
import { idempotencyOf } from '../src/http/idempotency.ts';
import { startWorker } from '../src/jobs/worker.ts';
import { bearer, bodyOf, buildModule, buildUser, listen, postJson, signIn } from './http-support.ts';
import { testWorkerModule } from './test-kind.ts';
import { buildForm, filesIn, openUploadApi } from './upload-support.ts';

const { platform, env, base, users, send, get } = await openUploadApi(t, { SWEEP_EVERY_MS: '60000' });
const worker = await startWorker(platform, [testWorkerModule]);
t.teardown(() => worker.close());
const uploads = platform.db.collection('uploads');

/** What is kept or on its way in; a worker's own temporary files come and go. */
const kept = async () => (await filesIn(env)).filter((path) => path.includes('/files/'));

let made = 0;
const newKey = () => `key-${process.pid}-${made++}`;
const sendWith = async (key: string, fields: Record<string, string> = {}, query = '', fileName = 'a.xlsx') =>
  send(await buildForm(fields, fileName), { 'idempotency-key': key }, query);

t.test('the same key and file again → the first answer, marked, and no second upload', async (t) => {
  const key = newKey();
  const before = await uploads.countDocuments();
  const first = await sendWith(key, { rows: '4' });
  t.equal(first.status, 200);
  t.equal(first.headers.get('idempotent-replayed'), null);
  const body = await bodyOf(first);
  const files = await kept();
  const again = await sendWith(key, { rows: '4' });
  t.equal(again.status, 200);
  t.equal(again.headers.get('idempotent-replayed'), 'true');
  t.same(await bodyOf(again), body);
  t.equal(await uploads.countDocuments(), before + 1);
  t.same(await kept(), files, 'the second file is not kept');
  t.equal((await get(`/upload/${body.uploadId}/status`)).headers.get('idempotent-replayed'), null);
});

t.test('a failed import is answered again as it was, by its key', async (t) => {
  const key = newKey();
  const first = await sendWith(key, { how: 'poison' });
  t.equal(first.status, 422);
  const { requestId: _first, ...body } = await bodyOf(first);
  const again = await sendWith(key, { how: 'poison' });
  t.equal(again.status, 422);
  t.equal(again.headers.get('idempotent-replayed'), 'true');
  const { requestId: _again, ...repeated } = await bodyOf(again);
  t.same(repeated, body);
});

t.test('the key with other fields, another file or another query → 422, nothing kept', async (t) => {
  const key = newKey();
  t.equal((await sendWith(key, { rows: '3' })).status, 200);
  const files = await kept();
  const before = await uploads.countDocuments();
  const other = await buildForm({ rows: '3' });
  other.set('file', new Blob([Buffer.from('PK\x03\x04 another')]), 'a.xlsx');
  for (const [name, answer] of Object.entries({
    fields: await sendWith(key, { rows: '2' }),
    more: await sendWith(key, { rows: '3', dryRun: 'true' }),
    query: await sendWith(key, { rows: '3' }, '?dryRun=true'),
  })) {
    t.equal(answer.status, 422, name);
    t.match(await bodyOf(answer), { code: 'IDEMPOTENCY_KEY_REUSED' }, name);
  }
  t.not((await send(other, { 'idempotency-key': key })).status, 200, 'a broken file is refused before that');
  t.same(await kept(), files);
  t.equal(await uploads.countDocuments(), before);
  t.equal((await sendWith(key, { rows: '3' }, '', 'renamed.xlsx')).status, 200, 'a name is no content');
});

t.test('many at once with one key → one record, one file, every answer the same', async (t) => {
  const key = newKey();
  const files = (await kept()).length;
  const answers = await Promise.all(Array.from({ length: 8 }, () => sendWith(key, { rows: '2' })));
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
  const bodies = await Promise.all(answers.map(bodyOf));
  t.equal(new Set(bodies.map(({ uploadId }) => uploadId)).size, 1);
  t.equal(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null).length, 1);
  t.equal(await uploads.countDocuments({ 'params.rows': 2 }), 1);
  t.equal((await kept()).length, files + 1);
});

t.test('keys are those of a user; what is no key is 400; nothing readable is stored', async (t) => {
  const key = newKey();
  const first = await bodyOf(await sendWith(key, { rows: '1' }));
  const { email } = await users.upsertUser(await buildUser());
  const another = bearer(await signIn(base, email));
  const answer = await send(await buildForm({ rows: '7' }), { ...another, 'idempotency-key': key });
  t.equal(answer.status, 200);
  t.not((await bodyOf(answer)).uploadId, first.uploadId);
  const before = await kept();
  for (const wrong of ['', 'a b', 'x'.repeat(256), 'ä']) {
    const refused = await sendWith(wrong, { rows: '1' });
    t.equal(refused.status, 400, JSON.stringify(wrong));
    t.match(await bodyOf(refused), { code: 'INVALID_REQUEST', field: 'idempotency-key' });
  }
  t.same(await kept(), before);
  t.equal((await sendWith('x'.repeat(255))).status, 200);
  const stored = JSON.stringify(await uploads.find().toArray());
  t.notMatch(stored, key);
});

t.test('the seal is one of system, user, route, key and of the whole request, in any order', async (t) => {
  const routes = (): FastifyPluginAsync => async (app) => {
    for (const url of ['/one/:id', '/two/:id']) {
      app.post(
        url,
        { config: { permission: 'things:read' } },
        async (request) => idempotencyOf(request) ?? {},
      );
    }
  };
  const { base: at } = await listen(t, platform, buildModule({ routes }));
  const { email } = await users.upsertUser(await buildUser());
  const headers = bearer(await signIn(at, email));
  const ask = async (path: string, body: unknown, key: string | null = 'k') => {
    const own: Record<string, string> = key === null ? {} : { 'idempotency-key': key };
    return bodyOf(await postJson(`${at}/api${path}`, body, { ...headers, ...own }));
  };
  const first = await ask('/one/1?x=1&y=2', { a: 1, b: { c: [1, 2], d: null } });
  t.match(first, { key: /^[0-9a-f]{64}$/, bodyHash: /^[0-9a-f]{64}$/ });
  t.same(await ask('/one/1?y=2&x=1', { b: { d: null, c: [1, 2] }, a: 1 }), first);
  const { key, bodyHash } = first;
  t.match(await ask('/one/1?x=1&y=2', { a: 1, b: { c: [2, 1], d: null } }), { key });
  for (const [path, body] of [
    ['/one/1?x=1&y=2', { a: 1, b: { c: [2, 1], d: null } }],
    ['/one/1?x=1', { a: 1, b: { c: [1, 2], d: null } }],
    ['/one/2?x=1&y=2', { a: 1, b: { c: [1, 2], d: null } }],
  ] as const) {
    const other = await ask(path, body);
    t.equal(other.key, key, path);
    t.not(other.bodyHash, bodyHash, path);
  }
  t.not((await ask('/two/1', {})).key, key);
  t.not((await ask('/one/1', {}, 'K')).key, key);
  t.same(await ask('/one/1', {}, null), {});
});
