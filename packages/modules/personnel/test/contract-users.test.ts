import t from 'tap';
import { type Json, startSystem } from './http.ts';

const system = await startSystem(t);
const { call, admin, signIn } = system;
const nobody = '0123456789abcdef01234567';
const strong = 'four unrelated words here';
t.setTimeout(240_000);

const refusal = (statusCode: number, message: string | RegExp, more: object = {}) => ({
  status: statusCode,
  body: { statusCode, message, ...more },
});
let count = 0;
const user = (given: Record<string, unknown> = {}) => {
  count += 1;
  return { first_name: 'Grace', last_name: 'Okoro', army_number: `U/${count}`, password: strong, ...given };
};
const post = (body: unknown, headers = {}) => call(admin, 'POST', '/admin/users', body, headers);
const listed = async (search: string): Promise<Json[]> =>
  (await call(admin, 'GET', `/admin/users?limit=500&search=${encodeURIComponent(search)}`)).body.data.data;

t.test('a user is created, listed and signs in', async (t) => {
  const db = await system.db({ name: 'Alpha' });
  const body = user({ first_name: ' Grace ', army_number: ' NA / 77 ', allowed_dbs: [db, db.toUpperCase()] });
  const created = await post(body);
  const { id } = created.body.data;
  t.same(
    [created.status, created.body],
    [201, { message: 'User created successfully', statusCode: 201, data: { id } }],
  );
  const [found] = await listed('NA / 77');
  const { created_at, ...rest } = found;
  t.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const [{ created_at: _at, ...view }] = rest.allowed_dbs;
  t.match(view, { id: db, name: 'Alpha', short_code: String, description: String });
  t.same(
    { ...rest, allowed_dbs: 1 },
    {
      ...{ id, first_name: 'Grace', last_name: 'Okoro', army_number: 'NA / 77', role: 'user' },
      ...{ allowed_dbs: 1, access_all_db: false, is_generated: true },
    },
  );
  const login = await call(null, 'POST', '/auth/login', { army_number: 'na/ 77', password: strong });
  t.match(login, { status: 200, body: { message: 'Login successfully', statusCode: 200 } });
  t.same(login.body.data.user, found);
  t.same(Object.keys(login.body.data), ['token', 'user']);
  t.notMatch(JSON.stringify(login.body), /hash|\$2b/i);
});

t.test('38. a role in the body never makes an administrator', async (t) => {
  const body = user({
    role: 'admin',
    access_all_db: true,
    is_generated: false,
    isAdmin: true,
    created_at: '2001-01-01',
  });
  const { id } = (await post(body)).body.data;
  const [found] = await listed(body.army_number);
  t.match(found, { id, role: 'user', access_all_db: true, is_generated: true, created_at: /^2026/ });
  await call(admin, 'PATCH', `/admin/users/${id}`, {
    role: 'admin',
    army_number: 'X',
    password: 'x',
    password_hash: 'x',
    created_at: 'x',
    is_generated: false,
  });
  t.same(await listed(body.army_number), [found], 'nor does a change');
  t.match(await call(await signIn(body.army_number, strong), 'GET', '/admin/users'), { status: 403 });
});

t.test('an army number that is taken is 400, however it is written', async (t) => {
  const body = user({ army_number: 'DUP / 1' });
  await post(body);
  for (const army_number of ['DUP / 1', 'dup/1', 'D U P/1', ' ADMIN-001']) {
    t.match(
      await post(user({ army_number })),
      refusal(400, 'User already exists', { data: {} }),
      army_number,
    );
  }
});

