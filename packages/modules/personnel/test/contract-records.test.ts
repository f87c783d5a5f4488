import t from 'tap';
import { type Json, password, person, startSystem } from './http.ts';

const system = await startSystem(t);
const { call, admin } = system;
const nobody = '0123456789abcdef01234567';
t.setTimeout(240_000);

/** The error in the shape of this system, by its message. */
const refusal = (statusCode: number, message: string | RegExp) => ({
  status: statusCode,
  body: { statusCode, message, data: {} },
});
const read = async (id: string): Promise<Json> => (await call(admin, 'GET', `/personnels/${id}`)).body.data;

t.test(
  'a record is created and read back whole, in every form in which optional text may come',
  async (t) => {
    const db_id = await system.db();
    const created = await call(admin, 'POST', '/personnels/', person({ db_id, army_number: 'W/1' }));
    const { id } = created.body.data;
    t.same(
      [created.status, created.body],
      [201, { message: 'Personnel created successfully', statusCode: 201, data: { id } }],
    );
    const answer = await call(admin, 'GET', `/personnels/${id}`);
    const { created_at, ...rest } = answer.body.data;
    t.same([answer.status, answer.body.message], [200, 'Personnel fetched successfully']);
    t.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    t.same(rest, {
      ...{ id, first_name: 'Musa', last_name: 'Bello', middle_name: null, army_number: 'W/1' },
      ...{ phone_number: '08030000000', rank: 'Sgt', bank: { name: 'Unity Bank', sort_code: '011' } },
      ...{ acct_number: '0012345678', sub_sector: 'Sector 1', location: null, remark: null },
      ...{ status: 'active', db_id, isDeleted: false },
    });
    const nulls = { middle_name: null, location: null, remark: null };
    t.match(await read(await system.record(db_id, nulls)), nulls, 'null is taken');
    const texts = { middle_name: 'A', location: 'B', remark: 'C' };
    t.match(await read(await system.record(db_id, texts)), texts);
  },
);

t.test('without the slash it is the same call', async (t) => {
  const db_id = await system.db();
  const created = await call(admin, 'POST', '/personnels', person({ db_id, army_number: 'S/1' }));
  t.equal(created.status, 201);
  const listed = await call(admin, 'GET', `/personnels?db_id=${db_id}`);
  t.same(
    listed.body.data.map((each: Json) => each.id),
    [created.body.data.id],
  );
});

t.test('what a new record may not decide: status, isDeleted, id, created_at', async (t) => {
  const db_id = await system.db();
  const id = await system.record(db_id, {
    ...{ status: 'death', isDeleted: true, id: nobody, _id: nobody, created_at: '2001-01-01T00:00:00Z' },
    ...{ unknown: { $gt: '' }, history: 5 },
  });
  const record = await read(id);
  t.match(record, { status: 'active', isDeleted: false });
  t.not(record.id, nobody);
  t.match(record.created_at, /^2026-/);
  t.equal(
    (await call(admin, 'POST', '/personnels/', person({ db_id, status: 7, army_number: 'S/9' }))).status,
    201,
  );
});

t.test('text is trimmed; which of it may be empty (decision 2)', async (t) => {
  const db_id = await system.db();
  const id = await system.record(db_id, { first_name: '  Ada ', army_number: ' A / 1 ', rank: 'Cpl\n' });
  t.match(await read(id), { first_name: 'Ada', army_number: 'A / 1', rank: 'Cpl' });
  for (const field of ['first_name', 'last_name', 'army_number', 'rank']) {
    for (const empty of ['', '   ']) {
      const answer = await call(admin, 'POST', '/personnels/', person({ db_id, [field]: empty }));
      t.match(answer, refusal(400, new RegExp(field)), `${field} may not be empty`);
      t.match(answer.body.errors, [{ field, code: 'INVALID_REQUEST' }]);
      t.match(
        await call(admin, 'PATCH', `/personnels/${id}`, { [field]: empty }),
        refusal(400, new RegExp(field)),
      );
    }
  }
  const mayBe = {
    phone_number: '',
    acct_number: '',
    sub_sector: '',
    middle_name: '',
    location: '',
    remark: '',
  };
  t.match(await read(await system.record(db_id, { ...mayBe, bank: { name: '', sort_code: '' } })), mayBe);
  t.match(await call(admin, 'POST', '/personnels/', person({ db_id: '' })), refusal(400, 'Invalid db_id'));
});

