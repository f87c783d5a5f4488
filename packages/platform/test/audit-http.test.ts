import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readWorkbook, sheetParts } from '@backoffice/spreadsheet';
import t from 'tap';
import { auditSheet } from '../src/audit/export.ts';
import type { AuditEntry } from '../src/audit/outbox.ts';
import { buildEntry } from './audit-support.ts';
import { bearer, bodyOf, buildUser, listen, signIn } from './http-support.ts';
import { openUploads, uploadModule } from './upload-support.ts';

t.setTimeout(120_000);
const { platform, env } = await openUploads(t);
const { db, audit } = platform;
const { base } = await listen(t, platform, uploadModule);
const { createUserRepository } = await import('../src/auth/users.ts');
const users = createUserRepository(db);
const admin = bearer(await signIn(base, (await users.upsertUser(await buildUser())).email));
const get = (path: string, headers: Record<string, string> = admin) =>
  fetch(`${base}/api/admin/audit${path}`, { headers });

interface Found {
  entries: { seq: number; id: string; actor: { name: string }; action: string; after: unknown }[];
  next: number | null;
  waiting: number;
}
const search = async (query: Record<string, string> = {}) => {
  const answer = await get(`?${new URLSearchParams(query)}`);
  t.equal(answer.status, 200, JSON.stringify(query));
  return (await answer.json()) as Found;
};

/** Puts entries in as if they came from the time before the chain. */
async function put(entries: AuditEntry[]): Promise<void> {
  await db
    .collection('audit')
    .insertMany(entries.map(({ id, ...facts }) => ({ _id: id, ...facts })) as never);
  await audit.move();
}

const asha = { userId: 'u-asha', name: 'Asha Rao' };
const ravi = { userId: 'u-ravi', name: 'Ravi (Kumar) .*' };
const at = (text: string) => new Date(text);
t.before(async () => {
  await put([
    buildEntry({ id: 'a', actor: asha, at: at('2026-11-01T18:29:59.999Z'), action: 'customer.remark' }),
    // The second of November has begun in India.
    buildEntry({
      id: 'b',
      actor: asha,
      at: at('2026-11-01T18:30:00.000Z'),
      object: { type: 'customer', id: 'c-1' },
    }),
    buildEntry({
      id: 'c',
      actor: ravi,
      at: at('2026-11-02T18:29:59.999Z'),
      object: { type: 'customer', id: 'c-2' },
    }),
    buildEntry({
      id: 'd',
      actor: ravi,
      at: at('2026-11-02T18:30:00.000Z'),
      object: { type: 'user', id: 'c-2' },
    }),
    buildEntry({ id: 'other', system: 'orders' as never, actor: asha, at: at('2026-11-03T00:00:00.000Z') }),
  ]);
});

t.test('search: by who, what, which and when; newest first', async (t) => {
  const ids = async (query: Record<string, string>) => (await search(query)).entries.map((each) => each.id);
  t.same(await ids({}), ['d', 'c', 'b', 'a']);
  t.same(await ids({ actor: 'u-ravi' }), ['d', 'c'], 'an id');
  t.same(await ids({ actor: 'aSHA' }), ['b', 'a'], 'part of a name, in any case');
  t.same(await ids({ actor: '(kumar) .*' }), ['d', 'c'], '37. text, never a pattern');
  t.same(await ids({ actor: '.*' }), ['d', 'c'], '37.');
  t.same(await ids({ actor: 'a' }), ['d', 'c', 'b', 'a'], 'several names');
  t.same(await ids({ action: 'customer.remark' }), ['a']);
  t.same(await ids({ action: 'customer' }), []);
  t.same(await ids({ objectType: 'customer' }), ['c', 'b']);
  t.same(await ids({ objectId: 'c-2' }), ['d', 'c']);
  t.same(await ids({ objectType: 'customer', objectId: 'c-2' }), ['c']);
  t.same(await ids({ from: '2026-11-02' }), ['d', 'c', 'b'], 'days in the business time zone');
  t.same(await ids({ to: '2026-11-02' }), ['c', 'b', 'a']);
  t.same(await ids({ from: '2026-11-02', to: '2026-11-02' }), ['c', 'b']);
  t.same(await ids({ actor: 'asha', from: '2026-11-02', objectType: 'customer' }), ['b']);
});

t.test('pages: each entry once, whatever is added meanwhile', async (t) => {
  const first = await search({ limit: '3' });
  t.same(
    first.entries.map((each) => each.id),
    ['d', 'c', 'b'],
  );
  await put([buildEntry({ id: 'later', action: 'later' })]);
  const second = await search({ limit: '3', before: String(first.next) });
  t.match(second, { entries: [{ id: 'a' }], next: null });
});

t.test('what waits is counted, and found once it is in the chain', async (t) => {
  const user = await users.upsertUser(await buildUser(), buildEntry({ id: 'waits', action: 'user.waits' }));
  t.ok(user);
  t.match(await search({ action: 'user.waits' }), { entries: [], waiting: 1 });
  await audit.move();
  t.match(await search({ action: 'user.waits' }), { entries: [{ id: 'waits' }], waiting: 0 });
});

t.test('39. an entry of another system is in no search, page or export', async (t) => {
  const { entries } = await search({ limit: '200' });
  t.notOk(entries.some((each) => each.id === 'other'));
  t.same(
    (await search({ actor: 'asha', from: '2026-11-03' })).entries.filter((each) => each.id === 'other'),
    [],
  );
  t.notMatch(await (await get('/export?format=csv')).text(), /other/);
});

