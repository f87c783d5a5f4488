import t from 'tap';
import { type Json, startSystem } from './http.ts';

const system = await startSystem(t);
const { call, admin } = system;
const nobody = '0123456789abcdef01234567';
t.setTimeout(240_000);

const refusal = (statusCode: number, message: string | RegExp) => ({
  status: statusCode,
  body: { statusCode, message, data: {} },
});
let count = 0;
const db = (given: Record<string, unknown> = {}) => {
  count += 1;
  return { name: `Name ${count}`, short_code: `C${count}`, description: 'Text', ...given };
};
const post = (body: unknown, headers = {}) => call(admin, 'POST', '/admin/dbs', body, headers);

t.test('a db is created, listed and changed', async (t) => {
  const created = await post(
    db({ name: ' Alpha ', short_code: ' AL ', id: nobody, created_at: '2001-01-01' }),
  );
  const { id } = created.body.data;
  t.same(
    [created.status, created.body],
    [201, { message: 'Database created successfully', statusCode: 201, data: { id } }],
  );
  t.not(id, nobody);
  const list = await call(admin, 'GET', '/admin/dbs?search=alph');
  t.match(list.body, { message: 'Databases fetched successfully', statusCode: 200 });
  const { created_at, ...rest } = list.body.data.data[0];
  t.match(created_at, /^2026-.*Z$/);
  t.same(rest, { id, name: 'Alpha', short_code: 'AL', description: 'Text' });
  const patch = (body: unknown, headers = {}) => call(admin, 'PATCH', `/admin/dbs/${id}`, body, headers);
  const changed = await patch({ description: ' Other ', id: nobody, created_at: 'x' });
  t.same(
    [changed.status, changed.body],
    [
      200,
      {
        message: 'Database updated successfully',
        statusCode: 200,
        data: { ...rest, description: 'Other', created_at },
      },
    ],
  );
  t.same((await patch({})).body.data, changed.body.data, 'an empty object changes nothing');
  const tag = (await patch({ name: 'Beta' })).headers.get('etag')!;
  t.equal((await patch({ name: 'Gamma' }, { 'if-match': tag })).status, 200);
  t.match(await patch({ name: 'Delta' }, { 'if-match': tag }), { status: 412, body: { code: 'STALE' } });
});

t.test('a short code is there once among live dbs', async (t) => {
  const first = (await post(db({ short_code: 'ONE' }))).body.data.id;
  const other = (await post(db({ short_code: 'TWO' }))).body.data.id;
  t.match(await post(db({ short_code: 'ONE' })), refusal(400, 'Database already exists'));
  t.match(await post(db({ short_code: ' ONE ' })), refusal(400, 'Database already exists'));
  t.match(
    await call(admin, 'PATCH', `/admin/dbs/${other}`, { short_code: 'ONE' }),
    refusal(400, 'Database already exists'),
  );
  const many = await Promise.all(Array.from({ length: 20 }, () => post(db({ short_code: 'RACE' }))));
  t.equal(many.filter(({ status }) => status === 201).length, 1);
  t.equal(many.filter(({ status }) => status === 400).length, 19);
  await call(admin, 'DELETE', `/admin/dbs/${first}`);
  t.equal((await post(db({ short_code: 'ONE' }))).status, 201, 'free after a deletion');
  t.match(await call(admin, 'POST', `/admin/dbs/${first}/restore`), refusal(400, 'Database already exists'));
});

t.test('37. a db with a part that is missing or of another kind is 400', async (t) => {
  const { id } = (await post(db())).body.data;
  for (const field of ['name', 'short_code', 'description']) {
    const { [field]: _left, ...rest } = db() as Record<string, unknown>;
    t.match(await post(rest), { status: 400, body: { errors: [{ field }] } }, `without ${field}`);
    for (const value of [null, 5, ['a'], { $ne: null }]) {
      t.match(await post(db({ [field]: value })), { status: 400, body: { errors: [{ field }] } });
      t.match(await call(admin, 'PATCH', `/admin/dbs/${id}`, { [field]: value }), {
        status: 400,
        body: { errors: [{ field }] },
      });
    }
  }
  for (const body of [null, [], 'a', 5, undefined]) {
    t.equal((await post(body)).status, 400);
    t.equal((await call(admin, 'PATCH', `/admin/dbs/${id}`, body)).status, 400);
  }
});

t.test('malformed and unknown ids', async (t) => {
  for (const [method, path, body] of [
    ['PATCH', '', {}],
    ['DELETE', ''],
    ['POST', '/restore'],
  ] as const) {
    for (const id of ['nonsense', `${nobody}0`, '%00', 'a'.repeat(100)]) {
      t.match(
        await call(admin, method, `/admin/dbs/${id}${path}`, body),
        refusal(400, 'Invalid database ID'),
      );
    }
    t.match(
      await call(admin, method, `/admin/dbs/${nobody}${path}`, body),
      refusal(404, 'Database not found'),
    );
  }
});

