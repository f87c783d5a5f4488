import { writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readWorkbook } from '@backoffice/spreadsheet';
import t from 'tap';
import { startWorker } from '../src/jobs/worker.ts';
import { attachment, harmlessName } from '../src/uploads/receive.ts';
import { bearer, bodyOf, buildUser, signIn } from './http-support.ts';
import { testWorkerModule } from './test-kind.ts';
import { buildForm, filesIn, openUploadApi, until } from './upload-support.ts';

const opened = await openUploadApi(t, { SWEEP_EVERY_MS: '60000' });
const { platform, env, base, headers, users, send, get, logLines } = opened;
const worker = await startWorker(platform, [testWorkerModule]);
t.teardown(() => worker.close());
const effects = platform.db.collection('effects');
const gates = platform.db.collection<{ _id: string }>('gates');

async function imported(fields: Record<string, string> = {}) {
  const answer = await send(await buildForm(fields));
  return { answer, body: await bodyOf(answer) };
}

t.test('an upload is imported, answered within the wait, and its status says the same', async (t) => {
  const { answer, body } = await imported({ rows: '5' });
  t.equal(answer.status, 200);
  t.match(body, {
    status: 'completed',
    progress: 1,
    fileName: 'numbers.xlsx',
    counts: { read: 5, inserted: 5, updated: 0, unchanged: 0, duplicates: 0, rejected: 0 },
    errorCount: 0,
    duplicate: false,
    dryRun: false,
    message: '5 rows',
    undone: false,
    createdBy: 'Asha Rao',
    statusUrl: `/api/upload/${body.uploadId}/status`,
  });
  t.equal(await effects.countDocuments({ upload: body.uploadId as string }), 5);
  const status = await get(`/upload/${body.uploadId}/status`);
  t.equal(status.headers.get('retry-after'), null);
  t.same(await bodyOf(status), body);
  const entries = await platform.audit.listOf('receivables', { type: 'upload', id: body.uploadId as string });
  t.match(entries, [
    { action: 'upload.submit', actor: { name: 'Asha Rao' }, after: { fileName: body.fileName } },
    { action: 'upload.import', actor: { name: 'Asha Rao' }, after: { status: 'completed' } },
  ]);
});

t.test('8. no bytes, no file, no form → 400 that says so; nothing is left on the disk', async (t) => {
  const before = await filesIn(env);
  const empty = new FormData();
  empty.append('file', new Blob([]), 'a.xlsx');
  const none = new FormData();
  none.append('month', 'Apr-25');
  const other = new FormData();
  other.append('document', new Blob(['x']), 'a.xlsx');
  const cases: [string, FormData, string][] = [
    ['0 bytes', empty, 'FILE_EMPTY'],
    ['no file', none, 'FILE_MISSING'],
    ['nothing', new FormData(), 'FILE_MISSING'],
    ['a file under another name', other, 'UPLOAD_MALFORMED'],
  ];
  for (const [name, form, code] of cases) {
    const answer = await send(form);
    t.equal(answer.status, 400, name);
    t.match(await bodyOf(answer), { code, error: String }, name);
  }
  const json = await fetch(`${base}/api/upload`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: '{}',
  });
  t.equal(json.status, 400);
  t.same(await filesIn(env), before);
});

t.test('9. too large, too many files, parts and fields → refused; nothing is left on the disk', async (t) => {
  const before = await filesIn(env);
  const large = new FormData();
  large.append('file', new Blob([Buffer.alloc(51 * 1024 * 1024)]), 'a.xlsx');
  const two = await buildForm();
  two.append('file', new Blob(['x']), 'b.xlsx');
  const fields = await buildForm();
  for (let i = 0; i < 10_000; i += 1) fields.append(`f${i}`, 'x');
  const long = await buildForm({ rows: '1'.repeat(20_000) });
  const cases: [string, FormData, number, string][] = [
    ['51 MB', large, 413, 'UPLOAD_TOO_LARGE'],
    ['two files', two, 400, 'UPLOAD_MALFORMED'],
    ['10,000 fields', fields, 400, 'UPLOAD_MALFORMED'],
    ['a long field', long, 400, 'UPLOAD_MALFORMED'],
    ['a field twice', await buildForm({ rows: '1' }), 400, 'INVALID_REQUEST'],
  ];
  cases[4]![1].append('rows', '2');
  for (const [name, form, status, code] of cases) {
    const answer = await send(form);
    t.equal(answer.status, status, name);
    t.match(await bodyOf(answer), { code }, name);
  }
  const both = await send(await buildForm({ rows: '1' }), {}, '?rows=2');
  t.equal(both.status, 400);
  t.match(await bodyOf(both), { code: 'INVALID_REQUEST', field: 'rows' });
  t.same(await filesIn(env), before);
  const same = await send(await buildForm({ rows: '1' }), {}, '?rows=1');
  t.equal(same.status, 200, 'the same value in both places does no harm');
});

