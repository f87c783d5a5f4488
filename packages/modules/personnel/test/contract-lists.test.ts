import t from 'tap';
import { type Json, person, startSystem } from './http.ts';

const system = await startSystem(t);
const { call, admin } = system;
const nobody = '0123456789abcdef01234567';
t.setTimeout(240_000);

const refusal = (statusCode: number, message: string | RegExp) => ({
  status: statusCode,
  body: { statusCode, message, data: {} },
});
const list = (db: string, query = '', token = admin) => call(token, 'GET', `/personnels/db/${db}?${query}`);
const ids = (answer: Json): string[] => answer.body.data.data.map((each: Json) => each.id);

t.test('all records of a db, of one that is not there, of every one', async (t) => {
  const [one, other] = [await system.db(), await system.db()];
  const a = await system.record(one);
  const b = await system.record(other);
  const get = async (query: string) => (await call(admin, 'GET', `/personnels/${query}`)).body;
  const seen = async (query: string) => (await get(query)).data.map((each: Json) => each.id);
  t.match(await get(`?db_id=${one}`), { message: 'Personnels fetched successfully', statusCode: 200 });
  t.same(await seen(`?db_id=${one}`), [a]);
  t.same(await seen(`?db_id=${one.toUpperCase()}`), [a]);
  t.same(await seen(`?db_id=${nobody}`), []);
  t.same(await seen('?db_id=nonsense'), []);
  for (const every of ['', '?db_id=', '?unknown=1'])
    t.same(await seen(every), [a, b], 'in order of creation');
  t.equal((await call(admin, 'GET', `/personnels/?db_id=${one}&db_id=${other}`)).status, 400);
  t.equal((await call(admin, 'GET', '/personnels/?db_id[]=x')).status, 400);
});

t.test('pages of a db', async (t) => {
  const db = await system.db();
  const all: string[] = [];
  for (let n = 0; n < 12; n += 1) all.push(await system.record(db));
  const first = await list(db);
  t.match(first, { status: 200, body: { message: 'Personnels fetched successfully', statusCode: 200 } });
  t.same(first.body.data.meta, {
    total: 12,
    page: 1,
    limit: 10,
    pageCount: 2,
    hasNextPage: true,
    hasPrevPage: false,
  });
  t.same(ids(first), all.slice(0, 10));
  const second = await list(db, 'page=2');
  t.same(second.body.data.meta, {
    total: 12,
    page: 2,
    limit: 10,
    pageCount: 2,
    hasNextPage: false,
    hasPrevPage: true,
  });
  t.same(ids(second), all.slice(10));
  const past = await list(db, 'page=7&limit=5');
  t.same(past.body.data, {
    data: [],
    meta: { total: 12, page: 7, limit: 5, pageCount: 3, hasNextPage: false, hasPrevPage: true },
  });
  t.same(ids(await list(db, 'page=2&limit=5')), all.slice(5, 10));
  const meta = async (query: string) => (await list(db, query)).body.data.meta;
  for (const page of ['0', '-1', '-99999999999999999999', '%2B1', '+1', '001'])
    t.match(await meta(`page=${page}`), { page: 1 }, page);
  for (const limit of ['0', '-1', '-99999999999999999999'])
    t.match(await meta(`limit=${limit}`), { limit: 10 }, limit);
  for (const limit of ['501', '100000000000000000000', '9999999999999999999999999'])
    t.match(await meta(`limit=${limit}`), { limit: 500 }, limit);
  t.match(await meta('page=9999999999999999999999999&limit=500'), {
    total: 12,
    hasPrevPage: true,
    hasNextPage: false,
  });
  for (const name of ['page', 'limit']) {
    for (const value of ['abc', '1.5', '', '%20', '1e3', '10^20', '0x10', '1,0', '--1', 'NaN', 'null', '१']) {
      for (const path of [
        `/personnels/db/${db}`,
        `/personnels/db/${nobody}`,
        '/admin/users',
        '/admin/dbs',
        '/personnels/deleted',
      ]) {
        const answer = await call(admin, 'GET', `${path}?${name}=${value}`);
        t.match(answer, refusal(400, `"${name}" is not a whole number.`), `${path} ${name}=${value}`);
      }
    }
    t.equal((await list(db, `${name}=1&${name}=2`)).status, 400);
  }
});