t.test(
  '37. a new record with a part that is missing or of another kind is 400, and nothing is stored',
  async (t) => {
    const db_id = await system.db();
    const required = [
      'first_name',
      'last_name',
      'army_number',
      'phone_number',
      'rank',
      'bank',
      'acct_number',
      'sub_sector',
      'db_id',
    ];
    for (const field of required) {
      const body: Record<string, unknown> = person({ db_id });
      delete body[field];
      const answer = await call(admin, 'POST', '/personnels/', body);
      t.match(answer, refusal(400, new RegExp(`"${field}"`)), `without ${field}`);
      t.match(answer.body.errors, [{ field, code: String, message: String }]);
    }
    for (const field of [...required, 'middle_name', 'location', 'remark']) {
      for (const value of [5, true, ['a'], { $ne: null }, ...(required.includes(field) ? [null] : [])]) {
        const answer = await call(admin, 'POST', '/personnels/', person({ db_id, [field]: value }));
        t.match(
          answer,
          { status: 400, body: { statusCode: 400, code: 'INVALID_REQUEST' } },
          `${field}: ${value}`,
        );
        t.match(answer.body.errors?.[0]?.field, new RegExp(`^${field}`));
      }
    }
    for (const bank of [
      {},
      { name: 'a' },
      { sort_code: 'b' },
      { name: 1, sort_code: 'b' },
      { name: 'a', sort_code: null },
    ]) {
      t.equal((await call(admin, 'POST', '/personnels/', person({ db_id, bank }))).status, 400);
    }
    t.equal(
      (await call(admin, 'POST', '/personnels/', person({ db_id, first_name: 'x'.repeat(201) }))).status,
      400,
    );
    t.equal(
      (await call(admin, 'POST', '/personnels/', person({ db_id, remark: 'x'.repeat(2_001) }))).status,
      400,
    );
    t.equal(
      (await call(admin, 'POST', '/personnels/', person({ db_id, first_name: 'a\u0000b' }))).status,
      400,
    );
    t.same((await call(admin, 'GET', `/personnels/?db_id=${db_id}`)).body.data, []);
    const bank = { name: ' Unity ', sort_code: '011', branch: 'unknown' };
    t.match(await read(await system.record(db_id, { bank })), { bank: { name: 'Unity', sort_code: '011' } });
  },
);

t.test('the db of a new record', async (t) => {
  const refused = (db_id: unknown) => call(admin, 'POST', '/personnels/', person({ db_id }));
  t.match(await refused('nonsense'), refusal(400, 'Invalid db_id'));
  t.match(await refused(`${nobody}0`), refusal(400, 'Invalid db_id'));
  t.match(await refused(nobody), refusal(404, 'DB not found'));
});

t.test('an army number is there once among the live records of a db', async (t) => {
  const [one, other] = [await system.db(), await system.db()];
  const id = await system.record(one, { army_number: 'N/12 345' });
  for (const army_number of ['N/12 345', 'n/12345', ' N / 1 2 3 4 5 ']) {
    const answer = await call(admin, 'POST', '/personnels/', person({ db_id: one, army_number }));
    const message = `Personnel with army_number ${army_number.trim()} already exists in this DB`;
    t.match(answer, refusal(400, message), army_number);
    t.match(answer.body, { code: 'ALREADY_EXISTS' });
  }
  t.ok(await system.record(other, { army_number: 'N/12345' }), 'in another db it is free');
  await call(admin, 'DELETE', `/personnels/${id}`);
  t.ok(await system.record(one, { army_number: 'N/12345' }), 'and after a deletion');
  t.match(
    await call(admin, 'POST', `/personnels/${id}/restore`),
    { status: 409, body: { code: 'ARMY_NUMBER_TAKEN', message: /N\/12 345 already exists/ } },
    'a restore that meets it is 409',
  );
  t.match(await call(admin, 'PATCH', `/personnels/${id}`, { isDeleted: false }), { status: 409 });
  t.match(await call(admin, 'GET', `/personnels/${id}`), { status: 404 });
});

