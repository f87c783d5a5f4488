import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { type Answer, type Json, person, startSystem } from './http.ts';

t.setTimeout(300_000);

const system = await startSystem(t);
const { call, send, admin, base } = system;
const auth = { authorization: `Bearer ${admin}` };
const nobody = '0123456789abcdef01234567';

/** JSON as it is written here, which `JSON.stringify` would not write. */
const raw = (method: string, path: string, body: string): Promise<Answer> =>
  send(method, path, { headers: { ...auth, 'content-type': 'application/json' }, body });

/** Bodies that are taken, but for a number that is used already. */
function bodies(db_id: string, record: string, user: string): [string, string, Json][] {
  const texts = { name: 'A', short_code: 'B', description: 'C' };
  const who = { first_name: 'A', last_name: 'B', army_number: 'ODD-1', password: 'long enough for this' };
  const more = { middle_name: 'M', location: 'L', remark: 'R' };
  return [
    ['POST', '/auth/login', { army_number: 'X', password: 'Y' }],
    ['POST', '/auth/change-password', { old_password: 'X', new_password: 'Y' }],
    ['POST', '/admin/users', { ...who, allowed_dbs: [db_id], access_all_db: false }],
    ['PATCH', `/admin/users/${user}`, { first_name: 'A', last_name: 'B', allowed_dbs: [db_id] }],
    ['POST', '/admin/reset-password', { user_id: user, new_password: 'long enough for this' }],
    ['POST', '/admin/dbs', texts],
    ['PATCH', `/admin/dbs/${db_id}`, texts],
    ['POST', '/personnels/', person({ ...more, db_id })],
    [
      'PATCH',
      `/personnels/${record}`,
      { ...person(more), db_id, status: 'awol', effective_date: '2026-01-01' },
    ],
  ];
}

/** The body with something else in the place of each of its texts, one after the other, at any depth. */
function* replaced(body: Json, other: unknown): Generator<[string, Json]> {
  for (const [name, value] of Object.entries<Json>(body)) {
    if (typeof value === 'string') yield [name, { ...body, [name]: other }];
    else if (Array.isArray(value)) yield [name, { ...body, [name]: [other] }];
    else if (typeof value === 'object') {
      for (const [inner, each] of replaced(value, other))
        yield [`${name}.${inner}`, { ...body, [name]: each }];
    }
  }
}

// May be null: they are none then. A reset is asked for by the other name then.
const nullable = ['middle_name', 'location', 'remark', 'user_id'];

t.test(
  '37. arrays, objects, numbers and null in the place of every text → 400 that names the field',
  async (t) => {
    const db = await system.db();
    const record = await system.record(db);
    const user = await system.addUser('ODD-0');
    for (const [method, path, body] of bodies(db, record, user)) {
      for (const other of [[], ['a'], {}, { $ne: null }, { $gt: '' }, 5, true, null]) {
        for (const [name, sent] of replaced(body, other)) {
          if (other === null && nullable.includes(name)) continue;
          const what = `${method} ${path}, ${name}: ${JSON.stringify(other)}`;
          const answer = await call(admin, method, path, sent);
          t.equal(answer.status, 400, what);
          t.match(answer.body, { errors: [{ field: String, message: String }] }, what);
        }
      }
    }
    const kept = (await call(admin, 'GET', `/personnels/${record}`)).body.data;
    t.match(kept, { first_name: 'Musa', db_id: db, status: 'active' }, 'nothing was changed by any of them');
  },
);

t.test('keys twice, keys that mean something to the language, numbers beyond every number', async (t) => {
  const db = await system.db();
  const text = JSON.stringify(person({ army_number: 'ODD/1', db_id: db })).slice(0, -1);
  const twice = await raw('POST', '/personnels/', `${text},"rank":"Capt","rank":"Maj"}`);
  t.equal(twice.status, 201);
  const { body } = await call(admin, 'GET', `/personnels/${twice.body.data.id}`);
  t.equal(body.data.rank, 'Maj', 'the last one counts, as everywhere in JSON');

  for (const odd of [
    '"__proto__":{"isDeleted":true,"role":"admin"}',
    '"remark":{"__proto__":{"a":1}}',
    '"bank":{"name":"A","sort_code":"1","__proto__":{"x":1}}',
    '"constructor":{"prototype":{"role":"admin"}}',
    '"bank":{"name":"A","sort_code":"1","constructor":{"prototype":{"x":1}}}',
    '"rank":1e400',
    `"rank":${'9'.repeat(400)}`,
    `"more":${'['.repeat(50_000)}${']'.repeat(50_000)}`.replace('"more"', '"rank"'),
  ]) {
    const answer = await raw('POST', '/personnels/', `${text},"army_number":"ODD/2",${odd}}`);
    t.match(answer, { status: 400, body: { statusCode: 400, code: 'INVALID_REQUEST' } }, odd.slice(0, 60));
  }
  t.equal(({} as Json).role, undefined);
  // A deep one in a field that nobody knows is passed over, or refused; it never breaks.
  const deep = `${text},"army_number":"ODD/3","unknown":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`;
  t.ok([201, 400].includes((await raw('POST', '/personnels/', deep)).status));
  const items = `[${text},"rank":1e400},{"__proto__":{"db_id":"${db}"}}]`;
  t.ok([207, 400].includes((await raw('POST', '/personnels/upload', items)).status));
});

