import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWorker } from '@backoffice/platform';
import { readWorkbook } from '@backoffice/spreadsheet';
import t, { type Test } from 'tap';
import { personnelWorker } from '../src/worker.ts';
import { type Answer, type Json, person, startSystem } from './http.ts';
import { header } from './sheets.ts';
import { line, sheetOf } from './workbooks.ts';

t.setTimeout(300_000);

const opened = startSystem(t, { env: { UPLOAD_WAIT_MS: '30000' } });
const working = opened.then(({ platform }) => startWorker(platform, [personnelWorker]));
t.teardown(async () => (await working).close());

async function setUp() {
  await working;
  const system = await opened;
  return { ...system, id: await system.db() };
}

function formOf(file: Buffer | null, fields: Record<string, string>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  if (file !== null) form.append('file', new Blob([new Uint8Array(file)]), 'people.xlsx');
  return form;
}

async function upload(
  file: Buffer | null,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const { send, admin } = await opened;
  return send('POST', '/personnels/upload', {
    body: formOf(file, fields),
    headers: { authorization: `Bearer ${admin}`, ...headers },
  });
}

async function numbersIn(id: string): Promise<string[]> {
  const { call, admin } = await opened;
  const { body } = await call(admin, 'GET', `/personnels/?db_id=${id}`);
  return body.data.map((each: Json) => each.army_number);
}

t.test('a list is taken item by item: 201, or 207 with what failed and why', async (t) => {
  const { call, admin, id, db } = await setUp();
  const post = (body: unknown, headers = {}) => call(admin, 'POST', '/personnels/upload', body, headers);
  const good = await post([
    person({ army_number: 'A/1', db_id: id }),
    person({ army_number: 'A/2', db_id: id.toUpperCase(), status: 'awol' }),
  ]);
  t.same([good.status, good.body.message], [201, 'Bulk upload completed']);
  t.same(good.body.data, { inserted: 2, failed: [] });

  const other = await db();
  const mixed = await post([
    person({ army_number: 'A/3', db_id: id }),
    person({ army_number: 'a/ 1', db_id: id }),
    person({ army_number: 'A / 3', db_id: id }),
    person({ army_number: 'A/4', db_id: other }),
    person({ army_number: 'A/5', db_id: id, rank: ' ' }),
    person({ army_number: 'A/6', db_id: id, status: 'Active' }),
    { ...person({ army_number: 'A/7', db_id: id }), bank: undefined },
    person({ army_number: 8, db_id: id }),
    null,
    [],
    person({ army_number: 'A/9', db_id: id, isDeleted: true, created_at: '2020-01-01', id: 'x' }),
  ]);
  t.same([mixed.status, mixed.body.data.inserted], [207, 2]);
  const failed = Object.fromEntries(mixed.body.data.failed.map((each: Json) => [each.index, each.error]));
  t.same(Object.keys(failed), ['1', '2', '3', '4', '5', '6', '7', '8', '9']);
  t.equal(failed[1], 'Personnel with army_number a/ 1 already exists');
  t.equal(failed[2], 'Personnel with army_number A / 3 already exists');
  t.equal(failed[3], 'db_id mismatch in item');
  for (const [index, name] of [
    [4, 'rank'],
    [5, 'status'],
    [6, 'bank'],
    [7, 'army_number'],
  ] as const) {
    t.match(failed[index], name);
  }
  t.same(await numbersIn(id), ['A/1', 'A/2', 'A/3', 'A/9']);
  const { body } = await call(admin, 'GET', `/personnels/db/${id}?filter=awol`);
  t.same(
    body.data.data.map((each: Json) => each.army_number),
    ['A/2'],
  );
  const history = await call(admin, 'GET', `/personnels/${body.data.data[0].id}/history`);
  t.same(
    history.body.data.map((each: Json) => each.kind),
    ['created'],
  );
});

t.test('a list that is none, or names no db, is refused in the words of the contract', async (t) => {
  const { call, send, admin, id } = await setUp();
  const post = (body: unknown) => call(admin, 'POST', '/personnels/upload', body);
  const bare = { authorization: `Bearer ${admin}` };
  for (const [body, status, message] of [
    [{}, 400, 'Payload must be an array of Personnel'],
    [null, 400, 'Payload must be an array of Personnel'],
    ['text', 400, 'Payload must be an array of Personnel'],
    [[], 400, 'db_id is required'],
    [[{}], 400, 'db_id is required'],
    [[null], 400, 'db_id is required'],
    [[{ db_id: '' }], 400, 'db_id is required'],
    [[{ db_id: 'x' }], 400, 'Invalid db_id'],
    [[{ db_id: { $ne: null } }], 400, 'Invalid db_id'],
    [[{ db_id: '0'.repeat(24) }], 404, 'DB not found'],
  ] as const) {
    const answer = await post(body);
    t.same(
      [answer.status, answer.body.message, answer.body.data],
      [status, message, {}],
      JSON.stringify(body),
    );
  }
  t.equal((await send('POST', '/personnels/upload', { headers: bare })).status, 400);
  const typed = { ...bare, 'content-type': 'text/csv' };
  t.equal((await send('POST', '/personnels/upload', { headers: typed, body: 'a,b' })).status, 415);
  const many = Array.from({ length: 5_001 }, () => ({ db_id: id }));
  t.equal((await post(many)).status, 400);
  t.equal((await call(null, 'POST', '/personnels/upload', [])).status, 401);
});