t.test(
  '37. a new user with a part that is missing or of another kind is 400; no secret is repeated',
  async (t) => {
    for (const field of ['first_name', 'last_name', 'army_number', 'password']) {
      const { [field]: _left, ...rest } = user() as Record<string, unknown>;
      t.match(await post(rest), refusal(400, new RegExp(field), { errors: [{ field }] }), `without ${field}`);
      for (const value of [null, 5, ['a'], { $ne: null }, true]) {
        const answer = await post(user({ [field]: value }));
        t.match(answer, { status: 400, body: { errors: [{ field: String }] } });
        t.notMatch(JSON.stringify(answer.body), strong);
      }
    }
    for (const field of ['first_name', 'last_name', 'army_number']) {
      for (const value of ['', '  '])
        t.match(await post(user({ [field]: value })), refusal(400, new RegExp(field)));
    }
    for (const value of [null, 'yes', 1, []])
      t.equal((await post(user({ access_all_db: value }))).status, 400);
    for (const body of [null, [], 'text', 5]) t.equal((await post(body)).status, 400);
    t.equal((await call(admin, 'POST', '/admin/users')).status, 400);
  },
);

t.test(
  '36. passwords that are too long, short or common are refused in words, and not repeated',
  async (t) => {
    const bad = [
      'x1y2z3'.repeat(13),
      `${'ü'.repeat(36)}x`,
      'qx7',
      '',
      'password1234',
      'GraceOkoro1',
      'a'.repeat(1_024),
    ];
    for (const each of bad) {
      const answer = await post(user({ password: each }));
      t.match(answer, refusal(400, /password/i, { data: {} }), each.slice(0, 20));
      if (each !== '') t.notOk(answer.body.message.includes(each));
    }
    t.equal((await post(user({ password: 'a'.repeat(1_025) }))).status, 400);
    t.match(await post(user({ password: 'password1234' })), { body: { code: 'WEAK_PASSWORD' } });
  },
);

t.test('allowed_dbs in the words of the contract', async (t) => {
  const db = await system.db();
  const { id } = (await post(user())).body.data;
  const patch = (body: unknown) => call(admin, 'PATCH', `/admin/users/${id}`, body);
  for (const allowed_dbs of [null, 'a', 5, {}, db]) {
    const wanted = refusal(400, 'allowed_dbs must be a list');
    t.match(await post(user({ allowed_dbs })), wanted);
    t.match(await patch({ allowed_dbs }), wanted);
  }
  const malformed = refusal(400, 'Invalid DB ID format', { data: { invalid: 'nonsense' } });
  t.match(await post(user({ allowed_dbs: [db, 'nonsense', nobody] })), malformed);
  t.match(
    await post(user({ allowed_dbs: [5] })),
    refusal(400, 'Invalid DB ID format', { data: { invalid: 5 } }),
  );
  const unknown = refusal(404, 'Database not found', { data: { invalid: nobody } });
  t.match(await post(user({ allowed_dbs: [db, nobody] })), unknown);
  const both = await patch({ allowed_dbs: [db, 'nonsense', nobody, null] });
  t.match(both, refusal(400, 'Invalid DB IDs in allowed_dbs'));
  t.same(both.body.data, { invalid: ['nonsense', null, nobody] });
  t.match(
    await patch({ allowed_dbs: [nobody] }),
    refusal(400, 'Invalid DB IDs in allowed_dbs', { data: { invalid: [nobody] } }),
  );
  t.match(await patch({ allowed_dbs: [db] }), { status: 200, body: { data: { allowed_dbs: [{ id: db }] } } });
  t.match(await patch({ allowed_dbs: [] }), { status: 200, body: { data: { allowed_dbs: [] } } });
});