t.test('a change of any field', async (t) => {
  const db_id = await system.db();
  const id = await system.record(db_id, {
    army_number: 'P/1',
    middle_name: 'Mid',
    location: 'Here',
    remark: 'R',
  });
  const before = await read(id);
  const change = (body: unknown) => call(admin, 'PATCH', `/personnels/${id}`, body);
  const nothing = await change({});
  t.same(
    [nothing.status, nothing.body],
    [200, { message: 'Personnel updated successfully', statusCode: 200 }],
  );
  t.same(await read(id), before, 'an empty object changes nothing');
  t.equal((await change({ first_name: ' New ', unknown: 1 })).status, 200);
  t.same(await read(id), { ...before, first_name: 'New' });
  await change({ middle_name: null, location: null, remark: null, bank: { name: 'B', sort_code: '2' } });
  const after = { ...before, first_name: 'New', middle_name: null, location: null, remark: null };
  t.same(await read(id), { ...after, bank: { name: 'B', sort_code: '2' } }, 'a bank is replaced whole');
  t.match(await change({ bank: { name: 'C' } }), { status: 400 });
  await change({ id: nobody, _id: nobody, created_at: '2001-01-01', isDeleted: true });
  t.same(await read(id), { ...after, bank: { name: 'B', sort_code: '2' } }, 'these are not believed');
  for (const value of ['yes', 1, null, {}, []]) t.equal((await change({ isDeleted: value })).status, 200);
  t.match(await read(id), { isDeleted: false });
  t.equal((await change(await read(id))).status, 200, 'a record can be sent back as it was read');
  for (const body of [
    { first_name: 5 },
    { rank: null },
    { army_number: [] },
    { bank: null },
    { db_id: 5 },
    { remark: {} },
  ]) {
    t.match(await change(body), { status: 400, body: { errors: [{ field: Object.keys(body)[0] }] } });
  }
  await system.record(db_id, { army_number: 'P/2' });
  t.match(
    await change({ army_number: 'p / 2' }),
    refusal(400, 'Personnel with army_number p / 2 already exists in this DB'),
  );
  t.equal((await change({ army_number: 'p/1' })).status, 200, 'its own number in another case');
  t.match(await read(id), { army_number: 'p/1' });
});

t.test('a status, in exact lower case, from a day on', async (t) => {
  const db_id = await system.db();
  const id = await system.record(db_id);
  const change = (body: unknown) => call(admin, 'PATCH', `/personnels/${id}`, body);
  for (const status of ['inactive', 'awol', 'death', 'rtu', 'posted', 'cse', 'active']) {
    t.equal((await change({ status })).status, 200);
    t.match(await read(id), { status });
  }
  for (const status of ['Active', 'ACTIVE', ' active', 'retired', '', null, 5, ['active']]) {
    t.match(await change({ status }), { status: 400, body: { errors: [{ field: 'status' }] } }, `${status}`);
  }
  t.match(
    (await change({ status: 'retired' })).body.message,
    /active, inactive, awol, death, rtu, posted, cse/,
  );
  t.equal((await change({ status: 'posted', effective_date: '2099-12-31' })).status, 200, 'planned');
  t.match(await read(id), { status: 'active' }, 'it does not count yet');
  t.equal((await change({ status: 'awol', effective_date: '2020-02-29' })).status, 200, 'dated back');
  for (const effective_date of [
    '2021-02-29',
    '2026-13-01',
    '1899-12-31',
    '2101-01-01',
    'today',
    '2026-1-1',
    '',
    '2026-11-25T00:00:00Z',
  ]) {
    t.match(await change({ status: 'awol', effective_date }), refusal(400, /effective_date/), effective_date);
  }
  t.equal((await change({ effective_date: 'nonsense' })).status, 200, 'without status and db it is ignored');
  t.match(await change({ status: 'awol', effective_date: 5 }), { status: 400 });
});

