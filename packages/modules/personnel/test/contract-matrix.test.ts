import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { permissionsOf, startWorker } from '@backoffice/platform';
import { writeWorkbook } from '@backoffice/spreadsheet';
import t from 'tap';
import { assertPermissions } from '../../../../test/harness/permissions.ts';
import { personnel } from '../src/index.ts';
import { personnelWorker } from '../src/worker.ts';
import { type Answer, type Json, person, startSystem } from './http.ts';
import { header } from './sheets.ts';

const system = await startSystem(t, { env: { UPLOAD_WAIT_MS: '30000' } });
const worker = await startWorker(system.platform, [personnelWorker]);
t.teardown(() => worker.close());
const { call, send, admin } = system;
const nobody = '0123456789abcdef01234567';
const strong = 'four unrelated words here';
t.setTimeout(300_000);

type Role = 'admin' | 'user';
const all: readonly Role[] = ['admin', 'user'];
const administrators: readonly Role[] = ['admin'];

/** Who may call what (contract), said once more and apart from the code. A route that is missing here fails. */
const may: Record<string, readonly Role[] | 'everybody'> = {
  'POST /auth/login': 'everybody',
  'POST /auth/change-password': all,
  'POST /admin/users': administrators,
  'GET /admin/users': administrators,
  'PATCH /admin/users/{userId}': administrators,
  'DELETE /admin/users/{userId}': administrators,
  'POST /admin/reset-password': administrators,
  'POST /admin/dbs': administrators,
  'GET /admin/dbs': all,
  'PATCH /admin/dbs/{dbId}': administrators,
  'DELETE /admin/dbs/{dbId}': administrators,
  'POST /admin/dbs/{dbId}/restore': administrators,
  'GET /admin/audit': administrators,
  'GET /admin/audit/export': administrators,
  'GET /admin/audit/head': administrators,
  'POST /personnels/': all,
  'GET /personnels/': all,
  'POST /personnels': all,
  'GET /personnels': all,
  'GET /personnels/db/{db_id}': all,
  'GET /personnels/deleted': administrators,
  'DELETE /personnels/bulk-delete': all,
  'POST /personnels/bulk-restore': administrators,
  'GET /personnels/{personnelId}': all,
  'PATCH /personnels/{personnelId}': all,
  'DELETE /personnels/{personnelId}': all,
  'POST /personnels/{personnelId}/restore': administrators,
  'GET /personnels/{personnelId}/history': all,
  'GET /personnels/export': all,
  'POST /personnels/upload': all,
  'GET /personnels/upload': all,
  'GET /personnels/upload/template': all,
  'GET /personnels/upload/{id}/status': all,
  'GET /personnels/upload/{id}/errors.xlsx': all,
  'POST /personnels/upload/{id}/undo': all,
  'GET /analytics/dashboard': all,
  'GET /analytics/personnels/db/{db_id}': all,
  'GET /analytics/headcount': all,
  'GET /analytics/movements': all,
};

const ofOperators = ['/health', '/ready', '/metrics'];
const routes = system.documentation.routes.filter(({ path }) => !ofOperators.includes(path));

/** A body that fits, so that who may not is told so; what it names is not there. */
function bodyOf(method: string, path: string, db_id = nobody, record = nobody): unknown {
  const bodies: Record<string, unknown> = {
    'POST /auth/change-password': { old_password: 'not this one', new_password: strong },
    'POST /admin/users': { first_name: 'A', last_name: 'B', army_number: 'ADMIN-001', password: strong },
    'PATCH /admin/users/{userId}': {},
    'POST /admin/reset-password': { user_id: nobody, new_password: strong },
    'POST /admin/dbs': { name: 'x', short_code: 'BARRED', description: '' },
    'PATCH /admin/dbs/{dbId}': {},
    'POST /personnels/': person({ db_id }),
    'POST /personnels': person({ db_id }),
    'DELETE /personnels/bulk-delete': { personnels_id: [record] },
    'POST /personnels/bulk-restore': { personnels_id: [record] },
    'PATCH /personnels/{personnelId}': { rank: 'Changed' },
    'POST /personnels/upload': [person({ db_id })],
  };
  return bodies[`${method} ${path}`];
}

const at = (path: string, ids: { db?: string; record?: string; upload?: string } = {}) =>
  path
    .replace('{db_id}', ids.db ?? nobody)
    .replace('{dbId}', ids.db ?? nobody)
    .replace('{personnelId}', ids.record ?? nobody)
    .replace('{id}', ids.upload ?? nobody)
    .replace('{userId}', nobody);

t.test('40. the documentation names the permission of every route, as the table has it', async (t) => {
  assertPermissions(t, routes, system.openApi, permissionsOf(personnel), may);
});

