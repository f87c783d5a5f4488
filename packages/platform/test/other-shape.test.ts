import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ObjectId } from 'mongodb';
import t from 'tap';
import { auditEntry } from '../src/audit/outbox.ts';
import { runFirstAdministratorCommand } from '../src/auth/first-administrator.ts';
import { createPasswords } from '../src/auth/passwords.ts';
import { normalArmyNumber } from '../src/auth/sign-in-names.ts';
import { createUserRepository, type UserDocument } from '../src/auth/users.ts';
import type { UploadDocument } from '../src/uploads/model.ts';
import { uploadScopeMigration } from '../src/uploads/scope-migration.ts';
import { bearer, bodyOf, buildModule, buildUser, listen, password, postJson } from './http-support.ts';
import { stores } from './other-system.ts';
import { buildForm, openUploads } from './upload-support.ts';

/** Takes what the API says of its requests, as a collector of traces would. */
const spans: string[] = [];
const collector = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  for (const { scopeSpans } of JSON.parse(body).resourceSpans) {
    for (const scope of scopeSpans) spans.push(...scope.spans.map(({ name }: { name: string }) => name));
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
});
collector.listen(0, '127.0.0.1');
await once(collector, 'listening');
t.teardown(() => {
  collector.closeAllConnections();
  collector.close();
});
const tracesTo = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;

const { platform } = await openUploads(
  t,
  { OTEL_EXPORTER_OTLP_ENDPOINT: tracesTo, RATE_LIMIT_SIGN_IN_PER_MINUTE: '0' },
  [{ name: 'stores' }, { name: 'receivables' }],
);
const { db } = platform;
const users = createUserRepository(db);
const migration = uploadScopeMigration('20261125T1800_stores_uploads', 'stores', 'roomId');
await migration.up(db);
// As far as memberships go: one by e-mail, one by army number.
const drills = buildModule({ name: 'drills', signInBy: 'armyNumber' });
const modules = [stores, buildModule(), drills];
const { base } = await listen(t, platform, stores, { modules });
const strong = 'paddle violet engine 42';

const passwordHash = await createPasswords(4).hash(password);
const membershipOf = (role: string, rooms: string[] = []) => ({
  ...{ role, firstName: 'Asha', lastName: 'Rao', rooms, isGenerated: false },
});
async function addUser(armyNumber: string, role = 'keeper', rooms: string[] = []): Promise<UserDocument> {
  const person = { name: 'Asha Rao', email: null, armyNumber, contact: '', passwordHash };
  return users.upsertUser({ ...person, memberships: { stores: membershipOf(role, rooms) } });
}

const login = (number: string, withPassword = password) =>
  postJson(`${base}/auth/login`, { number, password: withPassword });