t.test('a move to another db', async (t) => {
  const [one, other] = [await system.db(), await system.db()];
  const id = await system.record(one, { army_number: 'M/1' });
  const change = (body: unknown) => call(admin, 'PATCH', `/personnels/${id}`, body);
  t.match(await change({ db_id: 'nonsense' }), refusal(400, 'Invalid db_id'));
  t.match(await change({ db_id: '' }), refusal(400, 'Invalid db_id'));
  t.match(await change({ db_id: nobody }), refusal(404, 'DB not found'));
  const blocking = await system.record(other, { army_number: 'm/1' });
  t.match(
    await change({ db_id: other }),
    refusal(400, 'Personnel with army_number M/1 already exists in this DB'),
    'uniqueness is that of the target',
  );
  t.equal((await change({ db_id: other, army_number: 'M/3' })).status, 200, 'with another number it may');
  t.match(await read(id), { db_id: other, army_number: 'M/3' });
  t.equal((await change({ db_id: one, army_number: 'M/1' })).status, 200);
  await call(admin, 'DELETE', `/personnels/${blocking}`);
  t.match(await change({ db_id: other, effective_date: '2099-01-01' }), refusal(400, /future/));
  t.equal(
    (await change({ db_id: one, status: 'posted', effective_date: '2099-01-01' })).status,
    200,
    'no move',
  );
  t.equal((await change({ db_id: other.toUpperCase(), effective_date: '2026-11-01' })).status, 200);
  t.match(await read(id), { db_id: other });
});

t.test('a record comes back with all that is asked for at once, or not at all', async (t) => {
  const [db_id, other] = [await system.db(), await system.db()];
  const id = await system.record(db_id, { army_number: 'BACK/1' });
  await call(admin, 'DELETE', `/personnels/${id}`);
  await system.record(db_id, { army_number: 'BACK/2' });
  await system.record(other, { army_number: 'back/1' });
  const back = (change: object) => call(admin, 'PATCH', `/personnels/${id}`, { isDeleted: false, ...change });
  for (const change of [{ army_number: 'BACK/2' }, { db_id: other }]) {
    t.match(await back(change), { status: 409, body: { code: 'ARMY_NUMBER_TAKEN' } });
    t.match(await call(admin, 'GET', `/personnels/${id}`), { status: 404 }, 'nothing is half done');
  }
  await system.record(db_id, { army_number: 'BACK/1' });
  t.equal((await back({ army_number: 'BACK/3', status: 'awol' })).status, 200, 'with a number that is free');
  t.match(await read(id), { army_number: 'BACK/3', status: 'awol', isDeleted: false });
  const history = await call(admin, 'GET', `/personnels/${id}/history`);
  t.same(
    history.body.data.map((each: Json) => each.kind),
    ['created', 'deleted', 'restored', 'status'],
  );
});