t.test('9. a caller that breaks off in mid-stream leaves nothing', async (t) => {
  // What an earlier request left may still be on its way out.
  const underWay = async () => (await filesIn(env)).some((path) => path.includes('incoming'));
  await until('earlier ones to go', async () => !(await underWay()));
  const sent = httpRequest(`${base}/api/upload`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'multipart/form-data; boundary=b' },
  });
  t.teardown(() => sent.destroy());
  sent.on('error', () => undefined);
  sent.write('--b\r\ncontent-disposition: form-data; name="file"; filename="a.xlsx"\r\n\r\n');
  sent.write('x'.repeat(100_000));
  await until('the file to arrive', underWay);
  sent.destroy();
  await until('it to go', async () => !(await underWay()));
  t.pass('gone');
});

t.test('6. what is no workbook is refused in the request itself', async (t) => {
  const before = await filesIn(env);
  for (const [content, status] of [
    ['a,b\n1,2', 415],
    ['%PDF-1.7', 415],
    ['PK\u0003\u0004broken', 422],
  ] as const) {
    const form = new FormData();
    form.append('file', new Blob([content]), 'a.xlsx');
    t.equal((await send(form)).status, status, content);
  }
  t.same(await filesIn(env), before);
});

t.test('11. a file name never becomes a path, a header or a puzzle', async (t) => {
  const names: [string, string][] = [
    ['../../etc/passwd.xlsx', 'passwd.xlsx'],
    ['C:\\Users\\x\\a.xlsx', 'a.xlsx'],
    ['a\r\nSet-Cookie: x.xlsx', 'aSet-Cookie: x.xlsx'],
    ['\u202Exslx.exe', 'xslx.exe'],
    [`${'😀'.repeat(300)}`, '😀'.repeat(200)],
    ['..', 'upload.xlsx'],
    ['', 'upload.xlsx'],
    ['ब"क; x=y.xlsx', 'ब"क; x=y.xlsx'],
  ];
  for (const [given, shown] of names) t.equal(harmlessName(given), shown, JSON.stringify(given));
  t.equal(
    attachment('ब"क; x=y\r\n.xlsx'),
    'attachment; filename="____ x_y__.xlsx"; filename*=UTF-8\'\'%E0%A4%AC%22%E0%A4%95%3B%20x%3Dy%0D%0A.xlsx',
  );
  const answer = await send(await buildForm({ how: 'errors' }, '../../x"y\u202E.xlsx'));
  const body = await bodyOf(answer);
  t.equal(answer.status, 200);
  const stored = await platform.uploads.get('receivables', body.uploadId as string);
  t.match(stored.fileKey, /^\d{4}-\d{2}\/[0-9a-f]{32}$/);
  const errors = await get(`/upload/${body.uploadId}/errors.xlsx`);
  t.match(errors.headers.get('content-disposition'), /^attachment; filename="errors x_y\.xlsx"; filename\*=/);
  await errors.arrayBuffer();
});

t.test('Prefer: respond-async → 202 at once; polling with Retry-After until it has ended', async (t) => {
  const answer = await send(await buildForm({ how: 'gated', rows: '4' }), {
    prefer: 'wait=5, respond-async',
  });
  t.equal(answer.status, 202);
  const body = await bodyOf(answer);
  t.match(body, { status: /queued|processing/, statusUrl: `/api/upload/${body.uploadId}/status` });
  t.equal(answer.headers.get('location'), body.statusUrl);
  t.equal(answer.headers.get('retry-after'), '1');
  const path = `/upload/${body.uploadId}/status`;
  const running = await get(path);
  t.equal(running.headers.get('retry-after'), '1');
  await until('progress', async () => ((await bodyOf(await get(path))).status as string) === 'processing');
  await gates.insertOne({ _id: body.uploadId as string });
  await until('its end', async () => (await bodyOf(await get(path))).status === 'completed');
});

t.test('the status can be followed as server-sent events to its end', async (t) => {
  const { uploadId } = await bodyOf(
    await send(await buildForm({ how: 'gated' }), { prefer: 'respond-async' }),
  );
  const answer = await get(`/upload/${uploadId}/status`, { accept: 'text/event-stream' });
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-type'), /^text\/event-stream/);
  let text = '';
  for await (const chunk of Readable.fromWeb(answer.body as never)) {
    text += chunk;
    if (text.includes('event: status') && !text.includes('completed')) {
      await gates.updateOne({ _id: uploadId as string }, { $set: {} }, { upsert: true });
    }
  }
  const events = text.split('\n\n').filter((event) => event.startsWith('event: status\ndata: '));
  const states = events.map((event) => JSON.parse(event.split('data: ')[1] ?? '').status);
  t.equal(states.at(-1), 'completed', 'the stream ends by itself');
  t.ok(states.length >= 2);
});

