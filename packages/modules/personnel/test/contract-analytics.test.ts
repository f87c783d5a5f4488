import t from 'tap';
import { statuses } from '../src/model.ts';
import { type Json, startSystem } from './http.ts';

// Half past midnight in India on the first of the month; still the last of the month before in UTC.
let now = new Date('2026-09-30T19:00:00Z');
const system = await startSystem(t, { clock: () => now });
const { call, admin } = system;
const nobody = '0123456789abcdef01234567';
t.setTimeout(240_000);

const get = async (path: string, token = admin): Promise<Json> => {
  const answer = await call(token, 'GET', path);
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body;
};
const dashboard = async (token = admin) => (await get('/analytics/dashboard', token)).data;
const figures = async (db: string) => (await get(`/analytics/personnels/db/${db}`)).data;
const refusal = (statusCode: number, message: string | RegExp) => ({
  status: statusCode,
  body: { statusCode, message, data: {} },
});
const zero = {
  total: 0,
  percentage_increase: 0,
  current: 0,
  previous: 0,
  change: 0,
  percentage_change: null,
};

t.test('the dashboard of an empty system', async (t) => {
  const answer = await get('/analytics/dashboard');
  t.match(answer, { message: 'Dashboard analytics fetched successfully', statusCode: 200 });
  t.same(Object.keys(answer.data), ['users', 'personnel', 'deleted_personnel', 'new_personnel', 'databases']);
  t.match(answer.data, { personnel: zero, deleted_personnel: zero, new_personnel: zero, databases: zero });
  t.same(
    answer.data.users,
    { ...zero, total: 1, percentage_increase: 100, current: 1, change: 1 },
    'the administrator counts',
  );
});

t.test('figures by calendar months of the business zone', async (t) => {
  now = new Date('2026-09-10T06:00:00Z');
  const db = await system.db();
  const other = await system.db();
  const [a, b, c] = [await system.record(db), await system.record(db), await system.record(db)];
  now = new Date('2026-09-30T18:29:59Z');
  await system.record(db);
  now = new Date('2026-09-30T18:31:00Z');
  await system.record(db, { middle_name: 'October in India' });
  await system.record(other);
  const all = await dashboard();
  t.same(all.personnel, {
    total: 6,
    percentage_increase: -50,
    current: 2,
    previous: 4,
    change: -2,
    percentage_change: -50,
  });
  t.same(all.new_personnel, {
    total: 2,
    percentage_increase: -50,
    current: 2,
    previous: 4,
    change: -2,
    percentage_change: -50,
  });
  t.match(all.databases, { total: 2, current: 0, previous: 2, percentage_increase: -100 });
  const own = await figures(db);
  t.match(own.total_personnel, { total: 5, current: 1, previous: 4, percentage_increase: -75 });

  await call(admin, 'PATCH', `/personnels/${a}`, { status: 'awol' });
  await call(admin, 'DELETE', `/personnels/${b}`);
  t.match(
    await figures(db),
    {
      total_personnel: { total: 4, current: 1, previous: 3, percentage_increase: -66.67, change: -2 },
      total_active_personnel: { total: 3, current: 1, previous: 2 },
      total_awol_personnel: { total: 1, current: 0, previous: 1, percentage_increase: -100 },
      total_death_personnel: zero,
      total_deleted_personnel: {
        total: 1,
        current: 1,
        previous: 0,
        percentage_increase: 100,
        percentage_change: null,
      },
    },
    'deleted counts by the day of deletion, statuses without the deleted ones',
  );
  t.match((await dashboard()).deleted_personnel, { total: 1, current: 1, previous: 0 });

  now = new Date('2026-11-15T06:00:00Z');
  t.match(await figures(db), {
    total_personnel: { total: 4, current: 0, previous: 1, percentage_increase: -100 },
  });
  t.match((await dashboard()).new_personnel, { total: 0, current: 0, previous: 2 });
  await call(admin, 'POST', `/personnels/${b}/restore`);
  t.match(await figures(db), { total_personnel: { total: 5 }, total_deleted_personnel: zero });
  await call(admin, 'PATCH', `/personnels/${c}`, { status: 'cse', effective_date: '2026-12-01' });
  t.match(await figures(db), { total_cse_personnel: zero });
  now = new Date('2026-11-30T18:31:00Z');
  t.match(
    await figures(db),
    { total_cse_personnel: { total: 1 } },
    'what was planned counts from its day on',
  );
});

t.test('nine figures, in their order; zeros for what is not there', async (t) => {
  const answer = await get(`/analytics/personnels/db/${nobody}`);
  t.match(answer, { message: 'Personnel analytics fetched successfully', statusCode: 200 });
  t.same(Object.keys(answer.data), [
    'total_personnel',
    ...statuses.map((each) => `total_${each}_personnel`),
    'total_deleted_personnel',
  ]);
  for (const each of Object.values(answer.data)) t.same(each, zero);
  for (const id of ['nonsense', '1', `${nobody}0`]) {
    t.match(await call(admin, 'GET', `/analytics/personnels/db/${id}`), refusal(400, 'Invalid DB ID'));
  }
});

