import t from 'tap';
import { monthAt, statement, wire } from './sheets.ts';
import { figuresOf, startSystem } from './support.ts';

const system = await startSystem(t);
const { take, get, call, put, undo, users, ids } = system;
t.beforeEach(() => system.clear());
const [april, may] = [0, 1].map(monthAt) as [string, string];
const path = `/dashboard?month=${wire(april)}`;

const rows = [
  { code: 'A1', region: 'mumbai', number: 'I-1', amount: 100, engineer: 'Eknath Engineer' },
  { code: 'B1', region: 'delhi', number: 'I-2', amount: 50 },
];

t.test('a dashboard that has not changed is a 304; after any change it is another', async (t) => {
  await take(april, rows);
  const tagOf = async () => (await call('country', 'GET', path)).headers.get('etag')!;
  const known = (tag: string) => call('country', 'GET', path, { headers: { 'if-none-match': tag } });
  let tag = await tagOf();
  t.match(tag, /^W\/"/);
  const isNew = async (what: string) => {
    const answer = await known(tag);
    t.equal(answer.status, 200, what);
    tag = answer.headers.get('etag')!;
    const raw = await fetch(`${system.base}/api${path}`, {
      headers: { authorization: `Bearer ${system.tokens.country}`, 'if-none-match': tag },
    });
    t.equal(raw.status, 304, `${what}, then again`);
  };
  await take(april, [{ code: 'C1', region: 'pune', number: 'I-3', amount: 10 }]);
  await isNew('an import');
  await users.updateMembership((await users.findById(ids.mumbaiEngineer))!._id, 'receivables', {
    role: 'Engineer',
    region: 'pune',
    department: null,
  });
  await isNew('an engineer in another region');
  const upload = await take(april, [{ code: 'C1', region: 'pune', number: 'I-3', amount: 20 }]);
  await isNew('a replacement');
  await undo(upload.uploadId);
  await isNew('an undo');
  t.equal(
    (await put('country', '/customers/C1/assign-engineer', { engineerId: ids.mumbaiEngineer })).status,
    200,
  );
  await isNew('an assignment');
});

t.test('each sees the answer of its own scope, whatever others asked before', async (t) => {
  await take(april, rows);
  for (let turn = 0; turn < 3; turn += 1) {
    const [country, mumbai, delhi, none] = await Promise.all(
      (['country', 'mumbaiManager', 'delhiManager', 'noRegion'] as const).map((who) =>
        get(who, '/dashboard', { month: wire(april) }),
      ),
    );
    t.match(figuresOf(country), { total: 150_00, invoices: 2 });
    t.match(figuresOf(mumbai), { total: 100_00, invoices: 1 });
    t.match(figuresOf(delhi), { total: 50_00, invoices: 1 });
    t.match(figuresOf(none), { total: 0, invoices: 0 });
    const asked = { month: wire(april), region: 'delhi' };
    t.match(figuresOf(await get('mumbaiManager', '/dashboard', asked)), { total: 0 });
    t.match(figuresOf(await get('country', '/dashboard', { ...asked, month: wire(may) })), { total: 50_00 });
  }
});

t.test(
  'many readers while statements come: never an older state than one that was answered before',
  async (t) => {
    let floor = 0;
    let done = false;
    const readers = Array.from({ length: 8 }, async () => {
      while (!done) {
        const least = floor;
        const { total } = figuresOf(await get('country', '/dashboard', { month: wire(april) }));
        if (total < least) t.fail(`${total} is shown where ${least} had been answered`);
      }
    });
    for (let amount = 1; amount <= 8; amount += 1) {
      const bytes = await statement(april, [{ code: 'A1', region: 'mumbai', number: 'I-1', amount }]);
      t.equal((await system.upload(bytes, wire(april))).status, 200);
      const { total } = figuresOf(await get('country', '/dashboard', { month: wire(april) }));
      t.equal(total, amount * 100);
      floor = total;
    }
    done = true;
    await Promise.all(readers);
  },
);
