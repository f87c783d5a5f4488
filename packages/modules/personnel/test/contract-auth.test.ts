import { createHmac } from 'node:crypto';
import t from 'tap';
import { type Json, password, startSystem } from './http.ts';

const system = await startSystem(t);
const { call, send, admin, signIn } = system;
const strong = 'four unrelated words here';
t.setTimeout(240_000);

const login = (body: unknown) => call(null, 'POST', '/auth/login', body);
const refusal = (statusCode: number, message: string | RegExp) => ({
  status: statusCode,
  body: { statusCode, message, data: {} },
});

t.test('35. an unknown number and a wrong password get the same answer', async (t) => {
  const wrong = await login({ army_number: 'ADMIN-001', password: 'not this one' });
  const unknown = await login({ army_number: 'NOBODY', password: 'not this one' });
  t.match(wrong, refusal(401, 'Invalid credentials'));
  t.same({ ...wrong.body, requestId: '' }, { ...unknown.body, requestId: '' });
  t.notOk('msg' in wrong.body, 'no token was refused');
  t.match(await login({ army_number: 'ADMIN-001', password: '' }), refusal(401, 'Invalid credentials'));
});

t.test('signing in takes the number without spaces and in any case', async (t) => {
  for (const army_number of ['admin-001', ' ADMIN -0 01 ', 'Admin-001']) {
    const answer = await login({ army_number, password });
    t.match(answer, { status: 200, body: { message: 'Login successfully', statusCode: 200 } });
    t.match(answer.body.data.user, { army_number: 'ADMIN-001', role: 'admin', allowed_dbs: [] });
  }
});

t.test('37. a body that does not fit is 400, and nothing of it is repeated', async (t) => {
  const bodies: unknown[] = [
    ...[{}, { army_number: 'A' }, { password: 'b' }, [], null, 'text', 5, [{ army_number: 'A' }]],
    ...[{ $ne: null }, ['ADMIN-001'], 1, null, true].flatMap((value) => [
      { army_number: value, password },
      { army_number: 'ADMIN-001', password: value },
    ]),
    ...['', '   '].map((army_number) => ({ army_number, password })),
    { army_number: 'ADMIN-001', password: 'long'.repeat(19) },
  ];
  for (const body of bodies) {
    const answer = await login(body);
    t.match(
      answer,
      { status: 400, body: { statusCode: 400, message: String, data: {} } },
      JSON.stringify(body),
    );
    t.notMatch(JSON.stringify(answer.body), password);
  }
  t.equal((await call(null, 'POST', '/auth/login')).status, 400);
  t.match(await login({ army_number: '', password }), refusal(400, /army_number/));
});

t.test('a token is good for 60 minutes, and for this system alone', async (t) => {
  const claims = JSON.parse(Buffer.from(admin.split('.')[1]!, 'base64url').toString());
  t.equal(claims.exp - claims.iat, 3_600);
  t.equal(claims.aud, 'personnel');
  t.notMatch(JSON.stringify(claims), /hash|ADMIN-001|Ada/);
  const short = await startSystem(t, { env: { ACCESS_EXPIRES: '5' } });
  const own = JSON.parse(Buffer.from(short.admin.split('.')[1]!, 'base64url').toString());
  t.equal(own.exp - own.iat, 300);
});

