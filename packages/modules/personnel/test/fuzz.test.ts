import t from 'tap';
import { fuzzCallers, fuzzSeconds, fuzzSeed } from '../../../../test/harness/fuzzed.ts';
import { person } from './http.ts';
import { startServed } from './served.ts';
import { line, sheetOf } from './workbooks.ts';

t.setTimeout((fuzzSeconds + 300) * 5_000);

const system = await startServed(t, { env: { UPLOAD_WAIT_MS: '15000' } });
const { call, upload, dbs, ids, tokens, signIn } = system;

t.test(
  `no route answers 5xx or what it does not document, whoever sends what (seed ${fuzzSeed})`,
  async (t) => {
    const records: string[] = [];
    for (const [index, db_id] of [dbs.a, dbs.a, dbs.b].entries()) {
      const made = await call('admin', 'POST', '/personnels/', person({ army_number: `F/${index}`, db_id }));
      records.push(made.body.data.id);
    }
    const taken = await upload('admin', await sheetOf([line('F/10'), line('F/11')]), { db_id: dbs.a });
    const broken = await upload('admin', await sheetOf([]), { db_id: dbs.b });
    t.same([taken.status, broken.status], [201, 422]);
    const uploads = [taken.body.data.uploadId, broken.body.data.uploadId ?? taken.body.data.uploadId];
    const some = ['limited', 'everywhere', 'admin'] as const;
    const members = Object.fromEntries(some.map((who) => [who, { token: tokens[who], caller: ids[who] }]));
    // The one that is sent all along; signing in replaces it here.
    const sent = tokens.admin;
    await fuzzCallers(t, {
      ...system,
      callers: { nobody: { token: null }, ...members },
      valuesAt({ in: place, path, method, name }) {
        // Whatever becomes of the other dbs and the other people, these stay: so there is something to answer with.
        if (path.startsWith('/admin/dbs/')) return method === 'delete' ? [dbs.d] : [dbs.b, dbs.c, dbs.d];
        if (name === 'db_id') return [dbs.a, dbs.b, dbs.c];
        if (name === 'allowed_dbs') return [[], [dbs.a], [dbs.b, dbs.c]];
        if (name === 'personnels_id') return [[records[2]], records];
        if (place === 'path' && name === 'dbId') return [dbs.a, dbs.b];
        if (name === 'userId' || name === 'user_id') return [ids.other, ids.another];
        if (name === 'personnelId') return records;
        if (place === 'path' && path.includes('/upload/')) return uploads;
        if (name === 'page' || name === 'limit') return ['1', '2', '500', '1e400', '-1'];
        if (['as_of', 'from', 'to', 'effective_date'].includes(name)) return ['2026-01-01', '2100-12-31'];
        return name === 'filter' ? ['all', 'awol', 'retired'] : [];
      },
      stillServes: async (t) => {
        t.match(await signIn('admin'), { status: 200 }, 'the system still serves');
        tokens.admin = sent;
        t.match(
          await call('admin', 'GET', '/admin/dbs'),
          { status: 200 },
          'under the token that was sent all along',
        );
      },
    });
  },
);

t.test('what was sent left no line about a fault in the logs', async (t) => {
  const faults = [...system.api.lines, ...system.worker.lines].filter((line) =>
    /"level":"(error|fatal)"/.test(line),
  );
  t.same(faults, []);
});