t.test('a refused file: one fault, with code, hints and status failed', async (t) => {
  const { answer, body } = await imported({ how: 'poison' });
  t.equal(answer.status, 422);
  t.match(body, { code: 'NO_ROWS', hint: 'fill it', uploadId: String, errorCount: 0, errors: [] });
  const status = await bodyOf(await get(`/upload/${body.uploadId}/status`));
  t.match(status, {
    status: 'failed',
    error: { code: 'NO_ROWS', details: { hint: 'fill it' } },
    progress: 1,
  });
});

t.test('row errors: 20 in the answer, 1,000 when asked, all of them in the workbook', async (t) => {
  const { answer, body } = await imported({ how: 'errors' });
  t.equal(answer.status, 200);
  t.match(body, { status: 'completed_with_errors', errorCount: 1_500, errorsUrl: String });
  t.equal((body.errors as []).length, 20);
  const all = await bodyOf(await get(`/upload/${body.uploadId}/status?errors=all`));
  t.equal((all.errors as []).length, 1_000);
  t.equal((await get(`/upload/${body.uploadId}/status?errors=some`)).status, 400);
  const download = await fetch(`${base}${body.errorsUrl}`, { headers });
  t.equal(download.status, 200);
  t.match(download.headers.get('content-type'), /spreadsheetml/);
  const path = join(env.DATA_DIR!, 'downloaded.xlsx');
  await writeFile(path, new Uint8Array(await download.arrayBuffer()));
  const rows: string[][] = [];
  await readWorkbook(path, {
    onSheet: () => 'read',
    onRows: (batch) => {
      for (const { cells } of batch) {
        rows.push(
          cells.map((cell) =>
            cell?.kind === 'text' ? cell.text : String((cell as never as { value: number })?.value),
          ),
        );
      }
    },
  });
  t.same(rows[0], ['Sheet', 'Row', 'Column', 'Cell', 'Code', 'Message', 'Value']);
  t.same(
    rows.slice(1).map((row) => Number(row[1])),
    Array.from({ length: 1_500 }, (_, i) => i + 2),
  );
  t.equal(rows[1]?.[6], "'=1+1", '16. inert');
});

t.test('a dry run writes nothing but its own record', async (t) => {
  const before = await effects.countDocuments();
  const { body } = await imported({ dryRun: 'true' });
  t.match(body, { status: 'completed', dryRun: true, counts: { read: 3 } });
  t.equal(await effects.countDocuments(), before);
  const object = { type: 'upload', id: body.uploadId as string };
  t.same(await platform.audit.listOf('receivables', object), []);
  const undo = await fetch(`${base}/api/upload/${body.uploadId}/undo`, { method: 'POST', headers });
  t.equal(undo.status, 409);
  t.match(await bodyOf(undo), { code: 'UPLOAD_NOT_UNDOABLE' });
});

t.test('undo: done once; a second one is 409; what the kind refuses is answered', async (t) => {
  const undo = (id: unknown) => fetch(`${base}/api/upload/${id}/undo`, { method: 'POST', headers });
  const { body } = await imported();
  const answers = await Promise.all([1, 2, 3, 4].map(() => undo(body.uploadId)));
  t.same(answers.map((answer) => answer.status).sort(), [200, 409, 409, 409]);
  const done = await bodyOf(answers.find((answer) => answer.status === 200)!);
  t.match(done, { undone: true, undo: { state: 'done', by: 'Asha Rao', details: { removed: 3 } } });
  t.equal(await effects.countDocuments({ upload: body.uploadId as string }), 0);
  const second = await undo(body.uploadId);
  t.equal(second.status, 409);
  t.match(await bodyOf(second), { code: 'UPLOAD_ALREADY_UNDONE' });
  t.match(await bodyOf(await get(`/upload/${body.uploadId}/status`)), { undone: true, status: 'completed' });
  const entries = await platform.audit.listOf('receivables', { type: 'upload', id: body.uploadId as string });
  t.match(
    entries.map((entry) => entry.action),
    ['upload.submit', 'upload.import', 'upload.undo-request', 'upload.undo'],
  );

  const kept = await imported({ how: 'kept' });
  for (let i = 0; i < 2; i += 1) {
    const refused = await undo(kept.body.uploadId);
    t.equal(refused.status, 409);
    t.match(await bodyOf(refused), { code: 'UPLOAD_NOT_UNDOABLE', error: 'Something newer stands.' });
  }
  t.match(await bodyOf(await get(`/upload/${kept.body.uploadId}/status`)), {
    undone: false,
    undo: { state: 'failed' },
  });
  t.equal((await undo('0123456789abcdef01234567')).status, 404);
  t.equal((await undo('x')).status, 404);
});