t.test('30. every 401 has msg, and all are alike', async (t) => {
  const secret = system.platform.config.JWT_SECRET;
  const [head, claims, signature] = admin.split('.') as [string, string, string];
  const known = JSON.parse(Buffer.from(claims, 'base64url').toString());
  const header = JSON.parse(Buffer.from(head, 'base64url').toString());
  const make = (own: object, alg = 'HS256', key = secret) => {
    const text = [
      { ...header, alg },
      { ...known, ...own },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const hash = alg === 'HS512' ? 'sha512' : 'sha256';
    return `${text}.${alg === 'none' ? '' : createHmac(hash, key).update(text).digest('base64url')}`;
  };
  t.equal((await call(make({}), 'GET', '/admin/dbs')).status, 200, 'what is made here is good');
  const past = Math.floor(Date.now() / 1_000) - 10;
  const bad: Record<string, string | undefined> = {
    none: undefined,
    empty: '',
    'no word': admin,
    'small letters': `bearer ${admin}`,
    capitals: `BEARER ${admin}`,
    'two spaces': `Bearer  ${admin}`,
    'nothing after it': 'Bearer ',
    'another scheme': `Basic ${Buffer.from('a:b').toString('base64')}`,
    garbage: 'Bearer garbage',
    cut: `Bearer ${head}.${claims}`,
    changed: `Bearer ${head}.${claims}.${signature.split('').reverse().join('')}`,
    expired: `Bearer ${make({ exp: past })}`,
    'without end': `Bearer ${make({ exp: undefined })}`,
    'another system': `Bearer ${make({ aud: 'receivables' })}`,
    'another issuer': `Bearer ${make({ iss: 'somebody' })}`,
    'another key': `Bearer ${make({}, 'HS256', 'another key of some length, at least')}`,
    'not signed': `Bearer ${make({}, 'none')}`,
    'signed otherwise': `Bearer ${make({}, 'HS512')}`,
    'an old version': `Bearer ${make({ tv: 0 })}`,
    nobody: `Bearer ${make({ sub: '0123456789abcdef01234567' })}`,
  };
  const seen = new Set<string>();
  for (const [name, authorization] of Object.entries(bad)) {
    for (const path of ['/admin/dbs', '/personnels/', '/admin/users']) {
      const answer = await send(
        'GET',
        path,
        authorization === undefined ? {} : { headers: { authorization } },
      );
      t.equal(answer.status, 401, name);
      t.equal(answer.body.msg, answer.body.message, name);
      seen.add(JSON.stringify({ ...answer.body, requestId: '' }));
    }
  }
  t.equal(seen.size, 1, [...seen].join('\n'));
});

t.test(
  'a new password of one’s own ends every token; who does not know the old one is told so',
  async (t) => {
    const id = await system.addUser('OWN-1');
    const token = await signIn('OWN-1');
    const other = await signIn('OWN-1');
    const change = (body: unknown) => call(token, 'POST', '/auth/change-password', body);
    for (const old_password of ['not this one', '', 'x'.repeat(73), ' ']) {
      t.match(await change({ old_password, new_password: strong }), refusal(400, 'Old password incorrect'));
    }
    for (const body of [
      {},
      { old_password: password },
      { new_password: strong },
      null,
      [],
      { old_password: 5, new_password: strong },
    ]) {
      t.equal((await change(body)).status, 400);
    }
    for (const new_password of ['short', 'password1234', 'y1'.repeat(37), '', ['a'], null]) {
      const answer = await change({ old_password: password, new_password });
      t.equal(answer.status, 400, String(new_password));
      t.notMatch(JSON.stringify(answer.body), password);
    }
    t.match(await change({ old_password: password, new_password: 'y1'.repeat(37) }), {
      body: { message: /72 bytes/ },
    });
    t.match((await call(token, 'GET', '/admin/dbs')).status, 200, 'nothing has changed so far');
    const done = await change({ old_password: password, new_password: strong });
    t.same(
      [done.status, done.body],
      [200, { message: 'Password updated successfully', statusCode: 200, data: {} }],
    );
    for (const each of [token, other]) t.equal((await call(each, 'GET', '/admin/dbs')).status, 401);
    t.match(await login({ army_number: 'OWN-1', password }), { status: 401 });
    const again = await login({ army_number: 'OWN-1', password: strong });
    t.match(again.body.data.user, { id, is_generated: false });
  },
);

t.test('a reset ends every token, and the password counts as generated again', async (t) => {
  const id = await system.addUser('RES 1', { isGenerated: false });
  const token = await signIn('RES1');
  const reset = (body: unknown) => call(admin, 'POST', '/admin/reset-password', body);
  const done = await reset({ user_id: id, new_password: strong });
  t.same(
    [done.status, done.body],
    [200, { message: 'Password reset successfully', statusCode: 200, data: {} }],
  );
  t.equal((await call(token, 'GET', '/admin/dbs')).status, 401);
  const back = await login({ army_number: 'res 1', password: strong });
  t.match(back.body.data.user, { is_generated: true });
  t.equal((await reset({ army_number: ' res1', new_password: `${strong}!` })).status, 200, 'by army number');
  t.match(await login({ army_number: 'RES 1', password: `${strong}!` }), { status: 200 });
  t.match(await reset({ user_id: 'nonsense', new_password: strong }), {
    ...refusal(400, 'Invalid user ID'),
    body: { message: 'Invalid user ID', errors: [{ field: 'user_id' }] },
  });
  t.match(
    await reset({ user_id: '0123456789abcdef01234567', new_password: strong }),
    refusal(404, 'User not found'),
  );
  t.match(await reset({ army_number: 'NOBODY', new_password: strong }), refusal(404, 'User not found'));
  for (const body of [
    {},
    { new_password: strong },
    { user_id: id },
    { user_id: 5, new_password: strong },
    { army_number: '', new_password: strong },
    { user_id: ['a'], new_password: strong },
    null,
    [],
  ]) {
    const answer = await reset(body);
    t.match(answer, { status: 400, body: { errors: [] } }, JSON.stringify(body));
  }
  const weak = await reset({ user_id: id, new_password: 'password1234' });
  t.match(weak, { status: 400, body: { code: 'WEAK_PASSWORD' } });
  const long = await reset({ user_id: id, new_password: 'y1'.repeat(37) });
  t.match(long, { status: 400, body: { errors: [{ field: 'new_password' }] } });
});

t.test('34. ten wrong passwords make the account wait, others do not', async (t) => {
  await system.addUser('WAIT-1');
  await system.addUser('WAIT-2');
  let answer = await login({ army_number: 'WAIT-1', password: 'wrong password' });
  for (let attempt = 0; attempt < 15 && answer.status === 401; attempt += 1) {
    answer = await login({ army_number: `wait -1${' '.repeat(attempt)}`, password: 'wrong password' });
  }
  t.match(answer, { status: 429, body: { statusCode: 429, code: 'TOO_MANY_ATTEMPTS', message: String } });
  t.ok(Number(answer.headers.get('retry-after')) >= 1);
  t.equal((await login({ army_number: 'WAIT-1', password })).status, 429, 'even with the right one');
  t.equal((await login({ army_number: 'WAIT-2', password })).status, 200);
});

t.test('59. no password and no token is in what is stored or answered', async (t) => {
  const { db } = system.platform;
  for (const { name } of await db.listCollections().toArray()) {
    const text = JSON.stringify(await db.collection(name).find().toArray());
    for (const secret of [password, strong, admin]) t.notOk(text.includes(secret), name);
  }
  const answers: Json[] = [
    await call(admin, 'GET', '/admin/users'),
    await call(admin, 'GET', '/admin/audit'),
  ];
  for (const { body } of answers) t.notMatch(JSON.stringify(body), /\$2b|passwordHash/);
});