t.test('a list of 80 MB is 413, and one of thousands is taken', async (t) => {
  const { call, send, admin, id } = await setUp();
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
  const huge = await send('POST', '/personnels/upload', {
    headers,
    body: ' '.repeat(80 * 1024 * 1024),
  }).catch(
    // The server has answered and closed while the rest was still being sent.
    (error) => ({ status: 413, body: { message: String(error) } }),
  );
  t.equal(huge.status, 413);
  const list = Array.from({ length: 5_000 }, (_each, i) => person({ army_number: `H/${i}`, db_id: id }));
  const { status, body } = await call(admin, 'POST', '/personnels/upload', list);
  t.same([status, body.data.inserted], [201, 5_000]);
});

t.test('the same list with the same Idempotency-Key gets the first answer', async (t) => {
  const { call, admin, id } = await setUp();
  const key = { 'idempotency-key': 'list-1' };
  const list = [person({ army_number: 'I/1', db_id: id }), person({ army_number: 'I/1', db_id: id })];
  const answers = await Promise.all(
    [1, 2, 3].map(() => call(admin, 'POST', '/personnels/upload', list, key)),
  );
  const again = await call(admin, 'POST', '/personnels/upload', list, key);
  for (const { status, body } of [...answers, again]) {
    t.same([status, body.data.inserted, body.data.failed.length], [207, 1, 1]);
  }
  t.equal(again.headers.get('idempotent-replayed'), 'true');
  const other = await call(admin, 'POST', '/personnels/upload', [...list, list[0]], key);
  t.equal(other.status, 422);
  t.same(await numbersIn(id), ['I/1']);
});

t.test('54. 50 lists with one number at once: one is taken, 49 are refused', async (t) => {
  const { call, admin, id } = await setUp();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_each, i) => {
      const armyNumber = i % 2 === 0 ? 'race/1' : ' RACE / 1';
      return call(admin, 'POST', '/personnels/upload', [person({ army_number: armyNumber, db_id: id })]);
    }),
  );
  t.equal(answers.filter(({ status }) => status === 201).length, 1);
  const refused = answers.filter(({ status }) => status === 207);
  t.equal(refused.length, 49);
  for (const { body } of refused)
    t.match(body.data.failed[0].error, /^Personnel with army_number .* already exists$/);
  t.equal((await numbersIn(id)).length, 1);
});

t.test('a workbook is answered as a list is', async (t) => {
  const { id, call, admin } = await setUp();
  const file = await sheetOf([line('W/1'), line('W/2', 'Sgt', 'Posted')]);
  const good = await upload(file, { db_id: id });
  t.same([good.status, good.body.message], [201, 'Bulk upload completed']);
  t.match(good.body.data, { inserted: 2, failed: [], duplicate: false, status: 'completed' });
  t.match(good.body.data.counts, { read: 2, inserted: 2 });

  const again = await upload(file, { db_id: id });
  t.equal(again.status, 201);
  t.match(again.body.data, {
    inserted: 2,
    failed: [],
    duplicate: true,
    duplicateOf: good.body.data.uploadId,
  });

  const mixed = await upload(
    await sheetOf([line('w/ 1', 'Maj'), line('W/3'), line('W/4', ''), line('W/2', 'Sgt')]),
    {
      db_id: id,
    },
  );
  t.same([mixed.status, mixed.body.data.inserted], [207, 1]);
  t.same(mixed.body.data.failed, [
    { index: 0, error: 'Personnel with army_number w/ 1 already exists' },
    { index: 2, error: 'Rank (B4): "rank" is empty.' },
  ]);
  t.equal(mixed.body.data.counts.unchanged, 1);

  const none = await upload(await sheetOf([line('W/1', 'Maj')]), { db_id: id });
  t.same([none.status, none.body.data.inserted, none.body.data.failed.length], [207, 0, 1]);

  const { body } = await call(admin, 'GET', mixed.body.data.statusUrl);
  t.same([body.data.uploadId, body.data.errorCount], [mixed.body.data.uploadId, 2]);
  const sheet = await call(admin, 'GET', mixed.body.data.errorsUrl);
  t.equal(sheet.status, 200);
  t.same(await numbersIn(id), ['W/1', 'W/2', 'W/3']);
});