t.test('39. a caller’s figures are those of the dbs within reach; users are all users', async (t) => {
  const [one, other] = [await system.db(), await system.db()];
  await system.record(one);
  const gone = await system.record(one);
  await call(admin, 'DELETE', `/personnels/${gone}`);
  await system.record(other);
  await system.addUser('A-1', { allowedDbs: [one] });
  await system.addUser('A-2');
  await system.addUser('A-3', { accessAllDb: true });
  const mine = await dashboard(await system.signIn('A-1'));
  t.match(mine, {
    personnel: { total: 1 },
    deleted_personnel: { total: 1 },
    databases: { total: 1 },
    users: { total: 4 },
  });
  t.match(await dashboard(await system.signIn('A-2')), {
    personnel: zero,
    databases: zero,
    users: { total: 4 },
  });
  t.same(await dashboard(await system.signIn('A-3')), await dashboard());
  const token = await system.signIn('A-1');
  t.same(
    (await get(`/analytics/personnels/db/${other}`, token)).data,
    (await get(`/analytics/personnels/db/${nobody}`, token)).data,
  );
  t.match((await get(`/analytics/headcount?db_id=${other}`, token)).data, {
    all: { total: { total: 0 } },
    dbs: [],
  });
});

t.test('headcount as of any day, with the ids behind it', async (t) => {
  now = new Date('2026-11-10T06:00:00Z');
  const db = await system.db();
  const a = await system.record(db);
  const b = await system.record(db);
  now = new Date('2026-11-20T06:00:00Z');
  await call(admin, 'PATCH', `/personnels/${a}`, { status: 'awol', effective_date: '2026-11-15' });
  await call(admin, 'DELETE', `/personnels/${b}`);
  const head = async (query: string) => (await get(`/analytics/headcount?db_id=${db}&${query}`)).data;
  const today = await head('');
  t.match(today, {
    as_of: '2026-11-20',
    all: { total: { total: 1 }, awol: { total: 1 }, active: { total: 0 } },
  });
  t.same(Object.keys(today.all), ['total', ...statuses]);
  t.same(today.all.awol.ids, [a], 'they come along unless they are declined');
  t.notOk('ids' in (await head('ids=none')).all.total);
  t.match(await head('as_of=2026-11-12&ids=all'), {
    all: { total: { total: 2, ids: [a, b] }, active: { ids: [a, b] } },
    dbs: [{ db_id: db }],
  });
  t.match(await head('as_of=2026-11-15&ids=all'), {
    all: { total: { total: 2 }, awol: { total: 1, ids: [a] }, active: { ids: [b] } },
  });
  t.match(await head('as_of=2026-11-09'), { all: { total: { total: 0 } } });
  t.match(await head('as_of=2026-11-12&ids=none'), { all: { total: { total: 2 } } });
  const whole = (await get('/analytics/headcount')).data;
  t.equal(
    whole.all.total.total,
    whole.dbs.reduce((sum: number, each: Json) => sum + each.figures.total.total, 0),
  );
  for (const as_of of ['2026-02-30', 'today', '', '2026-1-1', '1899-12-31', '2101-01-01', '20261115']) {
    t.match(await call(admin, 'GET', `/analytics/headcount?as_of=${as_of}`), refusal(400, /as_of/), as_of);
  }
  t.match(await call(admin, 'GET', '/analytics/headcount?db_id=nonsense'), refusal(400, 'Invalid DB ID'));
  t.equal((await call(admin, 'GET', '/analytics/headcount?ids=some')).status, 400);
  t.match((await get(`/analytics/headcount?db_id=${nobody}`)).data, {
    all: { total: { total: 0 } },
    dbs: [],
  });
});

t.test('movements of a period balance', async (t) => {
  now = new Date('2026-11-02T06:00:00Z');
  const [db, other] = [await system.db(), await system.db()];
  const [a, b, c] = [await system.record(db), await system.record(db), await system.record(db)];
  now = new Date('2026-11-20T06:00:00Z');
  await call(admin, 'PATCH', `/personnels/${a}`, { status: 'posted' });
  await call(admin, 'PATCH', `/personnels/${b}`, { db_id: other });
  await call(admin, 'DELETE', `/personnels/${c}`);
  const moves = async (query: string) => (await get(`/analytics/movements?${query}`)).data;
  const total = (flow: Json) => ['start', 'in', 'out', 'end'].map((side) => flow[side].total);
  const own = await moves(`db_id=${db}&from=2026-11-10&to=2026-11-20&ids=all`);
  t.same(total(own.all.total), [3, 0, 2, 1]);
  t.same(total(own.all.active), [3, 0, 3, 0]);
  t.same(total(own.all.posted), [0, 1, 0, 1]);
  t.same(own.all.posted.in.ids, [a]);
  t.same(own.all.total.out.ids.toSorted(), [b, c].toSorted());
  const month = await moves(`db_id=${db}`);
  t.match(month, { from: '2026-11-01', to: '2026-11-20' }, 'left out: this month to date');
  t.same(total(month.all.total), [0, 3, 2, 1]);
  const every = await moves('from=2026-01-01&to=2026-12-31');
  for (const { figures: each } of [...every.dbs, { figures: every.all }]) {
    for (const flow of Object.values(each)) {
      const [start, into, out, end] = total(flow);
      t.equal(start + into - out, end);
    }
  }
  t.match(
    await call(admin, 'GET', '/analytics/movements?from=2026-11-20&to=2026-11-10'),
    refusal(400, /"from" is later/),
  );
  for (const query of ['from=x', 'to=2026-13-01', 'from=', 'db_id=x', 'ids=1']) {
    t.equal((await call(admin, 'GET', `/analytics/movements?${query}`)).status, 400, query);
  }
});