t.test('40. administrators only; what does not fit is 400', async (t) => {
  const engineer = await users.upsertUser(
    await buildUser({ memberships: { receivables: { role: 'Engineer', region: 'pune', department: null } } }),
  );
  const headers = bearer(await signIn(base, engineer.email));
  for (const path of ['', '/export', '/head']) {
    t.equal((await get(path, headers)).status, 403, path);
    t.equal((await get(path, {})).status, 401, path);
  }
  for (const query of [
    'from=2026-02-30',
    'to=yesterday',
    'limit=0',
    'limit=201',
    'before=0',
    'actor=',
    'color=red',
  ]) {
    t.equal((await get(`?${query}`)).status, 400, query);
  }
  t.equal((await get('/export?format=pdf')).status, 400);
  t.equal((await get('?actor[$ne]=x')).status, 400);
  t.equal((await get('?actor=a&actor=b')).status, 400);
});

t.test('the head: signed, and what verify takes', async (t) => {
  const body = (await bodyOf(await get('/head'))) as { seq: number; hash: string; at: string; seal: string };
  const head = { ...body, at: new Date(body.at) };
  t.match(await audit.verify({ head }), { fault: null, compared: 'found' });
});

const formulas = ['=1+1', ' =1+1', 'ok\n=2', '@x', '+x', '\tx', 'a;=1+1', '-1'];

t.test('16. the export is inert, as a workbook and as text; numbers stay numbers', async (t) => {
  await put(
    formulas.map((text, index) =>
      buildEntry({
        id: `f-${index}`,
        action: 'formula',
        actor: { userId: text, name: text },
        object: { type: text, id: text },
        before: null,
        after: { text },
        requestId: text,
      }),
    ),
  );
  const csv = await get('/export?format=csv&action=formula');
  t.equal(csv.status, 200);
  t.match(csv.headers.get('content-type'), /^text\/csv/);
  t.match(csv.headers.get('content-disposition'), /audit\.csv/);
  const text = await csv.text();
  t.match(text, /^\ufeff?"Number","Time \(Asia\/Kolkata\)"/);
  t.match(text, /^\d+,"2026-/m, 'the number of an entry is a number');
  // A cell, and whatever becomes one where a program takes another sign for the separator.
  const cells = [...text.matchAll(/"((?:[^"]|"")*)"/g)].map(([, cell]) => cell!.replaceAll('""', '"'));
  t.ok(cells.includes("'=1+1"));
  for (const cell of cells.flatMap((each) => each.split(/[;\t\n]/))) {
    t.notMatch(cell, /^\s*[=+\-@]/, JSON.stringify(cell));
  }

  const folder = await mkdtemp(join(tmpdir(), 'audit-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const answer = await get('/export?action=formula');
  t.match(answer.headers.get('content-type'), /spreadsheetml/);
  const file = join(folder, 'audit.xlsx');
  await writeFile(file, new Uint8Array(await answer.arrayBuffer()));
  const rows: unknown[][] = [];
  await readWorkbook(file, {
    onSheet: () => 'read',
    onRows: (batch) => {
      for (const { cells } of batch)
        rows.push(
          cells.map(
            (cell) =>
              (cell as { text?: string; value?: number })?.text ?? (cell as { value?: number })?.value,
          ),
        );
    },
  });
  t.equal(rows.length, formulas.length + 1);
  t.equal(typeof rows[1]![0], 'number');
  t.same(
    rows.slice(1).map((row) => row[3]),
    ["'-1", 'a;=1+1', "'\tx", "'+x", "'@x", "ok\n'=2", "' =1+1", "'=1+1"],
  );
});

t.test('more rows than a sheet may have go on in the next one', async (t) => {
  const { entries } = await search({ limit: '200' });
  async function* some() {
    for (let nth = 0; nth < 7; nth += 1) {
      yield { ...buildEntry(), _id: nth, entryId: String(nth), prev: '', hash: '' };
    }
  }
  t.ok(entries);
  for (const [most, sizes] of [
    [3, [3, 3, 1]],
    [7, [7]],
    [8, [7]],
  ] as const) {
    const seen: [string, number][] = [];
    for await (const { name, rows } of sheetParts(auditSheet(some(), 'Asia/Kolkata'), most)) {
      let count = 0;
      for await (const row of rows) count += row.length > 0 ? 1 : 0;
      seen.push([name, count]);
    }
    t.same(
      seen,
      sizes.map((size, index) => [index === 0 ? 'Audit' : `Audit ${index + 1}`, size]),
    );
  }
  t.ok(env);
});

t.test('every search has an index to go by', async (t) => {
  const chain = db.collection('audit_chain');
  for (const filter of [
    { system: 'receivables' },
    { system: 'receivables', $or: [{ 'actor.userId': 'x' }, { 'actor.name': { $in: ['x', 'y'] } }] },
    { system: 'receivables', action: 'x' },
    { system: 'receivables', 'object.type': 'x' },
    { system: 'receivables', 'object.id': 'x' },
  ]) {
    const plan = JSON.stringify(
      await chain
        .find(filter as never)
        .sort({ _id: -1 })
        .limit(51)
        .explain('queryPlanner'),
    );
    const winning = plan.slice(plan.indexOf('winningPlan'), plan.indexOf('rejectedPlans'));
    t.notMatch(winning, /COLLSCAN|"SORT"/, JSON.stringify(filter));
  }
  for (const name of ['users', 'uploads']) {
    const waits = db
      .collection(name)
      .find({ 'outbox.at': { $exists: true } })
      .sort({ 'outbox.at': 1 })
      .limit(200);
    const plan = JSON.stringify(await waits.explain('queryPlanner'));
    t.match(plan, /outbox_waiting/, name);
    t.notMatch(plan, /COLLSCAN/, name);
  }
});