t.test(
  'deleted, a db takes its personnel out of sight and leaves every allowed_dbs; restored, it brings them back',
  async (t) => {
    const { id } = (await post(db())).body.data;
    const other = (await post(db())).body.data.id;
    const record = await system.record(id, { army_number: 'DB/1', first_name: 'Zacharias' });
    const deleted = await system.record(id, { army_number: 'DB/2' });
    await call(admin, 'DELETE', `/personnels/${deleted}`);
    await system.addUser('DB-USER', { allowedDbs: [id, other] });
    const user = await system.signIn('DB-USER');
    const figures = async () => (await call(admin, 'GET', '/analytics/dashboard')).body.data;
    const before = await figures();

    const gone = await call(admin, 'DELETE', `/admin/dbs/${id}`);
    t.same(
      [gone.status, gone.body],
      [200, { message: 'Database deleted successfully', statusCode: 200, data: {} }],
    );
    const missing = refusal(404, 'Personnel not found');
    t.match(await call(admin, 'GET', `/personnels/${record}`), missing);
    t.match(await call(admin, 'PATCH', `/personnels/${record}`, { rank: 'x' }), missing);
    t.match(await call(admin, 'POST', `/personnels/${deleted}/restore`), missing);
    t.match(
      await call(admin, 'POST', '/personnels/', { ...(await bodyFor(id)) }),
      refusal(404, 'DB not found'),
    );
    t.notMatch(JSON.stringify((await call(admin, 'GET', '/personnels/')).body), 'Zacharias');
    t.match((await call(admin, 'GET', `/personnels/db/${id}`)).body.data, { data: [], meta: { total: 0 } });
    t.match((await call(admin, 'GET', `/personnels/deleted?db_id=${id}`)).body.data.meta, { total: 0 });
    t.match((await call(admin, 'GET', `/analytics/personnels/db/${id}`)).body.data.total_personnel, {
      total: 0,
    });
    t.notMatch(JSON.stringify((await call(admin, 'GET', '/admin/dbs?limit=500')).body), id);
    const during = await figures();
    t.equal(during.personnel.total, before.personnel.total - 1);
    t.equal(during.deleted_personnel.total, before.deleted_personnel.total - 1);
    t.equal(during.databases.total, before.databases.total - 1);
    const listed = await call(admin, 'GET', '/admin/users?search=db-user');
    t.same(
      listed.body.data.data[0].allowed_dbs.map((each: Json) => each.id),
      [other],
    );
    t.match(await call(admin, 'DELETE', `/admin/dbs/${id}`), refusal(404, 'Database not found'));
    t.match(await call(admin, 'PATCH', `/admin/dbs/${id}`, {}), refusal(404, 'Database not found'));

    const restored = await call(admin, 'POST', `/admin/dbs/${id}/restore`);
    t.match(restored, { status: 200, body: { message: 'Database restored successfully', data: { id } } });
    t.match(await call(admin, 'GET', `/personnels/${record}`), {
      status: 200,
      body: { data: { army_number: 'DB/1' } },
    });
    t.match(await call(admin, 'GET', `/personnels/${deleted}`), missing, 'what was deleted before stays so');
    t.same(await figures(), before);
    t.match(await call(user, 'GET', `/personnels/${record}`), missing, 'who lost it does not get it back');
    t.match(await call(admin, 'POST', `/admin/dbs/${id}/restore`), refusal(404, 'Database not found'));
  },
);

async function bodyFor(db_id: string) {
  const { person } = await import('./http.ts');
  return person({ db_id });
}

t.test('a deletion or a restore that broke off is carried on by a repetition', async (t) => {
  const { id } = (await post(db())).body.data;
  const user = await system.addUser('HALF', { allowedDbs: [id] });
  const dbs = system.platform.db.collection('personnel_dbs');
  const { ObjectId } = await import('mongodb');
  // As after a crash between the two writes.
  await dbs.updateOne({ _id: new ObjectId(id) }, { $set: { deleted_at: new Date() } });
  const allowed = async () => ((await system.users.findById(user))!.memberships.personnel as Json).allowedDbs;
  t.same(await allowed(), [id]);
  t.match(await call(admin, 'DELETE', `/admin/dbs/${id}`), refusal(404, 'Database not found'));
  t.same(await allowed(), []);
  await system.users.updateMembership(new ObjectId(user), 'personnel', {
    ...(await system.users.findById(user))!.memberships.personnel!,
    allowedDbs: [id],
  });
  t.equal((await call(admin, 'POST', `/admin/dbs/${id}/restore`)).status, 200);
  t.same(await allowed(), []);
});

t.test('the list is open to everybody who is signed in, each within their reach', async (t) => {
  const [one, two] = [
    (await post(db({ name: 'Reach one' }))).body.data.id,
    (await post(db({ name: 'reach TWO' }))).body.data.id,
  ];
  await system.addUser('LIST-1', { allowedDbs: [two] });
  await system.addUser('LIST-2', { accessAllDb: true });
  await system.addUser('LIST-3');
  const seen = async (who: string) => {
    const list = await call(await system.signIn(who), 'GET', '/admin/dbs?search=REACH');
    return list.body.data.data.map((each: Json) => each.id);
  };
  t.same(await seen('LIST-1'), [two]);
  t.same(await seen('LIST-2'), [one, two]);
  t.same(await seen('LIST-3'), []);
  t.same(await seen('ADMIN-001'), [one, two]);
  t.match(
    await call(await system.signIn('LIST-2'), 'POST', '/admin/dbs', db()),
    refusal(403, 'Unauthorized access - Admin only'),
  );
});

t.test('an Idempotency-Key makes a creation safe to repeat', async (t) => {
  const body = db();
  const key = { 'idempotency-key': 'db-1' };
  const answers = await Promise.all(Array.from({ length: 6 }, () => post(body, key)));
  t.same(new Set(answers.map((each) => `${each.status} ${each.body.data.id}`)).size, 1);
  t.match(await post(db(), key), { status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
});