t.test('a change of names and reach', async (t) => {
  const body = user();
  const { id } = (await post(body)).body.data;
  const patch = (change: unknown, headers = {}) =>
    call(admin, 'PATCH', `/admin/users/${id}`, change, headers);
  const changed = await patch({ first_name: ' Ann ', access_all_db: true });
  t.match(changed, { status: 200, body: { message: 'User updated successfully', statusCode: 200 } });
  t.match(changed.body.data, { id, first_name: 'Ann', last_name: 'Okoro', access_all_db: true });
  t.same((await patch({})).body.data, changed.body.data, 'an empty object changes nothing');
  t.match(await patch({ last_name: 'Bee' }), { body: { data: { first_name: 'Ann', last_name: 'Bee' } } });
  const stored = await system.users.findById(id);
  t.equal(stored!.name, 'Ann Bee', 'the platform knows the whole name');
  for (const wrong of [
    { first_name: '' },
    { last_name: null },
    { first_name: 5 },
    { access_all_db: 'yes' },
    { access_all_db: null },
  ]) {
    t.match(await patch(wrong), { status: 400, body: { errors: [{ field: Object.keys(wrong)[0] }] } });
  }
  for (const each of [null, [], 'a', undefined]) t.equal((await patch(each)).status, 400);
  const at = (given: string) => call(admin, 'PATCH', `/admin/users/${given}`, { first_name: 'A' });
  t.match(await at('nonsense'), refusal(400, 'Invalid user ID'));
  t.match(await at(nobody), refusal(404, 'User not found', { data: {} }));
  const names = ['A', 'B', 'C', 'D'];
  const race = await Promise.all(
    names.map((each, i) => patch({ [i % 2 ? 'first_name' : 'last_name']: each })),
  );
  t.ok(race.every(({ status }) => status === 200 || status === 409));
  const after = await system.users.findById(id);
  const { firstName, lastName } = after!.memberships.personnel as Json;
  t.equal(after!.name, `${firstName} ${lastName}`, 'also after changes at once');
});

t.test('55. a change of a user that is based on an older version is 412', async (t) => {
  const { id } = (await post(user())).body.data;
  const patch = (headers: Record<string, string>) =>
    call(admin, 'PATCH', `/admin/users/${id}`, { first_name: `N${headers['if-match']?.length}` }, headers);
  const tag = (await call(admin, 'PATCH', `/admin/users/${id}`, { first_name: 'One' })).headers.get('etag')!;
  t.equal((await patch({ 'if-match': tag })).status, 200);
  t.match(await patch({ 'if-match': tag }), { status: 412, body: { code: 'STALE' } });
  t.match(await call(admin, 'DELETE', `/admin/users/${id}`, undefined, { 'if-match': tag }), { status: 412 });
});

t.test('33. what a user reaches changes with the record, not with the token', async (t) => {
  const db = await system.db();
  const body = user({ allowed_dbs: [db] });
  const { id } = (await post(body)).body.data;
  const token = await signIn(body.army_number, strong);
  const seen = async () =>
    (await call(token, 'GET', '/admin/dbs')).body.data.data.map((each: Json) => each.id);
  t.same(await seen(), [db]);
  await call(admin, 'PATCH', `/admin/users/${id}`, { allowed_dbs: [] });
  t.same(await seen(), []);
  await call(admin, 'PATCH', `/admin/users/${id}`, { access_all_db: true });
  t.ok((await seen()).includes(db));
});

t.test('a removed user is gone at once, and the army number is free', async (t) => {
  const body = user();
  const { id } = (await post(body)).body.data;
  const token = await signIn(body.army_number, strong);
  const gone = await call(admin, 'DELETE', `/admin/users/${id}`);
  t.same(
    [gone.status, gone.body],
    [200, { message: 'User deleted successfully', statusCode: 200, data: {} }],
  );
  const refused = await call(token, 'GET', '/personnels/');
  const forged = await call('forged', 'GET', '/personnels/');
  t.equal(refused.status, 401);
  t.same({ ...refused.body, requestId: '' }, { ...forged.body, requestId: '' }, 'as for a forged token');
  t.match(
    await call(null, 'POST', '/auth/login', { army_number: body.army_number, password: strong }),
    refusal(401, 'Invalid credentials'),
  );
  t.match(await call(admin, 'DELETE', `/admin/users/${id}`), refusal(404, 'User not found'));
  t.match(await call(admin, 'PATCH', `/admin/users/${id}`, {}), refusal(404, 'User not found'));
  const reset = { user_id: id, new_password: strong };
  t.match(await call(admin, 'POST', '/admin/reset-password', reset), refusal(404, 'User not found'));
  t.same(await listed(body.army_number), []);
  t.equal((await post(body)).status, 201, 'the number is free');
});