t.test('the list: newest first, paged, with the total', async (t) => {
  const first = await get('/upload?limit=2');
  const rows = (await first.json()) as { uploadId: string; createdAt: string }[];
  t.equal(rows.length, 2);
  const total = Number(first.headers.get('x-total-count'));
  t.equal(total, await platform.db.collection('uploads').countDocuments());
  const all: string[] = [];
  for (let page = 1; all.length < total; page += 1) {
    const found = (await (await get(`/upload?limit=5&page=${page}`)).json()) as typeof rows;
    all.push(...found.map((row) => row.uploadId));
  }
  t.same(all, [...all].sort().reverse());
  t.same(
    rows.map((row) => row.uploadId),
    all.slice(0, 2),
  );
  for (const wrong of ['limit=0', 'limit=101', 'page=0', 'page=x']) {
    t.equal((await get(`/upload?${wrong}`)).status, 400, wrong);
  }
});

t.test('the template is a workbook', async (t) => {
  const answer = await get('/upload/template');
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-disposition'), /template\.xlsx/);
  t.equal(
    Buffer.from(await answer.arrayBuffer())
      .subarray(0, 2)
      .toString(),
    'PK',
  );
});

t.test('39. 40. another system, a stranger, another role: not found or refused', async (t) => {
  const { body } = await imported();
  await t.rejects(platform.uploads.get('orders' as never, body.uploadId as string), { code: 'NOT_FOUND' });
  const { email } = await users.upsertUser(
    await buildUser({ memberships: { receivables: { role: 'Engineer', region: 'pune', department: null } } }),
  );
  const engineer = bearer(await signIn(base, email));
  for (const path of ['', '/template', `/${body.uploadId}/status`, `/${body.uploadId}/errors.xlsx`]) {
    t.equal((await fetch(`${base}/api/upload${path}`, { headers: engineer })).status, 403, path);
    t.equal((await fetch(`${base}/api/upload${path}`)).status, 401, path);
  }
  const undo = await fetch(`${base}/api/upload/${body.uploadId}/undo`, { method: 'POST', headers: engineer });
  t.equal(undo.status, 403);
});

t.test('the same file again can be found by its key, and a recent refusal by the same user', async (t) => {
  const { body } = await imported({ rows: '7' });
  const { dedupeKey, createdBy } = await platform.uploads.get('receivables', body.uploadId as string);
  await imported({ rows: '7', dryRun: 'true' });
  const second = await imported({ rows: '7' });
  await imported({ rows: '8' });
  const same = await platform.uploads.listSame('receivables', dedupeKey);
  t.same(
    same.map((upload) => upload._id.toHexString()),
    [second.body.uploadId, body.uploadId],
  );
  const failed = await imported({ how: 'poison', rows: '9' });
  const refused = await platform.uploads.get('receivables', failed.body.uploadId as string);
  const query = {
    system: 'receivables' as const,
    dedupeKey: refused.dedupeKey,
    userId: createdBy.userId,
    code: 'NO_ROWS' as const,
    withinMs: 60_000,
  };
  t.same((await platform.uploads.findRecentFailure(query))?._id, refused._id);
  t.equal(await platform.uploads.findRecentFailure({ ...query, withinMs: 0 }), null);
  t.equal(await platform.uploads.findRecentFailure({ ...query, userId: 'x' }), null);
  t.equal(await platform.uploads.findRecentFailure({ ...query, code: 'NO_HEADER_ROW' }), null);
});

t.test('the id of the request follows into the job’s log', async (t) => {
  const id = 'follow-this-request';
  await send(await buildForm(), { 'x-request-id': id });
  const said = () => logLines.map((line) => JSON.parse(line)).filter((line) => line.requestId === id);
  await until('the job’s line', () => said().some((line) => line.job === 'upload.import'));
  await until('the request’s line', () => said().some((line) => line.msg === 'request'));
  t.pass('both carry it');
});

t.test('the OpenAPI document describes the routes and their answers', async (t) => {
  const document = (await (await fetch(`${base}/docs/json`)).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, { content?: object }> }>>;
  };
  const status = document.paths['/api/upload/{id}/status']?.get?.responses['200'];
  t.same(Object.keys(status?.content ?? {}), ['application/json', 'text/event-stream']);
  t.ok(document.paths['/api/upload/{id}/errors.xlsx']?.get);
  t.ok(document.paths['/api/upload/{id}/undo']?.post?.responses['202']);
  t.ok(document.paths['/api/upload/template']?.get);
});

t.test('no temporary file outlives its import', async (t) => {
  const temporary = (path: string) => /incoming|\/import-/.test(path.slice(env.DATA_DIR!.length));
  await until('the last one to go', async () => !(await filesIn(env)).some(temporary));
  t.pass('gone');
});