t.test(
  'deleted, a record looks like one that is not there, but for administrators who restore it',
  async (t) => {
    const db_id = await system.db();
    await system.addUser('R-1', { accessAllDb: true });
    const user = await system.signIn('R-1');
    const id = await system.record(db_id, { army_number: 'DEL/1', first_name: 'Zebulon' });
    const gone = await call(user, 'DELETE', `/personnels/${id}`);
    t.same([gone.status, gone.body], [200, { message: 'Personnel deleted successfully', statusCode: 200 }]);
    const missing = refusal(404, 'Personnel not found');
    for (const token of [user, admin]) {
      t.match(await call(token, 'GET', `/personnels/${id}`), missing);
      t.match(await call(token, 'GET', `/personnels/${id}/history`), missing);
      t.match(await call(token, 'PATCH', `/personnels/${id}`, { rank: 'Maj' }), missing);
      t.match(await call(token, 'PATCH', `/personnels/${id}`, { isDeleted: true }), missing);
      t.match(await call(token, 'DELETE', `/personnels/${id}`), missing);
      t.match(await call(token, 'DELETE', '/personnels/bulk-delete', { personnels_id: [id] }), {
        status: 404,
      });
      t.same((await call(token, 'GET', `/personnels/?db_id=${db_id}`)).body.data, []);
      t.match((await call(token, 'GET', `/personnels/db/${db_id}?search=zebulon`)).body.data.meta, {
        total: 0,
      });
    }
    t.match(
      await call(user, 'PATCH', `/personnels/${id}`, { isDeleted: false }),
      missing,
      'users do not restore',
    );
    t.match(await call(user, 'POST', `/personnels/${id}/restore`), { status: 403 });
    t.match(await call(user, 'GET', '/personnels/deleted'), { status: 403 });
    const deleted = await call(admin, 'GET', `/personnels/deleted?db_id=${db_id}`);
    t.match(deleted.body.data.data, [{ id, isDeleted: true, deleted_at: String }]);
    t.match(deleted.body.data.meta, { total: 1, page: 1, limit: 10 });

    t.match(await call(admin, 'PATCH', `/personnels/${id}`, { isDeleted: false, rank: 5 }), { status: 400 });
    t.match(await call(admin, 'PATCH', `/personnels/${id}`, { isDeleted: false, db_id: 'x' }), {
      status: 400,
    });
    t.match(
      await call(admin, 'GET', `/personnels/${id}`),
      missing,
      'a body that does not fit brings nothing back',
    );
    t.equal((await call(admin, 'PATCH', `/personnels/${id}`, { isDeleted: false, rank: 'Maj' })).status, 200);
    t.match(await read(id), { isDeleted: false, rank: 'Maj', army_number: 'DEL/1' });
    t.match(await call(admin, 'POST', `/personnels/${id}/restore`), missing, 'what is there is not restored');
    await call(admin, 'DELETE', `/personnels/${id}`, undefined, { 'content-type': 'application/json' });
    const restored = await call(admin, 'POST', `/personnels/${id}/restore`);
    t.match(restored, {
      status: 200,
      body: { message: 'Personnel restored successfully', data: { id, rank: 'Maj' } },
    });
    for (const method of ['POST']) {
      t.match(
        await call(admin, method, '/personnels/nonsense/restore'),
        refusal(400, 'Invalid personnel ID'),
      );
      t.match(await call(admin, method, `/personnels/${nobody}/restore`), missing);
    }
  },
);

t.test('malformed and unknown ids', async (t) => {
  for (const [method, path, body] of [
    ['GET', ''],
    ['PATCH', '', {}],
    ['DELETE', ''],
    ['GET', '/history'],
  ] as const) {
    for (const id of ['nonsense', '1', `${nobody}00`, '%24ne', 'a'.repeat(100), 'ü']) {
      t.match(
        await call(admin, method, `/personnels/${id}${path}`, body),
        refusal(400, 'Invalid personnel ID'),
        `${method} ${id}`,
      );
    }
    t.match(
      await call(admin, method, `/personnels/${nobody}${path}`, body),
      refusal(404, 'Personnel not found'),
    );
    t.match(await call(admin, method, `/personnels/${'a'.repeat(101)}${path}`, body), { status: 400 });
  }
});

