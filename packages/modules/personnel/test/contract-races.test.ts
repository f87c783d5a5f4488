import t from 'tap';
import { type Answer, type Json, person, startSystem } from './http.ts';

const system = await startSystem(t);
const { call, admin } = system;
t.setTimeout(240_000);

const count = (answers: readonly Answer[], status: number) =>
  answers.filter((each) => each.status === status).length;
const liveIn = async (db: string): Promise<Json[]> =>
  (await call(admin, 'GET', `/personnels/?db_id=${db}`)).body.data;
/** One number in its many spellings. */
const spelt = (index: number) => ['RACE / 1', 'race/1', ' Race/ 1', 'R A C E / 1', 'rAcE/1'][index % 5]!;

t.test('54. of 50 creations of one army number at once one is made, 49 are told so', async (t) => {
  const db_id = await system.db();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      call(admin, 'POST', '/personnels/', person({ db_id, army_number: spelt(i) })),
    ),
  );
  t.same([count(answers, 201), count(answers, 400)], [1, 49]);
  for (const { status, body } of answers) {
    if (status === 400)
      t.match(body, {
        code: 'ALREADY_EXISTS',
        message: /^Personnel with army_number .* already exists in this DB$/,
      });
  }
  t.equal((await liveIn(db_id)).length, 1);
});

t.test('54. the same where creations, moves, restores, renamings and lists meet', async (t) => {
  const db_id = await system.db();
  const others = await Promise.all(Array.from({ length: 10 }, () => system.db()));
  const moving = await Promise.all(others.map((db) => system.record(db, { army_number: spelt(1) })));
  const renaming = await Promise.all(Array.from({ length: 10 }, () => system.record(db_id)));
  const restoring: string[] = [];
  for (let i = 0; i < 10; i += 1) {
    const id = await system.record(db_id, { army_number: spelt(i) });
    await call(admin, 'DELETE', `/personnels/${id}`);
    restoring.push(id);
  }
  const [created, moved, renamed, restored, listed] = await Promise.all([
    Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        call(admin, 'POST', '/personnels/', person({ db_id, army_number: spelt(i) })),
      ),
    ),
    Promise.all(moving.map((id) => call(admin, 'PATCH', `/personnels/${id}`, { db_id }))),
    Promise.all(
      renaming.map((id, i) => call(admin, 'PATCH', `/personnels/${id}`, { army_number: spelt(i) })),
    ),
    Promise.all(restoring.map((id) => call(admin, 'POST', `/personnels/${id}/restore`))),
    Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        call(admin, 'POST', '/personnels/upload', [person({ db_id, army_number: spelt(i) })]),
      ),
    ),
  ]);
  const won =
    count(created!, 201) +
    count(moved!, 200) +
    count(renamed!, 200) +
    count(restored!, 200) +
    count(listed!, 201);
  t.equal(won, 1, 'one of fifty');
  t.equal(
    count([...created!, ...moved!, ...renamed!], 400) + count(restored!, 409) + count(listed!, 207),
    49,
  );
  const there = (await liveIn(db_id)).filter(
    (each) => each.army_number.replace(/\s/g, '').toUpperCase() === 'RACE/1',
  );
  t.equal(there.length, 1);
});

t.test('54. of 50 creations of one user one is made, 49 are told so', async (t) => {
  const body = { first_name: 'A', last_name: 'B', password: 'four unrelated words here' };
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      call(admin, 'POST', '/admin/users', { ...body, army_number: spelt(i) }),
    ),
  );
  t.same([count(answers, 201), count(answers, 400)], [1, 49]);
  for (const { status, body } of answers)
    if (status === 400) t.match(body, { message: 'User already exists' });
});

t.test('one of many deletions and restores of a record takes effect at a time', async (t) => {
  const db_id = await system.db();
  const id = await system.record(db_id);
  const deleted = await Promise.all(
    Array.from({ length: 10 }, () => call(admin, 'DELETE', `/personnels/${id}`)),
  );
  t.same([count(deleted, 200), count(deleted, 404)], [1, 9]);
  const restored = await Promise.all(
    Array.from({ length: 10 }, () => call(admin, 'POST', `/personnels/${id}/restore`)),
  );
  t.same([count(restored, 200), count(restored, 404)], [1, 9]);
  const many = await Promise.all(
    Array.from({ length: 6 }, () =>
      call(admin, 'DELETE', '/personnels/bulk-delete', { personnels_id: [id] }),
    ),
  );
  t.same([count(many, 200), count(many, 404)], [1, 5]);
  const { body } = await call(admin, 'GET', `/analytics/personnels/db/${db_id}`);
  t.match(body.data, { total_personnel: { total: 0 }, total_deleted_personnel: { total: 1 } });
});

t.test('55. of changes at once none is lost', async (t) => {
  const db_id = await system.db();
  const id = await system.record(db_id);
  const fields = ['first_name', 'last_name', 'rank', 'phone_number', 'sub_sector', 'remark'];
  const answers = await Promise.all(
    fields.map((field) => call(admin, 'PATCH', `/personnels/${id}`, { [field]: `new ${field}` })),
  );
  const { body } = await call(admin, 'GET', `/personnels/${id}`);
  for (const [index, field] of fields.entries()) {
    t.ok([200, 409].includes(answers[index]!.status));
    if (answers[index]!.status === 200) t.equal(body.data[field], `new ${field}`);
  }
});