t.test(
  'pages and limits beyond every number are 400 or the last that there is; doubled ones are 400',
  async (t) => {
    const db = await system.db();
    await system.record(db);
    for (const path of ['/admin/users', '/admin/dbs', `/personnels/db/${db}`, '/personnels/deleted']) {
      for (const name of ['page', 'limit']) {
        for (const value of ['1e400', '10^20', '-1e400', 'Infinity', '%00', '1%00', '[', '١']) {
          const answer = await call(admin, 'GET', `${path}?${name}=${value}`);
          t.match(answer, { status: 400, body: { statusCode: 400 } }, `${path}?${name}=${value}`);
        }
        for (const value of ['9'.repeat(400), `-${'9'.repeat(400)}`, '100000000000000000000']) {
          const answer = await call(admin, 'GET', `${path}?${name}=${value}`);
          t.equal(answer.status, 200, `${path}?${name}=${value.slice(0, 30)}`);
          t.ok(answer.body.data.meta.limit <= 500);
        }
        const doubled = await call(admin, 'GET', `${path}?${name}=1&${name}=2`);
        t.match(doubled, { status: 400, body: { statusCode: 400 } }, `${path}, ${name} twice`);
      }
    }
  },
);

t.test('80 MB as a form: 413 for a file, 400 for a field, which no field is as long as', async (t) => {
  const db = await system.db();
  const { hostname, port } = new URL(base);
  const boundary = 'b0undary';
  const part = (head: string) => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`;
  const size = 80 * 1024 * 1024;
  const piece = Buffer.alloc(1024 * 1024, 'a');
  const end = `\r\n--${boundary}--\r\n`;
  for (const [what, head, status] of [
    ['a file', `${part('name="db_id"')}${db}\r\n${part('name="file"; filename="a.xlsx"')}`, 413],
    ['a field', part('name="db_id"'), 400],
  ] as const) {
    const socket = connect(Number(port), hostname);
    let said = '';
    socket.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(
      `POST /personnels/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\nConnection: close\r\n` +
        `Content-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${head.length + size + end.length}\r\n\r\n${head}`,
    );
    const closed = once(socket, 'close');
    for (let sent = 0; sent < size && said === '' && !socket.destroyed; sent += piece.length) {
      if (socket.write(piece)) continue;
      const pause = new AbortController();
      const signals = { signal: pause.signal };
      const moved = ['drain', 'data', 'close'].map((name) =>
        once(socket, name, signals).catch(() => undefined),
      );
      await Promise.race(moved);
      pause.abort();
    }
    if (said === '' && !socket.destroyed) socket.write(end);
    if (!said.includes('"statusCode"') && !socket.destroyed)
      await Promise.race([once(socket, 'data'), closed]);
    socket.destroy();
    t.match(said, `HTTP/1.1 ${status} `, what);
    t.match(said, `"statusCode":${status}`, what);
  }
  t.equal((await call(admin, 'GET', '/admin/dbs')).status, 200, 'it goes on');
});

t.test('a form of another kind is 400 or 415 in this shape', async (t) => {
  const type = 'multipart/form-data; boundary=x';
  for (const [contentType, body] of [
    ['multipart/form-data', 'x'],
    [type, ''],
    [type, '--x'],
    [type, '--x\r\n\r\n\r\n--x--\r\n'],
    [type, '--x\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\n1\r\n--x--\r\n'],
    [type, `--x\r\nContent-Disposition: form-data; name="db_id"\r\n\r\n${nobody}\r\n--x--\r\n`],
    ['multipart/mixed; boundary=x', '--x--\r\n'],
    ['application/json, multipart/form-data', '[]'],
  ] as const) {
    const headers = { ...auth, 'content-type': contentType };
    const answer = await send('POST', '/personnels/upload', { headers, body });
    const what = `${contentType}: ${JSON.stringify(body)}`;
    t.ok([400, 415].includes(answer.status), `${what} ${answer.status}`);
    t.match(answer.body, { message: String, statusCode: answer.status, data: {} }, what);
  }
});