t.test('the same paging at every list', async (t) => {
  for (const path of ['/admin/users', '/admin/dbs', '/personnels/deleted', `/personnels/db/${nobody}`]) {
    const { body } = await call(
      admin,
      'GET',
      `${path}?page=3&limit=1000&${path.includes('deleted') ? '' : 'search=not-there'}`,
    );
    t.same(
      body.data,
      {
        data: [],
        meta: { total: 0, page: 3, limit: 500, pageCount: 1, hasNextPage: false, hasPrevPage: true },
      },
      path,
    );
  }
});

t.test('a db that is not there, or has no id, has an empty list', async (t) => {
  for (const db of [nobody, 'nonsense', '%24ne', '1']) {
    const answer = await list(db);
    t.match(answer, { status: 200, body: { message: 'Personnels fetched successfully' } });
    t.same(answer.body.data, {
      data: [],
      meta: { total: 0, page: 1, limit: 10, pageCount: 1, hasNextPage: false, hasPrevPage: false },
    });
  }
});

t.test('37. a search for a part of one field, in any case, never as a pattern', async (t) => {
  const db = await system.db();
  const a = await system.record(db, {
    first_name: 'Ngozi',
    last_name: 'O’Brien',
    middle_name: 'Ada [x]',
    army_number: 'NA/12 345',
  });
  const b = await system.record(db, {
    first_name: 'Émile',
    last_name: 'Zola+',
    middle_name: null,
    army_number: '(77)',
  });
  const found = async (search: string) => ids(await list(db, `search=${encodeURIComponent(search)}`));
  t.same(await found(''), [a, b]);
  t.same(await found('   '), [a, b]);
  t.same(await found('goz'), [a]);
  t.same(await found('NGOZI'), [a]);
  t.same(await found('o’br'), [a]);
  t.same(await found('ada ['), [a], 'the middle name too');
  t.same(await found('na/12345'), [a], 'army numbers without their spaces');
  t.same(await found('12 345'), [a]);
  t.same(await found('éMILE'), [b]);
  t.same(await found('la+'), [b]);
  t.same(await found('(77)'), [b]);
  t.same(await found(' emile '), [], 'an accent is another letter');
  t.same(await found('Ngozi O’Brien'), [], 'no part reaches over two fields');
  t.same(await found('Sgt'), [], 'other fields are not searched');
  for (const each of [
    '[z',
    '.*',
    '(7)',
    '\\',
    '^',
    '$',
    '.',
    '*',
    '+1',
    '?',
    '{',
    '|',
    '^ngozi',
    'n.ozi',
    '%',
    '{"$gt":""}',
    '/a/',
  ]) {
    t.same(await found(each), [], JSON.stringify(each));
  }
  t.same(await found('['), [a]);
  t.equal((await list(db, `search=${'a'.repeat(201)}`)).status, 400);
  t.equal((await list(db, 'search=a&search=b')).status, 400);
  t.equal((await list(db, 'search[$ne]=b')).status, 400);
});

t.test('a filter by status, in any case', async (t) => {
  const db = await system.db();
  const active = await system.record(db);
  const awol = await system.record(db);
  await call(admin, 'PATCH', `/personnels/${awol}`, { status: 'awol' });
  const found = async (filter: string) => ids(await list(db, `filter=${filter}`));
  for (const every of ['', 'all', 'ALL', 'All']) t.same(await found(every), [active, awol]);
  t.same(await found('active'), [active]);
  t.same(await found('AWOL'), [awol]);
  t.same(await found('Death'), []);
  const message =
    'Invalid filter value. Must be one of: all, active, inactive, awol, death, rtu, posted, cse';
  for (const each of ['retired', 'active,awol', '5', 'alll']) {
    t.match(await list(db, `filter=${each}`), refusal(400, message), each);
    t.match(await list(nobody, `filter=${each}`), refusal(400, message));
  }
  t.equal((await list(db, 'filter=all&filter=awol')).status, 400);
});