t.test('40. each role × each route: what is answered equals the table', async (t) => {
  await system.addUser('MATRIX-1', { accessAllDb: true });
  const tokens: Record<Role, string> = { admin, user: await system.signIn('MATRIX-1') };
  for (const { method, path } of routes) {
    const name = `${method} ${path}`;
    const allowed = may[name];
    if (allowed === 'everybody' || allowed === undefined) continue;
    const unknown = await call(null, method, at(path), bodyOf(method, path));
    t.match(unknown, { status: 401, body: { code: 'UNAUTHENTICATED', msg: unknown.body.message } }, name);
    // Before anything of the request is looked at.
    const nonsense = await call(
      null,
      method,
      at(path),
      ['GET', 'HEAD'].includes(method) ? undefined : [null],
    );
    t.equal(nonsense.status, 401, `${name} with nonsense`);
    for (const role of all) {
      const { status, body } = await call(tokens[role], method, at(path), bodyOf(method, path));
      if (allowed.includes(role))
        t.notOk([401, 403, 405, 500].includes(status), `${role} may ${name}: ${status}`);
      else
        t.match(
          { status, body },
          { status: 403, body: { message: 'Unauthorized access - Admin only', data: {} } },
          `${role} ${name}`,
        );
    }
  }
});

/** What is in B, wherever it would stand. */
const ofB = /Name-of-B|SC-B|Text-of-B|Marker|MARK|people-of-B/;

async function workbook(armyNumber: string): Promise<Blob> {
  const target = new PassThrough();
  const row = [armyNumber, 'Sgt', 'Marker', 'Sheet', null, '', 'Bank', '1', '2', 'S', null, null, null];
  const bad = [...row.slice(0, 1), null, ...row.slice(2)];
  const columns = header.map((each) => ({ header: each, width: 12 }));
  const [bytes] = await Promise.all([
    buffer(target),
    writeWorkbook(target, [{ name: 'S', columns, rows: [row, bad] }]),
  ]);
  return new Blob([new Uint8Array(bytes)]);
}

async function upload(
  token: string,
  db_id: string,
  armyNumber: string,
  name = 'people-of-B.xlsx',
): Promise<Answer> {
  const form = new FormData();
  form.append('db_id', db_id);
  form.append('file', await workbook(armyNumber), name);
  return send('POST', '/personnels/upload', { body: form, headers: { authorization: `Bearer ${token}` } });
}

const shape = ({ status, body, headers }: Answer, ...names: string[]) => {
  const text = Buffer.isBuffer(body) ? 'a file' : JSON.stringify({ ...body, requestId: '' });
  return [status, headers.get('etag'), names.reduce((all, name) => all.replaceAll(name, '*'), text)];
};

async function twoDbs() {
  const a = await system.db({ name: 'Name-of-A' });
  const b = await system.db({ name: 'Name-of-B', short_code: 'SC-B', description: 'Text-of-B' });
  const inA = await system.record(a, { army_number: 'A/1', first_name: 'Ada' });
  const record = await system.record(b, { army_number: 'MARK/1', first_name: 'Marker' });
  const gone = await system.record(b, { army_number: 'MARK/2', first_name: 'Marker' });
  await call(admin, 'DELETE', `/personnels/${gone}`);
  const uploaded = await upload(admin, b, 'MARK/3');
  if (uploaded.status !== 207) throw new Error(JSON.stringify(uploaded.body));
  await system.addUser('SCOPE-A', { allowedDbs: [a] });
  await system.addUser('SCOPE-0');
  await system.addUser('SCOPE-B', { allowedDbs: [b] });
  return {
    ...{ a, b, inA, record, gone, upload: uploaded.body.data.uploadId as string },
    ofA: await system.signIn('SCOPE-A'),
    ofNone: await system.signIn('SCOPE-0'),
    ofB: await system.signIn('SCOPE-B'),
  };
}
const set = twoDbs();