async function tokenOf(number: string, withPassword = password): Promise<Record<string, string>> {
  const answer = await login(number, withPassword);
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return bearer(((await answer.json()) as { token: string }).token);
}
async function call(method: string, path: string, headers: Record<string, string>, body?: unknown) {
  const answer = await fetch(base + path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared, not typed
  const json: any = (answer.headers.get('content-type') ?? '').includes('json') ? JSON.parse(text) : text;
  return { status: answer.status, body: json, headers: answer.headers };
}
const unique = (prefix: string) => `${prefix}-${randomBytes(3).toString('hex')}`;
const newKeeper = (number: string, first = 'Ravi') => ({
  ...{ number, first, last: 'Iyer', password: strong, rooms: ['r1', 'r2'] },
});

const chief = await addUser('CH 1', 'chief');
const asChief = await tokenOf('ch1');

t.test('an army number signs in however it is written; tokens last as the system says', async (t) => {
  t.equal(normalArmyNumber('  nä\u0308 7\u00a0a '), normalArmyNumber('N\u00c4\u03087A'));
  for (const written of ['CH 1', 'ch1', ' c h\t1 ', 'Ch\u00a01']) {
    const answer = await login(written);
    t.equal(answer.status, 200, JSON.stringify(written));
    const { token } = (await answer.json()) as { token: string };
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    t.equal(claims.exp - claims.iat, 3_600);
    t.equal(claims.aud, 'stores');
  }
  const { body } = await call('GET', '/me', asChief);
  t.match(body, { userId: chief._id.toHexString(), armyNumber: 'CH 1', email: null, role: 'chief' });
});

t.test('Bearer exactly so: another word or case, and a bare token, are 401 with one body', async (t) => {
  const token = asChief.authorization!.slice('Bearer '.length);
  const wrong = [{}, ...['bearer', 'BEARER', 'Token'].map((word) => ({ authorization: `${word} ${token}` }))];
  for (const headers of [...wrong, { authorization: token }, { authorization: `Bearer  ${token}` }]) {
    const { status, body } = await call('GET', '/me', headers as Record<string, string>);
    t.equal(status, 401, JSON.stringify(headers).slice(0, 30));
    t.same(body, { message: 'Please sign in.', statusCode: 401, code: 'UNAUTHENTICATED', data: {} });
  }
  t.equal((await call('GET', '/me', asChief)).status, 200);
});

t.test('35. an unknown number is answered as a wrong password, by status and body', async (t) => {
  const number = unique('KNOWN');
  await addUser(number);
  const [unknown, wrong] = [await login(unique('NOBODY')), await login(number, 'wrong')];
  t.equal(unknown.status, 401);
  t.equal(wrong.status, 401);
  t.same(await bodyOf(unknown), await bodyOf(wrong));
});

t.test('35. an unknown number takes as long as a wrong password', async (t) => {
  // The real cost, so that a comparison left out would show in the time.
  const slow = await listen(t, platform, stores, { passwordCost: 10 });
  const number = unique('SLOW');
  const person = { name: 'S', email: null, armyNumber: number, contact: '' };
  const hash = await createPasswords(10).hash(password);
  await users.upsertUser({ ...person, passwordHash: hash, memberships: { stores: membershipOf('keeper') } });
  const median = async (typed: string) => {
    const times: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const start = performance.now();
      await postJson(`${slow.base}/auth/login`, { number: typed, password: 'wrong' });
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[2]!;
  };
  const times = [await median(number), await median(unique('NOBODY'))];
  t.ok(Math.max(...times) < 3 * Math.min(...times), `alike: ${times}`);
});

t.test('34. wrong passwords count for the number in its normal form, known or not', async (t) => {
  for (const number of [unique('GUESSED'), unique('UNKNOWN')]) {
    if (number.startsWith('G')) await addUser(number);
    const forms = [number, number.toLowerCase(), ` ${number} `, number.split('').join(' ')];
    for (let i = 0; i < 5; i += 1) {
      t.equal((await login(forms[i % forms.length]!, `wrong ${i}`)).status, 401);
    }
    const blocked = await login(number.toLowerCase());
    t.equal(blocked.status, 429, number);
    t.ok(Number(blocked.headers.get('retry-after')) > 0);
  }
  t.equal((await login('CH1')).status, 200, 'nobody else waits');
});

t.test('a module’s own routes: create, find, change, reset and remove users', async (t) => {
  const number = unique('ab 1');
  const made = await call('POST', '/admin/users', asChief, newKeeper(number));
  t.equal(made.status, 201);
  t.match(made.body, { number, name: 'Ravi Iyer', role: 'keeper', rooms: ['r1', 'r2'], isGenerated: true });
  const { id } = made.body;

  const again = await call('POST', '/admin/users', asChief, newKeeper(number.replace(' ', '').toUpperCase()));
  t.equal(again.status, 409);
  t.match(again.body, { code: 'ARMY_NUMBER_TAKEN', field: 'armyNumber', statusCode: 409 });
  const empty = await call('POST', '/admin/users', asChief, newKeeper(' \u00a0'));
  t.match(empty, { status: 400, body: { code: 'INVALID_REQUEST', field: 'armyNumber' } });

  const before = await tokenOf(number, strong);
  const changed = await call('PATCH', `/admin/users/${id}`, asChief, { first: 'Rani', rooms: ['r2'] });
  t.match(changed.body, { name: 'Rani Iyer', firstName: 'Rani', lastName: 'Iyer', rooms: ['r2'] });
  t.match((await call('GET', '/me', before)).body, { membership: { rooms: ['r2'] } }, '33. at once');

  const wrong = await call('POST', '/auth/change-password', before, { old: 'x', next: 'another fine day 7' });
  t.match(wrong, { status: 400, body: { code: 'WRONG_PASSWORD', statusCode: 400 } });
  const next = 'another fine day 77';
  const own = await call('POST', '/auth/change-password', before, { old: strong, next });
  t.match(own, { status: 200, body: { isGenerated: false, rooms: ['r2'] } });
  t.equal((await call('GET', '/me', before)).status, 401, 'the old token has ended');

  const since = await tokenOf(number, next);
  const reset = await call('POST', '/admin/reset-password', asChief, { number, password: strong });
  t.match(reset, { status: 200, body: { isGenerated: true } });
  t.equal((await call('GET', '/me', since)).status, 401);
  const nobody = await call('POST', '/admin/reset-password', asChief, { number: 'none', password: strong });
  t.equal(nobody.status, 404);

  const last = await tokenOf(number, strong);
  t.equal((await call('DELETE', `/admin/users/${id}`, asChief)).status, 200);
  t.equal((await call('GET', '/me', last)).status, 401);
  t.equal((await login(number, strong)).status, 401);
  const kept = await db.collection<UserDocument>('users').findOne({ _id: new ObjectId(String(id)) });
  t.match(kept, { armyNumber: null, armyKey: null, formerArmyNumber: number, status: 'removed' });
  t.equal(await users.wasRemoved(number.toUpperCase(), 'armyNumber'), true);
  t.same(
    kept?.outbox?.map(({ action }) => action),
    ['user.create', 'user.update', 'user.change-password', 'user.reset-password', 'user.remove'],
  );
  t.equal((await call('POST', '/admin/users', asChief, newKeeper(number))).status, 201, 'the number is free');
});

t.test('54. 50 parallel creations of one number, spaces and letter case differing: one 201', async (t) => {
  const number = unique('PAR');
  const forms = [number, number.toLowerCase(), ` ${number}`, number.split('').join(' ')];
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => call('POST', '/admin/users', asChief, newKeeper(forms[i % 4]!))),
  );
  t.equal(answers.filter(({ status }) => status === 201).length, 1);
  const refused = answers.filter(({ status, body }) => status === 409 && body.code === 'ARMY_NUMBER_TAKEN');
  t.equal(refused.length, 49);
});

