import t from 'tap';
import { type Person, peopleOf } from '../src/auth/shared-users.ts';
import type { UserDocument } from '../src/auth/users.ts';
import {
  bearer,
  bodyOf,
  buildModule,
  buildUser,
  listen,
  openPlatform,
  password,
  postJson,
  signIn,
} from './http-support.ts';

const { platform, users, db, logLines } = await openPlatform(t);
// Two systems as far as memberships go; only the first is served.
const other = buildModule({ name: 'policies' as never, administrators: ['Head'] });
const module = buildModule();
const { base } = await listen(t, platform, module, { modules: [module, other] });
const strong = 'paddle violet engine 42';

const member = (role: string) => ({ receivables: { role, region: null, department: null } });
const boss = await users.upsertUser(await buildUser({ name: 'Boss', memberships: member('Manager') }));
const token = await signIn(base, boss.email);

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = bearer(token),
) {
  const answer = await fetch(`${base}/api${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared, not typed
  const json = (await answer.json()) as any;
  return { status: answer.status, body: json, etag: answer.headers.get('etag'), headers: answer.headers };
}
const engineer = (email: string) => ({
  name: 'New Engineer',
  email,
  role: 'Engineer',
  region: 'pune',
  password: strong,
});
async function create(email: string) {
  const made = await call('POST', '/admin/users', engineer(email));
  t.equal(made.status, 201);
  return made.body as { id: string; version: number; email: string };
}
async function raw(id: string): Promise<UserDocument> {
  return (await users.findById(id))!;
}
const outboxOf = async (id: string) =>
  ((await db.collection<UserDocument>('users').findOne({ _id: (await raw(id))._id }))?.outbox ?? []).map(
    (each) => each.action,
  );

t.test(
  'an administrator creates a user, who signs in; the audit entry is in the same document',
  async (t) => {
    const made = await call('POST', '/admin/users', { ...engineer('  New.One@Example.com '), contact: '98' });
    t.match(made, { status: 201, etag: '"v1"' });
    t.match(made.body, {
      ...{ name: 'New Engineer', email: 'new.one@example.com', contact: '98', status: 'active' },
      ...{
        role: 'Engineer',
        region: 'pune',
        department: null,
        otherSystems: false,
        lastLoginAt: null,
        version: 1,
      },
    });
    t.notMatch(JSON.stringify(made.body), /password|\$2/);
    t.ok(await signIn(base, 'NEW.ONE@example.com', strong));
    t.same(await outboxOf(made.body.id), ['user.create']);
    const { body } = await call('GET', `/admin/users/${made.body.id}`);
    t.ok(body.lastLoginAt);
    t.notMatch(logLines.join(''), strong);
  },
);

t.test(
  '54. 50 parallel creations of one e-mail, spaces and letter case differing: one 201, 49 × 409',
  async (t) => {
    const spell = (nth: number) =>
      `${' '.repeat(nth % 3)}${nth % 2 ? 'Twice@Example.com' : 'twice@example.COM'}`;
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, nth) => call('POST', '/admin/users', engineer(spell(nth)))),
    );
    t.equal(all.filter(({ status }) => status === 201).length, 1);
    const refused = all.filter(({ status }) => status === 409);
    t.equal(refused.length, 49);
    for (const { body } of refused) t.match(body, { code: 'EMAIL_TAKEN', field: 'email' });
    t.equal(await db.collection('users').countDocuments({ email: 'twice@example.com' }), 1);
  },
);

t.test('Idempotency-Key: one user, the first answer again; 422 for another body', async (t) => {
  const headers = { ...bearer(token), 'idempotency-key': 'create-1' };
  const wanted = engineer('once@example.com');
  const all = await Promise.all(
    Array.from({ length: 10 }, () => call('POST', '/admin/users', wanted, headers)),
  );
  t.same(new Set(all.map(({ status }) => status)), new Set([201]));
  t.equal(new Set(all.map(({ body }) => body.id)).size, 1);
  t.equal(all.filter(({ headers: sent }) => sent.get('idempotent-replayed') === 'true').length, 9);
  const another = await call('POST', '/admin/users', { ...wanted, name: 'Another' }, headers);
  t.match(another, { status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  t.equal(await db.collection('users').countDocuments({ email: 'once@example.com' }), 1);
});

t.test('36. weak, common, short and long passwords are refused on setting', async (t) => {
  const { id } = await create('weak@example.com');
  const cases: [string, string][] = [
    ['short', 'WEAK_PASSWORD'],
    ['password123', 'WEAK_PASSWORD'],
    ['qwertyuiop', 'WEAK_PASSWORD'],
    ['New Engineer', 'WEAK_PASSWORD'],
    ['example.com', 'WEAK_PASSWORD'],
    ['aaaaaaaaaaaaaaaa', 'WEAK_PASSWORD'],
    [`${strong} ${'ü'.repeat(30)}`, 'INVALID_REQUEST'],
  ];
  for (const [given, code] of cases) {
    t.match(await call('POST', '/admin/users', { ...engineer('weak2@example.com'), password: given }), {
      status: 400,
      body: { code },
    });
    t.match(
      await call('POST', `/admin/users/${id}/reset-password`, { password: given }),
      { status: 400, body: { code } },
      given,
    );
  }
  t.equal(await db.collection('users').countDocuments({ email: 'weak2@example.com' }), 0);
  t.ok(await signIn(base, 'weak@example.com', strong), 'nothing was changed');
});

t.test('37, 38. operators, arrays, unknown properties and roles → 400, nothing is written', async (t) => {
  const before = await db.collection('users').countDocuments();
  const bad = [
    { ...engineer('x@example.com'), email: { $ne: null } },
    { ...engineer('x@example.com'), email: ['x@example.com'] },
    { ...engineer('x@example.com'), name: null },
    { ...engineer('x@example.com'), name: '   ' },
    { ...engineer('x@example.com'), role: 'Owner' },
    { ...engineer('x@example.com'), region: 'mars' },
    { ...engineer('x@example.com'), tokenVersion: 7 },
    { ...engineer('x@example.com'), status: 'active' },
    { ...engineer('no address'), region: 'pune' },
    { ...engineer('\u0000a@example.com') },
    { ...engineer('a\u200bb@example.com') },
    { ...engineer('dot@example.com.') },
    { ...engineer('x@example.com'), name: '\u202eevil' },
    { ...engineer('x@example.com'), name: 'half \ud800' },
    { ...engineer('x@example.com'), contact: 'bell \u0007' },
    [],
    null,
  ];
  for (const body of bad) {
    t.match(
      await call('POST', '/admin/users', body),
      { status: 400, body: { code: 'INVALID_REQUEST' } },
      JSON.stringify(body),
    );
  }
  t.equal(await db.collection('users').countDocuments(), before);
  for (const search of ['.*', '[', '(a+)+$', '$where']) {
    t.match(await call('GET', `/admin/users?search=${encodeURIComponent(search)}`), {
      status: 200,
      body: { total: 0 },
    });
  }
});

t.test('the list: search, status, role, pages', async (t) => {
  await create('zzz-one@example.com');
  const two = await create('zzz-two@example.com');
  await call('POST', `/admin/users/${two.id}/disable`);
  const found = (query: string) => call('GET', `/admin/users?${query}`).then(({ body }) => body);
  t.same((await found('search=ZZZ-')).users.map((user: { email: string }) => user.email).sort(), [
    'zzz-one@example.com',
    'zzz-two@example.com',
  ]);
  t.match(await found('search=zzz&status=disabled'), {
    total: 1,
    users: [{ id: two.id, status: 'disabled' }],
  });
  t.match(await found('search=zzz&role=Manager'), { total: 0 });
  const paged = await found('search=zzz&page=2&limit=1');
  t.match([paged.total, paged.page, paged.users.length], [2, 2, 1]);
  t.match(await call('GET', '/admin/users?page=0'), { status: 400 });
});

t.test('33. every change acts on the next request', async (t) => {
  const { id, email } = await create('acts@example.com');
  let own = await signIn(base, email, strong);
  const me = () => fetch(`${base}/api/auth/me`, { headers: bearer(own) });
  const write = () => postJson(`${base}/api/things`, { text: 'x' }, bearer(own));
  t.equal((await me()).status, 200);
  t.equal((await write()).status, 403);
  await call('PATCH', `/admin/users/${id}`, { role: 'Manager', region: 'delhi' });
  t.equal((await write()).status, 200, 'another role');
  t.match(await bodyOf(await me()), { role: 'Manager', region: 'delhi' });
  await call('PATCH', `/admin/users/${id}`, { role: 'Engineer' });
  t.equal((await write()).status, 403);
  await call('POST', `/admin/users/${id}/reset-password`, { password: 'quiet copper meadow 7' });
  t.equal((await me()).status, 401, 'another password');
  own = await signIn(base, email, 'quiet copper meadow 7');
  await call('POST', `/admin/users/${id}/sign-out`);
  t.equal((await me()).status, 401, 'signed out');
  own = await signIn(base, email, 'quiet copper meadow 7');
  await call('POST', `/admin/users/${id}/disable`);
  t.equal((await me()).status, 401, 'disabled');
  t.equal(
    (await postJson(`${base}/api/auth/login`, { email, password: 'quiet copper meadow 7' })).status,
    401,
  );
  await call('POST', `/admin/users/${id}/enable`);
  t.equal((await me()).status, 401, 'the old token stays dead');
  own = await signIn(base, email, 'quiet copper meadow 7');
  t.match(await call('DELETE', `/admin/users/${id}`), { status: 200, body: { success: true } });
  t.equal((await me()).status, 401, 'removed');
  t.same(await outboxOf(id), [
    ...['user.create', 'user.update', 'user.update', 'user.reset-password', 'user.sign-out'],
    ...['user.disable', 'user.enable', 'user.remove'],
  ]);
});

t.test('who is removed frees the e-mail, keeps the name, and is not among the members', async (t) => {
  const { id } = await create('gone@example.com');
  await call('DELETE', `/admin/users/${id}`);
  t.match(await call('GET', `/admin/users/${id}`), {
    body: { status: 'removed', email: 'gone@example.com', role: 'Engineer' },
  });
  t.match(await call('GET', '/admin/users?search=gone@'), { body: { total: 0 } });
  t.match(await call('GET', '/admin/users?search=gone@&status=removed'), { body: { total: 1 } });
  t.match(await call('POST', `/admin/users/${id}/enable`), { status: 409 });
  t.match(await call('PATCH', `/admin/users/${id}`, { name: 'X' }), { status: 409 });
  const again = await create('gone@example.com');
  t.not(again.id, id);
  const people = platform.reads.share(
    () => peopleOf('receivables'),
    (found: Person[]) => found,
  );
  t.ok(
    (await people()).some(({ _id }) => _id.toHexString() === id),
    'figures keep the name',
  );
});

t.test('55. a change with a stale version → 412; of 50 with one version one is made', async (t) => {
  const { id } = await create('stale@example.com');
  const change = (name: string, tag: string) =>
    call('PATCH', `/admin/users/${id}`, { name }, { ...bearer(token), 'if-match': tag });
  const all = await Promise.all(Array.from({ length: 50 }, (_, nth) => change(`Name ${nth}`, '"v1"')));
  t.equal(all.filter(({ status }) => status === 200).length, 1);
  t.equal(all.filter(({ status, body }) => status === 412 && body.code === 'STALE').length, 49);
  const winner = all.find(({ status }) => status === 200)!;
  t.match(await call('GET', `/admin/users/${id}`), {
    etag: '"v2"',
    body: { name: winner.body.name, version: 2 },
  });
  t.equal((await change('Other', '"2"')).status, 412, 'no tag of ours');
  t.equal((await change('Other', '"v2"')).status, 200);
  t.equal((await change('Other', '*')).status, 200);
  // Without the header the last one wins, and nothing of what others set is lost.
  const both = await Promise.all([
    call('PATCH', `/admin/users/${id}`, { contact: '1' }),
    call('PATCH', `/admin/users/${id}`, { region: 'delhi' }),
  ]);
  t.same(
    both.map(({ status }) => status),
    [200, 200],
  );
  t.match(await call('GET', `/admin/users/${id}`), { body: { contact: '1', region: 'delhi' } });
});

t.test('40. the last active administrator can neither go nor be sent', async (t) => {
  const id = boss._id.toHexString();
  const attempts = () =>
    Promise.all([
      call('POST', `/admin/users/${id}/disable`),
      call('DELETE', `/admin/users/${id}`),
      call('PATCH', `/admin/users/${id}`, { role: 'Engineer' }),
    ]);
  for (const answer of await attempts())
    t.match(answer, { status: 409, body: { code: 'LAST_ADMINISTRATOR' } });
  const { id: second } = await create('second@example.com');
  await call('PATCH', `/admin/users/${second}`, { role: 'Manager' });
  await call('POST', `/admin/users/${second}/disable`);
  for (const answer of await attempts()) t.match(answer, { status: 409 }, 'a disabled one does not count');
  t.equal((await raw(id)).leaving, undefined);
});

t.test('40. two administrators who send each other away at once: one stays, every time', async (t) => {
  for (let round = 0; round < 15; round += 1) {
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (each) => {
        const email = `duel-${round}-${each}@example.com`;
        const user = await users.upsertUser(await buildUser({ email, memberships: member('Manager') }));
        return { id: user._id.toHexString(), token: await signIn(base, email) };
      }),
    );
    // Nobody else administers while they do.
    await users.updateStatus(boss._id, 'disabled');
    const send = (by: { token: string }, whom: { id: string }, nth: number) => {
      const headers = bearer(by.token);
      if (nth % 3 === 0) return call('POST', `/admin/users/${whom.id}/disable`, undefined, headers);
      if (nth % 3 === 1) return call('DELETE', `/admin/users/${whom.id}`, undefined, headers);
      return call('PATCH', `/admin/users/${whom.id}`, { role: 'Engineer' }, headers);
    };
    const answers = await Promise.all([send(a!, b!, round), send(b!, a!, round + 1)]);
    const left = await users.listMembers('receivables', ['Manager']);
    const active = left.filter(({ status }) => status === 'active');
    t.equal(active.length >= 1, true, `round ${round}: ${answers.map(({ status }) => status)}`);
    t.ok(answers.every(({ status }) => [200, 401, 403, 409].includes(status)));
    for (const user of active) await users.updateStatus(user._id, 'disabled');
    await users.updateStatus(boss._id, 'active');
  }
  // Disabling and enabling ended the boss's tokens.
  t.equal((await call('GET', '/admin/users')).status, 401);
});

t.test('a mark that a killed process has left hinders nobody', async (t) => {
  const fresh = await signIn(base, boss.email);
  const headers = bearer(fresh);
  const user = await users.upsertUser(await buildUser({ memberships: member('Manager') }));
  const id = user._id.toHexString();
  await db
    .collection<UserDocument>('users')
    .updateOne({ _id: user._id }, { $set: { leaving: { token: 'x', at: new Date(0) } } });
  t.equal((await call('POST', `/admin/users/${id}/disable`, undefined, headers)).status, 200);
});

t.test(
  '39. members of another system only are not found; whole persons need both administrations',
  async (t) => {
    const headers = bearer(await signIn(base, boss.email));
    const stranger = await users.upsertUser(
      await buildUser({
        memberships: { policies: { role: 'Head', region: null, department: null } } as never,
      }),
    );
    const both = await users.upsertUser(
      await buildUser({
        name: 'Both',
        memberships: { ...member('Engineer'), policies: { role: 'Head' } } as never,
      }),
    );
    const at = (user: { _id: { toHexString: () => string } }) => `/admin/users/${user._id.toHexString()}`;
    t.equal((await call('GET', at(stranger), undefined, headers)).status, 404);
    for (const path of ['disable', 'enable', 'sign-out']) {
      t.equal((await call('POST', `${at(stranger)}/${path}`, undefined, headers)).status, 404);
    }
    t.equal(
      (await call('POST', `${at(stranger)}/reset-password`, { password: strong }, headers)).status,
      404,
    );
    t.equal((await call('PATCH', at(stranger), { name: 'Mine' }, headers)).status, 404);
    t.equal((await call('DELETE', at(stranger), undefined, headers)).status, 404);
    t.equal(
      (await call('GET', `/admin/sign-ins?userId=${stranger._id.toHexString()}`, undefined, headers)).status,
      404,
    );
    t.notOk(
      (await call('GET', '/admin/users?limit=500', undefined, headers)).body.users.some(
        (each: { id: string }) => each.id === stranger._id.toHexString(),
      ),
    );

    t.equal((await call('POST', `${at(both)}/reset-password`, { password: strong }, headers)).status, 403);
    t.equal((await call('POST', `${at(both)}/disable`, undefined, headers)).status, 403);
    t.equal((await call('PATCH', at(both), { email: 'mine@example.com' }, headers)).status, 403);
    t.equal((await call('PATCH', at(both), { role: 'Manager' }, headers)).status, 200, 'the membership here');
    t.equal((await call('DELETE', at(both), undefined, headers)).status, 200);
    t.match(await raw(both._id.toHexString()), {
      status: 'active',
      email: both.email,
      memberships: { policies: { role: 'Head' } },
    });

    const admitted = await call(
      'POST',
      '/admin/users/admit',
      { email: stranger.email, role: 'Engineer', region: 'pune' },
      headers,
    );
    t.match(admitted, { status: 200, body: { role: 'Engineer', otherSystems: true } });
    t.equal(
      (await raw(stranger._id.toHexString())).passwordHash,
      stranger.passwordHash,
      'with the password that they had',
    );
    t.equal(
      (await call('POST', '/admin/users/admit', { email: stranger.email, role: 'Engineer' }, headers)).status,
      409,
    );
    t.equal(
      (await call('POST', '/admin/users/admit', { email: 'nobody@example.com', role: 'Engineer' }, headers))
        .status,
      404,
    );
  },
);

t.test('one changes one’s own password, signs out everywhere, and sees one’s sign-ins', async (t) => {
  const user = await users.upsertUser(await buildUser({ name: 'Own', memberships: member('Engineer') }));
  const mine = await signIn(base, user.email);
  const other = await signIn(base, user.email);
  const change = (currentPassword: string, newPassword: string) =>
    call('POST', '/auth/change-password', { currentPassword, newPassword }, bearer(mine));
  t.match(await change('wrong', strong), {
    status: 400,
    body: { code: 'WRONG_PASSWORD', field: 'currentPassword' },
  });
  t.match(await change(password, 'password123'), { status: 400, body: { code: 'WEAK_PASSWORD' } });
  const me = (of: string) =>
    fetch(`${base}/api/auth/me`, { headers: bearer(of) }).then(({ status }) => status);
  t.same([await me(mine), await me(other)], [200, 200]);
  const changed = await change(password, strong);
  t.equal(changed.status, 200);
  t.same([await me(mine), await me(other), await me(changed.body.token)], [401, 401, 200]);
  t.equal((await postJson(`${base}/api/auth/login`, { email: user.email, password })).status, 401);
  const latest = await signIn(base, user.email, strong);
  const log = await call('GET', '/auth/sign-ins', undefined, bearer(latest));
  t.same(
    log.body.signIns.map(({ outcome }: { outcome: string }) => outcome),
    [
      'signed_in',
      'wrong_password',
      'password_confirmed',
      'password_confirmed',
      'wrong_password',
      'signed_in',
      'signed_in',
    ],
  );
  t.equal((await call('POST', '/auth/sign-out', undefined, bearer(latest))).status, 200);
  t.same([await me(latest), await me(changed.body.token)], [401, 401]);
  t.same(await outboxOf(user._id.toHexString()), ['user.change-password', 'user.sign-out']);
});

t.test('34. guessing the current password with somebody’s token backs off, too', async (t) => {
  const user = await users.upsertUser(await buildUser({ memberships: member('Engineer') }));
  const stolen = await signIn(base, user.email);
  const statuses: number[] = [];
  for (let nth = 0; nth < 7; nth += 1) {
    const body = { currentPassword: `guess ${nth}`, newPassword: strong };
    statuses.push((await call('POST', '/auth/change-password', body, bearer(stolen))).status);
  }
  t.same(statuses, [400, 400, 400, 400, 400, 429, 429]);
});

t.test(
  '34. a reset lifts the back-off; administrators see the attempts of a user, by outcome and day',
  async (t) => {
    const headers = bearer(await signIn(base, boss.email));
    const user = await users.upsertUser(await buildUser({ memberships: member('Engineer') }));
    const id = user._id.toHexString();
    const login = (given: string) =>
      postJson(`${base}/api/auth/login`, { email: user.email, password: given }).then(({ status }) => status);
    for (let nth = 0; nth < 5; nth += 1) t.equal(await login('wrong'), 401);
    t.equal(await login(password), 429);
    const reset = await call('POST', `/admin/users/${id}/reset-password`, { password: strong }, headers);
    t.equal(reset.status, 200);
    t.equal(await login(strong), 200);

    const { body } = await call('GET', `/admin/users/${id}/sign-ins?limit=2`, undefined, headers);
    t.match(body, { total: 7, page: 1, limit: 2 });
    t.same(
      body.signIns.map(({ outcome, userId }: { outcome: string; userId: string }) => [outcome, userId]),
      [
        ['signed_in', id],
        ['too_many_attempts', id],
      ],
    );
    const total = async (query: string) =>
      (await call('GET', `/admin/sign-ins?userId=${id}&${query}`, undefined, headers)).body.total;
    t.same([await total('outcome=wrong_password'), await total('to=2020-01-01')], [5, 0]);
    t.equal(await total('from=2020-01-01'), 7);
    t.equal((await call('GET', '/admin/sign-ins?from=2026-02-30', undefined, headers)).status, 400);
    const engineer = bearer(await signIn(base, user.email, strong));
    t.equal((await call('GET', `/admin/users/${id}/sign-ins`, undefined, engineer)).status, 403);
  },
);

t.test('an entry that carries a secret is none of ours', async (t) => {
  const all = await db.collection<UserDocument>('users').find().toArray();
  const entries = all.flatMap(({ outbox = [] }) => outbox);
  t.ok(entries.length > 30);
  t.notMatch(JSON.stringify(entries), /\$2[aby]\$|paddle|quiet copper|tokenVersion/);
});