t.test('a long list is written while it is read, compressed or not', async (t) => {
  const db = await system.db();
  const template = (await call(admin, 'GET', `/personnels/${await system.record(db)}`)).body.data;
  const records = system.platform.db.collection('personnel_records');
  const { _id, ...stored } = (await records.findOne({
    db_id: { $exists: true },
    army_number: template.army_number,
  }))!;
  const copies = Array.from({ length: 5_000 }, (_, i) => ({
    ...stored,
    army_number: `L/${i}`,
    army_key: `L/${i}`,
    created_at: new Date(2_000_000_000_000 + i),
  }));
  await records.insertMany(copies);
  const all = await call(admin, 'GET', `/personnels/?db_id=${db}`);
  t.equal(all.body.data.length, 5_001);
  t.same(
    all.body.data.slice(1).map((each: Json) => each.army_number),
    copies.map((each) => each.army_number),
  );
  const plain = await call(admin, 'GET', `/personnels/?db_id=${db}`, undefined, {
    'accept-encoding': 'identity',
  });
  t.same(plain.body, all.body);
  t.equal(plain.headers.get('content-encoding'), null);
  t.equal((await call(admin, 'HEAD', `/personnels/?db_id=${db}`)).status, 200);

  // A record that cannot be shown, far behind the beginning: as where the database fails in the middle.
  await records.updateOne({ army_key: 'L/4999' }, { $unset: { bank: true } });
  for (const encoding of ['identity', 'gzip', 'br']) {
    const headers = { authorization: `Bearer ${admin}`, 'accept-encoding': encoding };
    const answer = await fetch(`${system.base}/personnels/?db_id=${db}`, { headers });
    t.equal(answer.status, 200, 'it has begun');
    await t.rejects(answer.text(), `${encoding}: the connection breaks`);
  }
  await records.deleteMany({ army_key: /^L\// });
  const open = await system.platform.client.db('admin').command({ serverStatus: 1 });
  t.ok(open.ok);
});

t.test('deleted records, the latest first', async (t) => {
  const db = await system.db();
  const [a, b, c] = [await system.record(db), await system.record(db), await system.record(db)];
  for (const id of [b, a]) await call(admin, 'DELETE', `/personnels/${id}`);
  const get = async (query: string) => (await call(admin, 'GET', `/personnels/deleted?${query}`)).body;
  t.match(await get(`db_id=${db}`), { message: 'Deleted personnels fetched successfully', statusCode: 200 });
  t.same(ids({ body: await get(`db_id=${db}`) }), [a, b]);
  t.same(ids({ body: await get(`db_id=${db}&page=2&limit=1`) }), [b]);
  t.match((await get(`db_id=${db}&page=2&limit=1`)).data.meta, { total: 2, pageCount: 2, page: 2 });
  t.same((await get(`db_id=${nobody}`)).data.data, []);
  t.same((await get('db_id=nonsense')).data.data, []);
  t.ok(ids({ body: await get('limit=500') }).includes(a));
  t.notOk(ids({ body: await get('limit=500') }).includes(c));
  t.match(await get('page=99999999999999999999999999'), { data: { data: [] } });
});

t.test('a new record is listed at once, a changed one where it is now', async (t) => {
  const [one, other] = [await system.db(), await system.db()];
  const id = (await call(admin, 'POST', '/personnels/', person({ db_id: one, army_number: 'MV/1' }))).body
    .data.id;
  t.same(ids(await list(one)), [id]);
  await call(admin, 'PATCH', `/personnels/${id}`, { db_id: other, first_name: 'Renamed' });
  t.same(ids(await list(one)), []);
  t.same(ids(await list(other, 'search=renamed')), [id]);
});