t.test('40. the last administrator stays; a keeper administers nobody', async (t) => {
  const id = chief._id.toHexString();
  t.match(await call('DELETE', `/admin/users/${id}`, asChief), {
    status: 409,
    body: { code: 'LAST_ADMINISTRATOR' },
  });
  const number = unique('KEEPER');
  await addUser(number);
  const keeper = await tokenOf(number);
  t.equal((await call('DELETE', `/admin/users/${id}`, keeper)).status, 403);
});

t.test('members are searched by a part of a field, in pages in order of creation', async (t) => {
  const mark = unique('zz').toUpperCase();
  for (const place of [1, 2, 3]) await addUser(`${mark} / ${place} (x`, 'keeper');
  const find = (text: string, page = 1) =>
    call('GET', `/admin/users?search=${encodeURIComponent(text)}&page=${page}`, asChief);
  const first = await find(`${mark.toLowerCase()}/`);
  t.equal(first.body.total, 3, 'without spaces, in any case');
  t.same(
    first.body.found.map((user: { number: string }) => user.number),
    [`${mark} / 1 (x`, `${mark} / 2 (x`],
  );
  t.equal((await find(`${mark} /`, 2)).body.found.length, 1, 'as it is written');
  t.equal((await find('.*')).body.total, 0, 'no expression');
  t.equal((await find(' (X')).body.total, 3);
  t.ok((await find('asha')).body.total >= 3, 'a field of the membership');
  t.equal((await find('CH 1')).body.total, 0, 'of that role alone');
  t.equal(await users.countMembers('stores', { roles: ['chief'] }), 1);
  t.equal(await users.countMembers('stores', { before: new Date(0) }), 0);
});

t.test('a value leaves every membership of the system, once, and says so', async (t) => {
  const rooms = ['gone', 'stays'];
  const own = await Promise.all([1, 2, 3].map((n) => addUser(unique(`P${n}`), 'keeper', rooms)));
  const other = await users.upsertUser(
    await buildUser({ memberships: { receivables: { role: 'Manager', rooms } } }),
  );
  const entryOf = (id: ObjectId) =>
    auditEntry({
      ...{ system: 'stores', actor: { userId: 'u', name: 'U' }, action: 'user.update', requestId: 'r' },
      ...{ object: { type: 'user', id: id.toHexString() }, before: null, after: null, at: new Date() },
    });
  t.equal(await users.pullFromMemberships('stores', 'rooms', 'gone', entryOf), 3);
  t.equal(await users.pullFromMemberships('stores', 'rooms', 'gone', entryOf), 0, 'safe to repeat');
  for (const { _id, version } of own) {
    const stored = await db.collection<UserDocument>('users').findOne({ _id });
    t.match(stored, { version: version + 1, memberships: { stores: { rooms: ['stays'] } } });
    t.equal(stored?.outbox?.length, 1);
  }
  t.same((await users.findById(other._id.toHexString()))?.memberships.receivables?.rooms, rooms);
});