t.test('administrators: not listed, do not remove themselves, and one stays', async (t) => {
  const other = await system.addUser('ADMIN-002', { role: 'admin' });
  t.same(await listed('ADMIN'), []);
  t.match(
    await call(admin, 'DELETE', `/admin/users/${system.adminId}`),
    refusal(400, 'Admins cannot delete themselves'),
  );
  t.match(await call(admin, 'DELETE', '/admin/users/nonsense'), refusal(400, 'Invalid user ID'));
  t.match(await call(admin, 'DELETE', `/admin/users/${nobody}`), refusal(404, 'User not found'));
  const second = await signIn('ADMIN-002');
  const both = await Promise.all([
    call(admin, 'DELETE', `/admin/users/${other}`),
    call(second, 'DELETE', `/admin/users/${system.adminId}`),
  ]);
  const stay = both.filter(({ status }) => status === 200).length;
  t.ok(stay <= 1, `of two who remove each other one stays: ${both.map(({ status }) => status)}`);
  const left = await Promise.all([admin, second].map((token) => call(token, 'GET', '/admin/users')));
  t.ok(left.some(({ status }) => status === 200));
});

t.test('a list of users is searched in one field at a time, and paged in order of creation', async (t) => {
  await system.addUser('ADMIN-009', { role: 'admin' });
  const root = await signIn('ADMIN-009');
  const ids: string[] = [];
  for (const n of [1, 2, 3]) {
    const body = user({ first_name: `Zara${n}`, last_name: 'Quist', army_number: `zz ${n} 9` });
    ids.push((await call(root, 'POST', '/admin/users', body)).body.data.id);
  }
  const get = async (query: string) => (await call(root, 'GET', `/admin/users?${query}`)).body;
  const found = async (search: string) =>
    (await get(`search=${encodeURIComponent(search)}`)).data.data.map((each: Json) => each.id);
  t.same(await found('zARa'), ids);
  t.same(await found('quist'), ids);
  t.same(await found('ZZ29'), [ids[1]], 'army numbers without spaces');
  t.same(await found('zz 2 9'), [ids[1]]);
  t.same(await found('Zara1 Quist'), [], 'no part reaches over two fields');
  for (const each of ['[', '.*', 'Zara(', '\\', '$', 'Zara.']) t.same(await found(each), []);
  const page = await get('search=zara&page=2&limit=2');
  t.match(page, { message: 'Users fetched successfully', statusCode: 200 });
  t.same(page.data.meta, {
    total: 3,
    page: 2,
    limit: 2,
    pageCount: 2,
    hasNextPage: false,
    hasPrevPage: true,
  });
  t.same(
    page.data.data.map((each: Json) => each.id),
    [ids[2]],
  );
  const far = await get('search=zara&page=99999999999999999999999999');
  t.match(far.data, { data: [], meta: { total: 3, hasPrevPage: true, hasNextPage: false } });
});

t.test('an Idempotency-Key makes a creation safe to repeat', async (t) => {
  await system.addUser('ADMIN-010', { role: 'admin' });
  const root = await signIn('ADMIN-010');
  const key = { 'idempotency-key': 'user-1' };
  const body = user();
  const send = (given: unknown) => call(root, 'POST', '/admin/users', given, key);
  const answers = await Promise.all(Array.from({ length: 6 }, () => send(body)));
  t.equal(new Set(answers.map((each) => `${each.status} ${each.body.data.id}`)).size, 1);
  t.match(answers[0], { status: 201 });
  t.match(await send(user()), { status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED', statusCode: 422 } });
});