t.test(
  'a workbook may be checked only, refused as a whole, update what stands, and be taken back',
  async (t) => {
    const { id, call, admin, record } = await setUp();
    await record(id, { army_number: 'X/1' });
    const file = await sheetOf([line('X/1', 'Maj'), line('X/2')]);
    const dry = await upload(file, { db_id: id, dryRun: 'true', onExisting: 'update' });
    t.match(dry.body.data, { dryRun: true, counts: { inserted: 1, updated: 1 } });
    t.same(await numbersIn(id), ['X/1']);
    const refused = await upload(file, { db_id: id, onError: 'reject_all' });
    t.same([refused.status, refused.body.code], [422, 'ROWS_REJECTED']);
    t.equal(refused.body.data.errors[0].code, 'NUMBER_EXISTS');
    t.same(await numbersIn(id), ['X/1']);

    const { body } = await upload(file, { db_id: id, onExisting: 'update' });
    t.match(body.data, { inserted: 1, failed: [], counts: { inserted: 1, updated: 1 } });
    const undone = await call(admin, 'POST', `/personnels/upload/${body.data.uploadId}/undo`);
    t.same([undone.status, undone.body.data.undone], [200, true]);
    t.match(undone.body.data.undo.details, { removed: 1, restored: 1, keptCount: 0, kept: [] });
    const left = await call(admin, 'GET', `/personnels/?db_id=${id}`);
    t.same(
      left.body.data.map((each: Json) => [each.army_number, each.rank]),
      [['X/1', 'Sgt']],
    );
    const again = await upload(file, { db_id: id, onExisting: 'update' });
    t.match(again.body.data, { inserted: 1, duplicate: false });
  },
);

t.test('1-10. odd files and fields are refused with a code, and nothing is kept', async (t) => {
  const { id, platform } = await setUp();
  const file = await sheetOf([line('Y/1')]);
  for (const [given, fields, status, code] of [
    [null, { db_id: id }, 400, 'FILE_MISSING'],
    [Buffer.alloc(0), { db_id: id }, 400, 'FILE_EMPTY'],
    [Buffer.from('a,b\n1,2\n'), { db_id: id }, 415, 'NOT_A_WORKBOOK'],
    // Larger than a list may be.
    [Buffer.alloc(6 * 1024 * 1024, 'a,b\n'), { db_id: id }, 415, 'NOT_A_WORKBOOK'],
    [file.subarray(0, 2_000), { db_id: id }, 422, 'WORKBOOK_BROKEN'],
    [await sheetOf([['x']], ['Nothing']), { db_id: id }, 422, 'NO_HEADER_ROW'],
    [await sheetOf([]), { db_id: id }, 422, 'NO_ROWS'],
    [file, {}, 400, 'INVALID_REQUEST'],
    [file, { db_id: 'x' }, 400, 'INVALID_REQUEST'],
    [file, { db_id: '0'.repeat(24) }, 404, 'NOT_FOUND'],
    [file, { db_id: id, onError: 'x' }, 400, 'INVALID_REQUEST'],
    [file, { db_id: id, onExisting: 'x' }, 400, 'INVALID_REQUEST'],
    [file, { db_id: id, dryRun: 'x' }, 400, 'INVALID_REQUEST'],
  ] as [Buffer | null, Record<string, string>, number, string][]) {
    const answer = await upload(given, fields);
    t.same([answer.status, answer.body.code], [status, code], code);
  }
  const required = await upload(file, {});
  t.equal(required.body.message, 'db_id is required');
  t.same(await numbersIn(id), []);
  const staged = await platform.db
    .collection('uploads')
    .countDocuments({ 'params.dbId': id, status: 'completed' });
  t.equal(staged, 0);
});

t.test('who does not reach the db uploads nothing into it and sees nothing of its uploads', async (t) => {
  const { id, db, call, addUser, signIn } = await setUp();
  const own = await db();
  await addUser('LTD-1', { allowedDbs: [own] });
  const token = await signIn('LTD-1');
  const { body } = await upload(await sheetOf([line('Z/1')]), { db_id: id });
  const foreign = await call(token, 'POST', '/personnels/upload', [
    person({ army_number: 'Z/2', db_id: id }),
  ]);
  t.same([foreign.status, foreign.body.message], [404, 'DB not found']);
  const { uploadId } = body.data;
  for (const [method, path] of [
    ['GET', `/personnels/upload/${uploadId}/status`],
    ['GET', `/personnels/upload/${uploadId}/errors.xlsx`],
    ['POST', `/personnels/upload/${uploadId}/undo`],
  ] as const) {
    t.equal((await call(token, method, path)).status, 404, path);
  }
  const list = await call(token, 'GET', '/personnels/upload');
  t.same(list.body.data, []);
  const sheet = await readSheet(t, (await call(token, 'GET', `/personnels/export?db_id=${id}`)).body);
  t.equal(sheet.length, 1, 'the header alone');
});