t.test('a person of two systems keeps the number while one of them needs it', async (t) => {
  const number = unique('BOTH');
  const memberships = { stores: membershipOf('keeper'), receivables: { role: 'Manager' } };
  const person = { name: 'Both', email: `${number}@example.com`, armyNumber: number, contact: '' };
  const { _id } = await users.upsertUser({ ...person, passwordHash, memberships });
  const id = _id.toHexString();
  const foreign = await call('POST', '/admin/reset-password', asChief, { number, password: strong });
  t.match(foreign, { status: 403, body: { code: 'FORBIDDEN' } }, 'a password opens all systems');
  t.equal((await call('PATCH', `/admin/users/${id}`, asChief, { first: 'New' })).status, 403);
  t.equal((await call('PATCH', `/admin/users/${id}`, asChief, { rooms: ['r9'] })).status, 200);
  t.equal((await call('DELETE', `/admin/users/${id}`, asChief)).status, 200);
  const left = await users.findById(id);
  t.match(left, { status: 'active', email: person.email.toLowerCase(), armyNumber: null });
  t.equal((await call('POST', '/admin/users', asChief, newKeeper(number))).status, 201);

  const needed = unique('NEEDED');
  const drilled = { stores: membershipOf('keeper'), drills: { role: 'Manager' } };
  const same = { ...person, email: null, armyNumber: needed, passwordHash, memberships: drilled };
  const stays = await users.upsertUser(same);
  t.equal((await call('DELETE', `/admin/users/${stays._id}`, asChief)).status, 200);
  t.match(await users.findByArmyNumber(needed), { _id: stays._id, memberships: { stores: undefined } });
  t.equal((await call('POST', '/admin/users', asChief, newKeeper(needed))).status, 409);
});

