import { addMonths } from '@backoffice/core';
import t from 'tap';
import { running, type SheetRow, statement, wire } from './sheets.ts';
import { figuresOf, type Json, startSystem, type Who } from './support.ts';

const system = await startSystem(t);
const { take, get, put, call, ids } = system;
t.beforeEach(() => system.clear());
t.setTimeout(180_000);

const before = addMonths(running, -1);
const row = (code: string, region: string, number: string, amount: number, more: object = {}): SheetRow => ({
  ...{ code, region, number, amount },
  ...more,
});

async function customer(code: string, who: Who = 'country'): Promise<Json> {
  const found: Json[] = await get(who, '/customers');
  return found.find((each) => each.customerCode === code);
}
const statusOf = async (code: string, number: string) =>
  (await customer(code)).invoices.find((each: Json) => each.invoiceNumber === number)?.status;
const disputed = async (month: string) =>
  figuresOf(await get('country', '/dashboard', { month: wire(month) })).disputed;
const mark = (code: string, number: string, newStatus: string, who: Who = 'country') =>
  put(who, `/customers/${encodeURIComponent(code)}/invoices/${encodeURIComponent(number)}/dispute`, {
    newStatus,
  });

t.test('6. remark, notes, engineer and marks survive every upload and undo', async (t) => {
  await take(before, [row('A', 'mumbai', '1', 100), row('A', 'mumbai', '2', 50)]);
  for (const [path, body] of [
    ['remark', { newRemark: 'under follow-up' }],
    ['notes', { newNotes: 'Called — will pay on ₹day' }],
    ['assign-engineer', { engineerId: ids.mumbaiEngineer }],
  ] as const) {
    t.match(await put('country', `/customers/A/${path}`, body), { status: 200, body: { success: true } });
  }
  t.equal((await mark('A', '1', 'dispute')).status, 200);
  const entered = {
    ...{ remarks: 'under follow-up', notes: 'Called — will pay on ₹day' },
    ...{ assignedEngineer: 'Eknath Engineer', assignedEngineerId: ids.mumbaiEngineer },
  };
  const check = async (when: string) => {
    t.match(await customer('A'), entered, when);
    t.equal(await statusOf('A', '1'), 'dispute', when);
  };
  await check('at once');
  await take(before, [row('A', 'mumbai', '1', 90, { remark: 'write-off', notes: 'of the sheet' })]);
  await check('after a replacement');
  const next = await take(running, [row('A', 'mumbai', '1', 80, { engineer: 'Esha Engineer' })]);
  await check('after the next month');
  await system.undo(next.uploadId);
  await check('after an undo');
  await take(running, [row('A', 'mumbai', '1', 70)]);
  await check('after another upload');
});

t.test('6. filled cells fill only what is empty; an unknown engineer is a warning', async (t) => {
  const answer = await take(before, [
    row('A', 'mumbai', '1', 100, {
      remark: 'Partial Payment',
      notes: 'from the sheet',
      engineer: 'eknath engineer',
    }),
    row('B', 'mumbai', '2', 100, { engineer: 'Divya Engineer' }),
  ]);
  t.match(await customer('A'), {
    ...{ remarks: 'partial payment', notes: 'from the sheet' },
    assignedEngineer: 'Eknath Engineer',
  });
  t.match(await customer('B'), {
    remarks: 'none',
    notes: '',
    assignedEngineer: '',
    assignedEngineerId: null,
  });
  const warning = answer.warnings.find((each: Json) => each.code === 'ENGINEER_UNKNOWN');
  t.match(warning.message, /Divya Engineer/, 'she is not of that region');
  await take(running, [
    row('A', 'mumbai', '1', 100, { remark: 'dispute', notes: 'later', engineer: 'Esha Engineer' }),
  ]);
  t.match(await customer('A'), { remarks: 'partial payment', notes: 'from the sheet' });
});

t.test('6. a mark counts from the running month on; a closed month keeps its figures', async (t) => {
  await take(before, [row('A', 'mumbai', '1', 100), row('A', 'mumbai', '2', 50, { status: 'dispute' })]);
  await mark('A', '1', 'dispute');
  await mark('A', '2', 'unpaid');
  t.equal(await disputed(before), 1);
  t.equal(await disputed(running), 1);
  t.equal(await statusOf('A', '1'), 'dispute');
  t.equal(await statusOf('A', '2'), 'unpaid');
  await mark('A', '1', 'paid');
  const figures = figuresOf(await get('country', '/dashboard', { month: wire(running) }));
  t.match(figures, { total: 50_00, recovered: 100_00, disputed: 0, invoices: 1 });
  t.equal(figuresOf(await get('country', '/dashboard', { month: wire(before) })).total, 150_00);
});

t.test(
  '6. a later statement: its status cell counts, a blank one ends paid and leaves dispute',
  async (t) => {
    await take(
      before,
      ['1', '2', '3'].map((number) => row('A', 'mumbai', number, 10)),
    );
    await mark('A', '1', 'dispute');
    await mark('A', '2', 'paid');
    await mark('A', '3', 'dispute');
    await take(running, [
      row('A', 'mumbai', '1', 10),
      row('A', 'mumbai', '2', 10),
      row('A', 'mumbai', '3', 10, { status: 'unpaid' }),
    ]);
    t.same(await Promise.all(['1', '2', '3'].map((number) => statusOf('A', number))), [
      'dispute',
      'unpaid',
      'unpaid',
    ]);
  },
);