t.test('an accepted workbook says where to ask', async (t) => {
  const { id, call, admin } = await setUp();
  const answer = await upload(await sheetOf([line('P/1')]), { db_id: id }, { prefer: 'respond-async' });
  t.equal(answer.status, 202);
  t.same(Object.keys(answer.body.data).sort(), ['status', 'statusUrl', 'uploadId']);
  t.match(answer.body.data.statusUrl, /^\/personnels\/upload\/[0-9a-f]{24}\/status$/);
  t.equal((await call(admin, 'GET', answer.body.data.statusUrl)).status, 200);
});

async function readSheet(t: Test, bytes: Buffer): Promise<(string | undefined)[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'personnel-export-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'export.xlsx');
  await writeFile(path, bytes);
  const rows: (string | undefined)[][] = [];
  await readWorkbook(path, {
    onSheet: () => 'read',
    onRows: (some) => {
      for (const { cells } of some)
        rows.push(cells.map((each) => (each?.kind === 'text' ? each.text : undefined)));
    },
  });
  return rows;
}

t.test('16. an export is inert, and imported again it changes nothing', async (t) => {
  const { id, call, admin, record } = await setUp();
  const odd = [
    '=1+1',
    ' =1+1',
    'ok\n=2',
    '@x',
    '+2348031234567',
    "'=x",
    "O'Neil",
    '_x0041_',
    'a\u00a0b',
    '-',
    '00',
  ];
  for (const [i, text] of odd.entries()) {
    const given = { middle_name: text, phone_number: text, remark: `${text}\r\n${text}`, location: '' };
    // An apostrophe of a number's own before such a sign can't be told from one of the export.
    const armyNumber = text.startsWith("'") ? `N${i}` : `${text}${i}`;
    await record(id, { army_number: armyNumber, ...given, bank: { name: text, sort_code: text } });
  }
  const deleted = await record(id, { army_number: 'gone' });
  await call(admin, 'DELETE', `/personnels/${deleted}`);

  const { body: bytes, headers } = await call(admin, 'GET', `/personnels/export?db_id=${id}`);
  t.match(headers.get('content-type'), /spreadsheetml/);
  const rows = await readSheet(t, bytes);
  t.equal(rows.length, odd.length + 1);
  for (const cell of rows.slice(1).flat()) {
    for (const part of (cell ?? '').split('\n')) t.notMatch(part, /^\s*[=+\-@\t]/);
  }
  for (const onExisting of ['reject', 'update']) {
    const { status, body } = await upload(bytes, { db_id: id, onExisting });
    t.same([status, body.data.failed, body.data.counts.unchanged], [201, [], odd.length]);
  }
  const other = await (await opened).db();
  const copied = await upload(bytes, { db_id: other });
  t.equal(copied.body.data.inserted, odd.length);
  const [theirs, ours] = await Promise.all(
    [other, id].map(async (each) => (await call(admin, 'GET', `/personnels/?db_id=${each}`)).body.data),
  );
  const plain = (text: string) => text.replace(/^'(?==)/gm, '').replace(/\r\n/g, '\n');
  t.same(
    theirs.map((each: Json) => each.phone_number),
    ours.map((each: Json) => plain(each.phone_number)),
  );

  const csv = await call(admin, 'GET', `/personnels/export?db_id=${id}&format=csv`);
  t.match(csv.headers.get('content-type'), /^text\/csv/);
  t.notMatch(csv.body.toString(), /(^|,)"?\s*[=+@]/m);
  const narrow = await call(admin, 'GET', `/personnels/export?db_id=${id}&search=neil&filter=Active`);
  t.equal((await readSheet(t, narrow.body)).length, 2);
  t.equal((await call(admin, 'GET', `/personnels/export?db_id=${id}&filter=retired`)).status, 400);
  t.equal((await readSheet(t, (await call(admin, 'GET', '/personnels/export?db_id=x')).body)).length, 1);
});

t.test('the template can be had', async (t) => {
  const { call, admin } = await setUp();
  const { status, body } = await call(admin, 'GET', '/personnels/upload/template');
  t.equal(status, 200);
  t.same((await readSheet(t, body))[0], header);
});