t.test('the platform’s own sign-in and user routes are not there; the operators’ pages are', async (t) => {
  for (const path of [
    '/auth/me',
    '/auth/sign-ins',
    '/admin/sign-ins',
    `/admin/users/${chief._id}/sign-ins`,
  ]) {
    t.equal((await call('GET', path, asChief)).status, 404, path);
  }
  t.equal((await call('POST', '/auth/sign-out', asChief, {})).status, 404);
  const page = await call('GET', '/admin/sign-in', { accept: 'text/html' });
  t.match(
    page.body,
    /<label for="armyNumber">Army number<\/label>\n<input id="armyNumber" name="armyNumber" type="text"/,
  );
  const form = /name="form" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  const cookie = page.headers.get('set-cookie')!.split(';')[0]!;
  const sent = await fetch(`${base}/admin/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie, origin: base, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ form, next: '/docs', armyNumber: 'ch 1', password }).toString(),
  });
  t.equal(sent.status, 303);
  const session = sent.headers.get('set-cookie')!.split(';')[0]!;
  t.equal((await call('GET', '/admin/queues', { cookie: session })).status, 200);
  t.equal((await call('GET', '/metrics', asChief)).status, 200);
  t.equal((await call('GET', '/health', {})).status, 200);
});

t.test('errors carry their status; a fault in a list names its place', async (t) => {
  const { body } = await call('POST', '/goods', asChief, [
    newKeeper('A1'),
    { ...newKeeper('A2'), rooms: ['x', 7] },
  ]);
  t.match(body, { statusCode: 400, code: 'INVALID_REQUEST', field: '1.rooms.1', in: 'body' });
  const missing = await call('POST', '/goods', asChief, [{ number: 'A1' }]);
  t.equal(missing.body.field, '0.first');
  const strange = await fetch(`${base}/goods`, {
    method: 'POST',
    headers: { ...asChief, 'content-type': 'application/xml' },
    body: '<x/>',
  });
  t.match(await bodyOf(strange), { statusCode: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
  t.match((await call('DELETE', '/goods', asChief)).body, { statusCode: 405 });
  t.match((await call('GET', '/nowhere', asChief)).body, { statusCode: 404 });
});

async function upload(room: string) {
  const form = await buildForm({ room });
  const answer = await fetch(`${base}/goods/upload`, { method: 'POST', headers: asChief, body: form });
  t.equal(answer.status, 202);
  const body = (await answer.json()) as { uploadId: string; statusUrl: string };
  t.equal(body.statusUrl, `/goods/upload/${body.uploadId}/status`, 'the prefix of the routes');
  return body;
}

t.test('39. uploads outside the scope look as if they did not exist', async (t) => {
  const number = unique('SCOPED');
  await addUser(number, 'keeper', ['mine', 'also']);
  const keeper = await tokenOf(number);
  const ids = { mine: await upload('mine'), also: await upload('also'), other: await upload('other') };
  const end = { status: 'completed', finishedAt: new Date(), errorCount: 1 } as const;
  await db.collection<UploadDocument>('uploads').updateMany({ system: 'stores' }, { $set: end });

  const list = await call('GET', '/goods/upload?limit=1', keeper);
  t.equal(list.headers.get('x-total-count'), '2', 'counts what one sees');
  t.match(list.body, { statusCode: 200, data: [{ uploadId: ids.also.uploadId }] });
  t.equal((await call('GET', '/goods/upload', asChief)).headers.get('x-total-count'), '3', 'null: all');

  const { uploadId: mine } = ids.mine;
  const status = await call('GET', `/goods/upload/${mine}/status`, keeper);
  t.match(status.body, {
    statusCode: 200,
    message: /\S/,
    data: { uploadId: mine, errorsUrl: `/goods/upload/${mine}/errors.xlsx` },
  });
  const events = { ...keeper, accept: 'text/event-stream' };
  const stream = (await call('GET', `/goods/upload/${mine}/status`, events)).body as unknown as string;
  t.match(stream, /^retry: 1000\n\nevent: status\ndata: \{"uploadId"/, 'events are not wrapped');
  const file = await fetch(`${base}/goods/upload/${mine}/errors.xlsx`, { headers: keeper });
  t.equal(
    Buffer.from(await file.arrayBuffer())
      .subarray(0, 2)
      .toString(),
    'PK',
    'nor are workbooks',
  );

  const { uploadId: other } = ids.other;
  const wanted = [
    ['GET', `/goods/upload/${other}/status`, keeper],
    ['GET', `/goods/upload/${other}/status`, events],
    ['GET', `/goods/upload/${other}/errors.xlsx`, keeper],
    ['POST', `/goods/upload/${other}/undo`, keeper],
  ] as const;
  const none = await call('GET', `/goods/upload/${new ObjectId().toHexString()}/status`, keeper);
  t.equal(none.status, 404);
  for (const [method, path, headers] of wanted) {
    const answer = await call(method, path, headers, method === 'POST' ? {} : undefined);
    t.equal(answer.status, 404, path);
    t.same(answer.body, none.body, path);
  }
  const respond = { ...keeper, prefer: 'respond-async' };
  const undo = await call('POST', `/goods/upload/${mine}/undo`, respond, {});
  t.match(undo, {
    status: 202,
    body: { statusCode: 202, data: { statusUrl: `/goods/upload/${mine}/status` } },
  });
  t.equal(undo.headers.get('location'), `/goods/upload/${mine}/status`);

  await addUser(number, 'keeper', []);
  const nothing = await call('GET', '/goods/upload', await tokenOf(number));
  t.same([nothing.headers.get('x-total-count'), nothing.body.data], ['0', []]);
});

t.test('the list within a scope is read from its index', async (t) => {
  const crowd = Array.from({ length: 500 }, () => ({ system: 'stores', params: { roomId: 'crowd' } }));
  await db.collection('uploads').insertMany(crowd);
  const filter = { system: 'stores', 'params.roomId': { $in: ['mine', 'also'] } };
  const plan = await db
    .collection('uploads')
    .find(filter)
    .sort({ _id: -1 })
    .limit(20)
    .explain('queryPlanner');
  t.match(JSON.stringify(plan.queryPlanner.winningPlan), /"indexName":"stores_roomId_newest"/);
  t.notMatch(JSON.stringify(plan.queryPlanner.winningPlan), /"stage":"SORT"/);
  await db.collection('uploads').deleteMany({ 'params.roomId': 'crowd' });
  for (const step of [migration.up, migration.down, migration.down]) await step(db);
});

t.test('every JSON answer of the platform’s routes is in the envelope, and documented so', async (t) => {
  for (const path of ['/admin/audit', '/admin/audit/head', '/goods/upload']) {
    const { status, body } = await call('GET', path, asChief);
    t.equal(status, 200, path);
    t.same(Object.keys(body), ['message', 'statusCode', 'data'], path);
  }
  t.match((await call('GET', '/admin/audit', asChief)).body.data, { entries: Array, waiting: Number });
  const csv = await call('GET', '/admin/audit/export?format=csv', asChief);
  t.type(csv.body, 'string');
  t.same((await call('GET', '/admin/audit?limit=x', asChief)).body.data, {}, 'an error has its own shape');
  t.equal((await call('GET', '/health', {})).body.status, 'ok', 'what every instance has stays as it is');

  const { body: docs } = await call('GET', '/docs/json', {});
  const schemaOf = (path: string, method = 'get', status = '200') =>
    docs.paths[path][method].responses[status].content['application/json'].schema;
  for (const path of ['/admin/audit', '/goods/upload', '/goods/upload/{id}/status']) {
    t.same(Object.keys(schemaOf(path).properties), ['message', 'statusCode', 'data'], path);
  }
  t.ok(schemaOf('/goods/upload/{id}/undo', 'post', '202').properties.data.properties.statusUrl);
  t.notMatch(Object.keys(schemaOf('/admin/audit', 'get', '4XX').properties ?? {}), ['statusCode']);
});

t.test('with the platform’s identity routes, too, the envelope holds', async (t) => {
  const whole = { ...stores, identityRoutes: 'platform' as const, routes: () => (async () => {}) as never };
  const { base: at } = await listen(t, platform, whole, { modules });
  const answer = await postJson(`${at}/auth/login`, { armyNumber: 'CH1', password });
  t.equal(answer.status, 200);
  const { data, ...facts } = (await answer.json()) as { data: { token: string; user: object } };
  t.same(facts, { message: 'Sign in', statusCode: 200 });
  t.same(data.user, {
    ...{ id: chief._id.toHexString(), name: 'Asha Rao', armyNumber: 'CH 1', contact: '' },
    ...membershipOf('chief'),
  });
  const created = await postJson(
    `${at}/admin/users`,
    { name: 'New', armyNumber: unique(' N 1'), password: strong, ...membershipOf('keeper', ['r1']) },
    bearer(data.token),
  );
  t.equal(created.status, 201);
  t.match(await created.json(), {
    statusCode: 201,
    data: { email: null, armyNumber: /^N 1-/, rooms: ['r1'] },
  });
});

t.test('first-admin: by army number, with the membership that the system makes', async (t) => {
  const said: string[] = [];
  const sources = {
    modules,
    readPassword: async () => strong,
    say: (sentence: string) => said.push(sentence),
  };
  const run = (...args: string[]) =>
    runFirstAdministratorCommand(platform, ['--system', 'stores', ...args], sources);
  t.equal(await run('--email', 'a@example.com', '--name', 'Ada'), 1);
  t.match(said.at(-1), /sign in by army number; give --army-number/);
  t.equal(await run('--email', 'a@example.com', '--army-number', 'X', '--name', 'Ada'), 2);
  t.equal(await run('--army-number', ' ', '--name', 'Ada', '--another'), 1);
  t.equal(await run('--army-number', 'X 9', '--name', 'Ada'), 1);
  t.match(said.at(-1), /has an active administrator \(CH 1\)/);
  t.equal(await run('--army-number', ' X 9 ', '--name', 'Ada', '--another'), 0);
  t.match(said.at(-1), 'Ada <X 9> is chief of Stores.');
  t.equal(await run('--army-number', 'x9', '--name', 'Ada', '--another'), 1);
  t.match(said.at(-1), /There is a user with that army number already/);
  const ada = await users.findByArmyNumber('x9');
  t.match(ada, {
    email: null,
    armyNumber: 'X 9',
    memberships: { stores: { role: 'chief', firstName: 'Ada', rooms: [] } },
  });
  t.equal((await login('x9', strong)).status, 200);
});

t.test(
  'traces: the system’s own calls at the root are traced, health checks and pages are not',
  async (t) => {
    await platform.tracing?.close();
    t.ok(spans.includes('POST /auth/login'));
    t.ok(spans.includes('GET /goods/upload'));
    t.ok(spans.includes('GET /admin/audit'));
    for (const name of [
      'GET /health',
      'GET /metrics',
      'GET /docs/json',
      'GET /admin/sign-in',
      'GET /admin/queues',
    ]) {
      t.notOk(spans.includes(name), name);
    }
  },
);