t.test('6. a settled invoice: unpaid and dispute are 409, paid is 200 and changes nothing', async (t) => {
  await take(before, [row('A', 'mumbai', '1', 100), row('A', 'mumbai', '2', 50)]);
  await take(running, [row('A', 'mumbai', '2', 50)]);
  const figures = await get('country', '/dashboard', { month: wire(running) });
  for (const status of ['unpaid', 'dispute']) {
    t.match(await mark('A', '1', status), { status: 409, body: { code: 'INVOICE_SETTLED' } });
  }
  t.match(await mark('A', '1', 'paid'), { status: 200, body: { success: true } });
  t.same(await get('country', '/dashboard', { month: wire(running) }), figures);
  t.equal(await statusOf('A', '1'), 'paid');
  t.match(await mark('A', 'never', 'dispute'), { status: 404, body: { code: 'NOT_FOUND' } });
});

t.test('6. paid needs Manager or above', async (t) => {
  await take(running, [row('A', 'mumbai', '1', 100, { engineer: 'Eknath Engineer' })]);
  t.match(await mark('A', '1', 'paid', 'mumbaiEngineer'), { status: 403, body: { code: 'FORBIDDEN' } });
  t.equal((await mark('A', '1', 'dispute', 'mumbaiEngineer')).status, 200);
  t.equal((await mark('A', '1', 'paid', 'mumbaiManager')).status, 200);
});

t.test('28. :id is the database id or the customer code, percent-encoded', async (t) => {
  const code = 'C/1 é%20 ß';
  await take(running, [row(code, 'mumbai', 'INV/7 #1', 100)]);
  const { id } = await customer(code);
  t.match(id, /^[0-9a-f]{24}$/);
  const own = encodeURIComponent(code);
  for (const [nth, reference] of [id, own, encodeURIComponent(` ${code.toLowerCase()} `)].entries()) {
    const notes = `note ${nth}`;
    t.equal(
      (await put('country', `/customers/${reference}/notes`, { newNotes: notes })).status,
      200,
      reference,
    );
    t.equal((await customer(code)).notes, notes);
    t.equal((await call('country', 'GET', `/customers/${reference}/history`)).status, 200);
  }
  t.equal((await mark(code, 'INV/7 #1', 'dispute')).status, 200);
  t.equal((await mark(code, 'inv/7 #1', 'unpaid')).status, 200);
  t.equal(await statusOf(code, 'INV/7 #1'), 'unpaid');
});

t.test('28. assigning by id, by a name that is unique in the region, or by engineerName', async (t) => {
  await take(running, [row('A', 'mumbai', '1', 100)]);
  const assign = (body: Json, who: Who = 'mumbaiManager') => put(who, '/customers/A/assign-engineer', body);
  for (const [body, name] of [
    [{ engineerId: ids.mumbaiEngineer }, 'Eknath Engineer'],
    [{ engineerId: 'Esha Engineer' }, 'Esha Engineer'],
    [{ engineerName: 'Eknath Engineer' }, 'Eknath Engineer'],
  ] as const) {
    t.equal((await assign(body)).status, 200);
    t.match(await customer('A'), { assignedEngineer: name });
  }
  for (const body of [
    ...[
      { engineerId: ids.delhiEngineer },
      { engineerName: 'Divya Engineer' },
      { engineerId: ids.mumbaiManager },
    ],
    ...[{ engineerId: ids.disabled }, { engineerName: 'Nobody' }, {}],
  ]) {
    const answer = await assign(body);
    t.equal(answer.status, 400, JSON.stringify(body));
  }
  t.match(await customer('A'), { assignedEngineer: 'Eknath Engineer' }, 'a refusal changes nothing');
  t.equal((await assign({ engineerId: ids.mumbaiEngineer2 }, 'mumbaiEngineer')).status, 403);
});

t.test(
  '6. a statement being replaced while marks are set: no mark is lost, every answer is of one state',
  async (t) => {
    const rows = (amount: number) =>
      Array.from({ length: 300 }, (_, index) => row(`C${index % 30}`, 'mumbai', `N${index}`, amount));
    await take(running, rows(10));
    const books = await Promise.all([11, 12].map((amount) => statement(running, rows(amount))));
    let done = false;
    const uploads = Promise.all(books.map((bytes) => system.upload(bytes, wire(running)))).then((answers) => {
      done = true;
      return answers;
    });
    const reading = (async () => {
      while (!done) {
        const dashboard = await get('country', '/dashboard', { month: wire(running) });
        const { total, invoices } = figuresOf(dashboard);
        t.equal(invoices, 300);
        t.ok([3000_00, 3300_00, 3600_00].includes(total), `one state: ${total}`);
        const ages = dashboard.outstandingByAge.reduce(
          (sum: number, each: Json) => sum + Math.round(each.total * 100),
          0,
        );
        t.equal(ages, total);
      }
    })();
    const marked = Array.from({ length: 24 }, (_, index) => index);
    for (const index of marked) {
      t.equal((await mark(`C${index % 30}`, `N${index}`, 'dispute')).status, 200);
    }
    for (const answer of await uploads) t.equal(answer.status, 200);
    await reading;
    const dashboard = await get('country', '/dashboard', { month: wire(running) });
    t.match(figuresOf(dashboard), { disputed: marked.length, invoices: 300 });
    for (const index of marked) t.equal(await statusOf(`C${index % 30}`, `N${index}`), 'dispute');
  },
);