t.test(
  '39. allowed_dbs × each route: nothing of another db, and it looks like one that is not there',
  async (t) => {
    const { a, b, record, gone, upload: uploadId, inA, ...tokens } = await set;
    const everything = async () => [
      (await call(admin, 'GET', '/personnels/')).body.data,
      (await call(admin, 'GET', '/personnels/deleted?limit=500')).body.data,
      (await call(admin, 'GET', '/admin/dbs?limit=500')).body.data,
      (await call(admin, 'GET', '/personnels/upload')).body.data,
      (await call(admin, 'GET', '/analytics/headcount')).body.data,
    ];
    const before = await everything();
    let compared = 0;
    for (const { method, path } of routes) {
      if (may[`${method} ${path}`] !== all || path === '/auth/change-password') continue;
      const operation: Json = system.openApi.paths[path]![method.toLowerCase()];
      const known = (operation.parameters ?? [])
        .filter((each: Json) => each.in === 'query')
        .map((each: Json) => each.name);
      const queries = [
        {},
        { search: 'MARK' },
        { filter: 'active' },
        { db_id: b },
        { db_id: b, ids: 'all', search: 'mark' },
        { ids: 'all' },
        { format: 'csv' },
        { format: 'csv', db_id: b },
      ];
      for (const token of [tokens.ofA, tokens.ofNone]) {
        for (const id of [record, gone]) {
          for (const wanted of queries) {
            const query = Object.entries(wanted).filter(([name]) => known.includes(name));
            if (query.length < Object.keys(wanted).length) continue;
            const text = (db: string) =>
              new URLSearchParams(
                query.map(([name, value]): [string, string] => [name, value === b ? db : value]),
              ).toString();
            const asked = await call(
              token,
              method,
              `${at(path, { db: b, record: id, upload: uploadId })}?${text(b)}`,
              bodyOf(method, path, b, id),
            );
            const absent = await call(token, method, `${at(path)}?${text(nobody)}`, bodyOf(method, path));
            const said = Buffer.isBuffer(asked.body)
              ? asked.body.toString('latin1')
              : JSON.stringify(asked.body);
            t.notMatch(said, ofB, `${method} ${path}?${text('B')}: ${asked.status}`);
            t.notOk(said.includes(record) || said.includes(gone), `${method} ${path} names no id`);
            t.same(
              shape(asked, b, id, uploadId, nobody),
              shape(absent, b, id, uploadId, nobody),
              `${method} ${path}?${text('B')} as if it were not there`,
            );
            compared += 1;
          }
        }
      }
    }
    t.ok(compared > 130, `${compared} compared`);
    // What no address or query names.
    const both = async (ask: (db: string, id: string) => Promise<Answer>) => [
      shape(await ask(b, record), b, record),
      shape(await ask(nobody, nobody), nobody),
    ];
    for (const token of [tokens.ofA, tokens.ofNone]) {
      for (const [one, other] of [
        await both((db) => call(token, 'PATCH', `/personnels/${inA}`, { db_id: db })),
        await both((_db, id) => call(token, 'PATCH', `/personnels/${id}`, { isDeleted: false })),
        await both((_db, id) =>
          call(token, 'PATCH', `/personnels/${id}`, { rank: 'x' }, { 'if-match': '"v1"' }),
        ),
        await both((_db, id) =>
          call(token, 'DELETE', `/personnels/${id}`, undefined, { 'if-match': '"v9"' }),
        ),
        await both((db) => upload(token, db, 'NEW/1')),
        await both((db) =>
          call(token, 'POST', '/personnels/upload', [person({ db_id: db, army_number: 'MARK/1' })]),
        ),
      ]) {
        t.same(one, other);
      }
    }
    const mixed = [person({ db_id: a, army_number: 'OK/1' }), person({ db_id: b, army_number: 'MARK/1' })];
    t.match((await call(tokens.ofA, 'POST', '/personnels/upload', mixed)).body.data.failed, [
      { index: 1, error: 'db_id mismatch in item' },
    ]);
    const [own] = (await call(tokens.ofA, 'GET', '/personnels/')).body.data.slice(-1);
    await call(admin, 'DELETE', `/personnels/${own.id}`);
    const after = await everything();
    t.same(
      [after[0], after[2], after[3]],
      [before[0], before[2], before[3]],
      'and nothing of it was changed',
    );
    const bOf = (data: Json) => data.dbs.filter((each: Json) => each.db_id === b);
    t.same(bOf(after[4]), bOf(before[4]));
  },
);

t.test('39. the same calls show it to whom it belongs; else the above would prove nothing', async (t) => {
  const { a, b, record, upload: uploadId, inA, ofB: token, ofA } = await set;
  const get = async (path: string, as = token) => {
    const { body } = await call(as, 'GET', path);
    return Buffer.isBuffer(body) ? body.toString('latin1') : JSON.stringify(body);
  };
  for (const path of [
    '/admin/dbs',
    '/personnels/',
    `/personnels/db/${b}?search=mark`,
    `/personnels/${record}`,
    '/personnels/export?format=csv',
    '/personnels/upload',
    `/personnels/upload/${uploadId}/status`,
  ]) {
    t.match(await get(path), ofB, path);
  }
  t.match((await call(token, 'GET', `/personnels/upload/${uploadId}/errors.xlsx`)).status, 200);
  t.match(await get('/analytics/headcount?ids=all'), record);
  t.match(JSON.parse(await get('/analytics/dashboard')).data, {
    personnel: { total: 2 },
    deleted_personnel: { total: 1 },
    databases: { total: 1 },
  });
  t.match(JSON.parse(await get('/analytics/dashboard', ofA)).data, {
    personnel: { total: 1 },
    databases: { total: 1 },
  });
  t.match(await get(`/personnels/db/${a}`, ofA), inA);
  t.equal((await call(token, 'POST', `/personnels/upload/${uploadId}/undo`)).status, 200);
});

t.test('33. a db that is taken from somebody is gone for them at once', async (t) => {
  const { a, inA } = await set;
  const id = await system.addUser('SCOPE-X', { allowedDbs: [a] });
  const token = await system.signIn('SCOPE-X');
  t.equal((await call(token, 'GET', `/personnels/${inA}`)).status, 200);
  await call(admin, 'PATCH', `/admin/users/${id}`, { allowed_dbs: [] });
  t.equal((await call(token, 'GET', `/personnels/${inA}`)).status, 404);
  await call(admin, 'PATCH', `/admin/users/${id}`, { access_all_db: true });
  t.equal((await call(token, 'GET', `/personnels/${inA}`)).status, 200);
});