t.test('many are deleted at once', async (t) => {
  const db_id = await system.db();
  const ids = await Promise.all([1, 2, 3, 4, 5].map(() => system.record(db_id)));
  const bulk = (body: unknown) => call(admin, 'DELETE', '/personnels/bulk-delete', body);
  t.match(await bulk({}), refusal(400, 'personnels_id is required'));
  t.match(await bulk({ personnels_id: null }), refusal(400, 'personnels_id is required'));
  for (const wrong of [[], 'a', {}, 5, ids[0]]) {
    t.match(await bulk({ personnels_id: wrong }), refusal(400, 'personnels_id must be a non-empty list'));
  }
  const malformed = await bulk({ personnels_id: [ids[0], 'nonsense', 5, null, { $ne: 1 }, nobody] });
  t.match(malformed, refusal(400, 'Invalid personnel ID(s)'));
  t.same(malformed.body.invalid_ids, ['nonsense', 5, null, { $ne: 1 }]);
  t.equal(
    (await call(admin, 'GET', `/personnels/?db_id=${db_id}`)).body.data.length,
    5,
    'nothing was deleted',
  );
  t.match(await bulk({ personnels_id: [nobody] }), refusal(404, 'No personnels found to delete'));
  t.match(await bulk({ personnels_id: Array.from({ length: 1_001 }, () => ids[0]) }), { status: 400 });
  t.match(await bulk([ids[0]]), { status: 400 });
  const done = await bulk({ personnels_id: [ids[0], ids[0], ids[1]!.toUpperCase(), nobody, ids[2]] });
  t.same([done.status, done.body], [200, { message: 'Personnels deleted successfully', statusCode: 200 }]);
  t.same(
    (await call(admin, 'GET', `/personnels/?db_id=${db_id}`)).body.data.map((each: Json) => each.id).sort(),
    ids.slice(3).sort(),
  );
  t.match(await bulk({ personnels_id: ids.slice(0, 3) }), { status: 404 });
});

t.test('many are restored at once; those whose number was taken meanwhile stay deleted', async (t) => {
  const db_id = await system.db();
  const ids = await Promise.all([1, 2, 3].map(() => system.record(db_id)));
  const bulk = (body: unknown) => call(admin, 'POST', '/personnels/bulk-restore', body);
  t.match(await bulk({}), refusal(400, 'personnels_id is required'));
  t.match(await bulk({ personnels_id: ['nonsense'] }), refusal(400, 'Invalid personnel ID(s)'));
  t.match(
    await bulk({ personnels_id: ids }),
    refusal(404, 'No personnels found to restore'),
    'none is deleted',
  );
  const number = (await call(admin, 'GET', `/personnels/${ids[0]}`)).body.data.army_number;
  t.equal((await call(admin, 'DELETE', '/personnels/bulk-delete', { personnels_id: ids })).status, 200);
  t.equal(
    (await call(admin, 'POST', '/personnels/', person({ db_id, army_number: number.toLowerCase() }))).status,
    201,
  );
  t.match(await bulk({ personnels_id: [ids[0]] }), refusal(409, /already exists/));
  const some = await bulk({ personnels_id: [...ids, nobody] });
  t.match(some, {
    status: 207,
    body: { data: { restored: 2, failed: [{ id: ids[0], error: /already exists/ }] } },
  });
  const list = (await call(admin, 'GET', `/personnels/?db_id=${db_id}`)).body.data;
  t.same(
    list
      .map((each: Json) => each.id)
      .filter((id: string) => ids.includes(id))
      .sort(),
    ids.slice(1).sort(),
  );
  t.equal(list.length, 3);
  t.equal((await call(admin, 'DELETE', `/personnels/${ids[1]}`)).status, 200);
  const last = await bulk({ personnels_id: [ids[1]] });
  t.same([last.status, last.body.data], [200, { restored: 1, failed: [] }]);
});

