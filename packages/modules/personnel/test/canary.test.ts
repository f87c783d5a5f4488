import t from 'tap';
import {
  assertNowhere,
  assertUnsaid,
  canary,
  canaryHeaders,
  canaryRequests,
  startCollector,
} from '../../../../test/harness/canary.ts';
import { type Answer, type Json, password, person } from './http.ts';
import { cast, startServed, type Who } from './served.ts';
import { sheetOf } from './workbooks.ts';

t.setTimeout(240_000);

const collector = await startCollector(t);
const system = await startServed(t, { env: collector.env });
const { openApi, tokens, call, upload, dbs, ids } = system;

/** Without what the contract says again on purpose. */
function withoutEchoes(body: Json): Json {
  const { message, errors, data, invalid_ids: _asked, ...rest } = body;
  // `Personnel with army_number X already exists in this DB`: the caller's own number.
  const cut = (text: string) =>
    text.replace(/^(Personnel with army_number ).*( already exists in this DB)$/, '$1$2');
  // Ids that are none, in `allowed_dbs`: `data: {invalid}`; of a list to delete: `invalid_ids`.
  const { invalid: _invalid, ...others } = data;
  return {
    ...rest,
    ...(message === undefined ? {} : { message: cut(message) }),
    errors: errors?.map((each: Json) => ({ ...each, message: cut(each.message) })),
    data: others,
  };
}

/** Ids that are there, so that the canary gets into the records, and past the look for them. */
const knownTo = (record: string) => (name: string, path: string) => {
  if (name === 'db_id') return dbs.a;
  // Some requests remove what they name.
  if (name === 'dbId') return path.startsWith('/admin/') ? dbs.d : dbs.a;
  if (name === 'personnelId') return record;
  if (name === 'userId' || name === 'user_id') return ids.other;
  return name === 'personnels_id' || name === 'allowed_dbs' ? [canary] : undefined;
};

t.test('59. a canary in every field of every route is in no error, log, job, metric or trace', async (t) => {
  const statuses = new Map<string, number>();
  const heard = (answer: Answer, what: { method: string; path: string }) => {
    const key = `${Math.floor(answer.status / 100)}xx`;
    statuses.set(key, (statuses.get(key) ?? 0) + 1);
    assertUnsaid(t, what, answer, withoutEchoes);
  };
  for (const who of [null, 'limited', 'admin'] as const) {
    const made = await call(
      'admin',
      'POST',
      '/personnels/',
      person({ army_number: `K/${who}`, db_id: dbs.a }),
    );
    for (const request of canaryRequests(openApi, '/', knownTo(made.body.data.id))) {
      const { method, path, body, headers } = request;
      // Of operators, and alike in every system.
      if (/^\/(health|ready|metrics)\b/.test(path)) continue;
      const given = method === 'GET' ? undefined : body;
      // The key makes one request of all that follow it; without it every one is done.
      const { 'idempotency-key': _key, ...plain } = headers;
      for (const sent of method === 'POST' ? [headers, plain] : [headers]) {
        heard(await call(who, method, path, given, sent), request);
      }
    }
    // By a file: its name, its cells, its fields.
    const cells = [canary, null, 'awol', `${canary} 2`];
    const files = await Promise.all([
      sheetOf([Array.from({ length: 13 }, (_each, i) => (i === 11 ? null : canary))]),
      sheetOf([Array(13).fill(canary), Array(13).fill(`${canary} 2`), cells]),
      sheetOf([Array(3).fill(canary)], [canary, 'Rank', 'Army No']),
    ]);
    const fileName = `${canary}.xlsx`;
    const forms = [{ db_id: dbs.a }, { db_id: dbs.a, onExisting: 'update' }, { db_id: canary }];
    const odd = [
      { db_id: dbs.a, onExisting: canary },
      { db_id: dbs.a, dryRun: canary, onError: canary },
    ];
    for (const file of [...files, Buffer.from(canary)]) {
      for (const form of [...forms, ...odd]) {
        const { 'idempotency-key': _key, ...headers } = canaryHeaders;
        const fields = { ...form, [canary]: canary, password: canary } as Record<string, string>;
        const answer = await upload(who as Who, file, fields, { fileName, headers });
        heard(answer, { method: 'POST', path: '/personnels/upload, a file' });
        const id = answer.body.data?.uploadId;
        if (who !== 'admin' || id === undefined) continue;
        for (const [method, what] of [
          ['GET', 'status'],
          ['GET', 'errors.xlsx'],
          ['POST', 'undo'],
        ] as const) {
          const path = `/personnels/upload/${id}/${what}?x=${canary}`;
          heard(await call(who, method, path, undefined, canaryHeaders), { method, path });
        }
      }
    }
    const wrong = { army_number: cast.another.armyNumber, password: canary };
    heard(await call(null, 'POST', '/auth/login', wrong), { method: 'POST', path: '/auth/login' });
  }
  t.ok(statuses.get('2xx')! > 50 && statuses.get('4xx')! > 150, JSON.stringify([...statuses]));
  t.equal(statuses.get('5xx'), undefined);
  for (const who of ['limited', 'admin'] as const) {
    t.equal((await call(who, 'GET', '/admin/dbs')).status, 200, `the token of ${who} held to the end`);
  }
  const kept = await system.platform.db.collection('personnel_records').countDocuments({ rank: canary });
  t.ok(kept > 0, 'the canary got as far as into a record');
  const routes = { read: '/personnels/', upload: '/personnels/upload' };
  await assertNowhere(t, { ...system, collector, password, routes, tokens });
});