t.test('the history of a record, with who and when; another db is not named', async (t) => {
  const [one, other] = [await system.db(), await system.db()];
  const id = await system.record(one);
  await call(admin, 'PATCH', `/personnels/${id}`, { status: 'awol', effective_date: '2026-01-31' });
  await call(admin, 'PATCH', `/personnels/${id}`, { db_id: other });
  await call(admin, 'PATCH', `/personnels/${id}`, { rank: 'Maj' });
  const { body, status } = await call(admin, 'GET', `/personnels/${id}/history`);
  t.same([status, body.message], [200, 'Personnel history fetched successfully']);
  const by = { id: system.adminId, name: 'Ada Min' };
  t.match(body.data, [
    { kind: 'created', status: 'active', db_id: one, by },
    { kind: 'status', status: 'awol', effective_date: '2026-01-31', db_id: one, by },
    { kind: 'moved', status: 'awol', db_id: other, by },
  ]);
  t.equal(body.data.length, 3);
  await system.addUser('H-1', { allowedDbs: [other] });
  const seen = await call(await system.signIn('H-1'), 'GET', `/personnels/${id}/history`);
  t.same(
    seen.body.data.map((each: Json) => each.db_id),
    [null, null, other],
  );
});

t.test('55. a change that is based on an older version is 412, and loses nothing', async (t) => {
  const db_id = await system.db();
  const id = await system.record(db_id);
  const tag = (await call(admin, 'GET', `/personnels/${id}`)).headers.get('etag')!;
  const first = await call(admin, 'PATCH', `/personnels/${id}`, { rank: 'One' }, { 'if-match': tag });
  t.equal(first.status, 200);
  const next = first.headers.get('etag')!;
  t.not(next, tag);
  for (const [method, body] of [
    ['PATCH', { rank: 'Two' }],
    ['DELETE', undefined],
  ] as const) {
    const late = await call(admin, method, `/personnels/${id}`, body, { 'if-match': tag });
    t.match(late, { status: 412, body: { code: 'STALE', statusCode: 412 } });
  }
  t.match(await read(id), { rank: 'One' });
  const both = await Promise.all(
    ['Three', 'Four'].map((rank) =>
      call(admin, 'PATCH', `/personnels/${id}`, { rank }, { 'if-match': next }),
    ),
  );
  t.same(both.map(({ status }) => status).sort(), [200, 412]);
  t.equal(
    (await call(admin, 'PATCH', `/personnels/${id}`, { rank: 'Five' }, { 'if-match': '"x"' })).status,
    412,
  );
  const free = await Promise.all(
    Array.from({ length: 6 }, (_, i) => call(admin, 'PATCH', `/personnels/${id}`, { phone_number: `${i}` })),
  );
  t.ok(free.every(({ status }) => status === 200 || status === 409));
});

t.test('an Idempotency-Key makes a creation safe to repeat', async (t) => {
  const db_id = await system.db();
  const key = { 'idempotency-key': 'record-1' };
  const body = person({ db_id, army_number: 'IDEM/1' });
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => call(admin, 'POST', '/personnels/', body, key)),
  );
  t.same(new Set(answers.map(({ status }) => status)), new Set([201]));
  t.equal(new Set(answers.map((each) => each.body.data.id)).size, 1, 'one record');
  t.equal(answers.filter((each) => each.headers.get('idempotent-replayed') === 'true').length, 7);
  t.match(await call(admin, 'POST', '/personnels/', { ...body, rank: 'X' }, key), {
    status: 422,
    body: { code: 'IDEMPOTENCY_KEY_REUSED', statusCode: 422 },
  });
});

t.test('every change is in the audit, with who', async (t) => {
  const db_id = await system.db();
  const id = await system.record(db_id, { army_number: 'AUD/1' });
  await call(admin, 'PATCH', `/personnels/${id}`, { status: 'awol' });
  await call(admin, 'DELETE', `/personnels/${id}`);
  await call(admin, 'POST', `/personnels/${id}/restore`);
  const document = await system.platform.db.collection('personnel_records').findOne({ army_key: 'AUD/1' });
  t.match(
    document!.outbox.map((each: Json) => [each.action, each.actor.userId]),
    ['record.create', 'record.update', 'record.delete', 'record.restore'].map((each) => [
      each,
      system.adminId,
    ]),
  );
  const audit = await call(admin, 'GET', '/admin/audit');
  t.match(audit, { status: 200, body: { statusCode: 200, message: String, data: { entries: [] } } });
  t.notMatch(JSON.stringify(audit.body), password);
});
