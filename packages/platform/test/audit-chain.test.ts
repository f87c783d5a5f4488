import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { MongoClient, ObjectId } from 'mongodb';
import t from 'tap';
import { canonical } from '../src/audit/canonical.ts';
import { auditOf, buildEntry, fill, mongoUri, openAudit, tell } from './audit-support.ts';
import { programOf } from './programs.ts';

t.setTimeout(240_000);

t.test('the canonical text: one for each value, whatever the order of names', async (t) => {
  const at = new Date('2026-11-25T09:00:00.000Z');
  t.equal(
    canonical({ b: [1, 'x', null], a: at, c: undefined, $d: true }),
    '{"$$d":true,"a":{"$date":"2026-11-25T09:00:00.000Z"},"b":[1,"x",null]}',
  );
  t.equal(canonical({ b: 1, a: 2 }), canonical({ a: 2, b: 1 }));
  const id = new ObjectId('0123456789abcdef01234567');
  const values = [
    ...[at, at.toISOString(), { $date: at.toISOString() }, { $$date: at.toISOString() }],
    ...[
      id,
      id.toHexString(),
      { $id: id.toHexString() },
      1,
      '1',
      [1],
      { 0: 1 },
      Number.NaN,
      'NaN',
      null,
      'null',
    ],
    ...[{ a: { b: 1 } }, { 'a.b': 1 }, ['a', 'b'], ['a,b'], '["a","b"]', true, 'true', {}, []],
  ];
  t.equal(new Set(values.map(canonical)).size, values.length, 'no two have the same');
});

t.test('entries come into the chain in order of time, once, and leave the outbox', async (t) => {
  const { db, audit, entries, things } = await openAudit(t);
  const made = await fill(db, 60);
  t.equal(await audit.waiting(), 60);
  t.equal(await audit.move({ batch: 9 }), 60);
  const chain = await entries.find().sort({ _id: 1 }).toArray();
  t.same(
    chain.map((each) => each._id),
    made.map((_, index) => index + 1),
  );
  t.same(
    chain.map((each) => each.entryId),
    made.map((each) => each.id),
  );
  t.equal(await things.countDocuments({ 'outbox.0': { $exists: true } }), 0);
  t.equal(await audit.waiting(), 0);
  t.match(await audit.verify(), {
    fault: null,
    entries: 60,
    from: 1,
    head: { seq: 60, hash: chain.at(-1)!.hash },
  });
  t.equal(await audit.move(), 0, 'nothing more to do');
});

t.test('two entries of one document stay in their order, though a clock went back', async (t) => {
  const { db, audit, entries } = await openAudit(t);
  const at = new Date('2026-11-25T09:00:00.000Z');
  await tell(db, 'a', buildEntry({ id: 'first', at }));
  await tell(db, 'a', buildEntry({ id: 'second', at: new Date(at.getTime() - 60_000) }));
  await audit.move();
  t.same(
    (await entries.find().sort({ _id: 1 }).toArray()).map((each) => each.entryId),
    ['first', 'second'],
  );
});

t.test('the history of an object: the chain, then what waits, nothing twice', async (t) => {
  const { db, audit, things } = await openAudit(t);
  const object = { type: 'thing', id: 't-1' };
  await tell(db, 't-1', buildEntry({ id: 'a', object }));
  await tell(db, 't-2', buildEntry({ id: 'other', object: { type: 'thing', id: 't-2' } }));
  await audit.move();
  await tell(db, 'somewhere else', buildEntry({ id: 'b', object }));
  // A mover that was killed before it emptied the outbox.
  await things.updateOne({ _id: 't-1' }, { $push: { outbox: buildEntry({ id: 'a', object }) } });
  t.same(
    (await audit.listOf('receivables', object)).map((each) => each.id),
    ['a', 'b'],
  );
  t.equal(await audit.move(), 2);
  t.same(
    (await audit.listOf('receivables', object)).map((each) => each.id),
    ['a', 'b'],
  );
});

t.test('what is no entry does not stop the others', async (t) => {
  const { db, audit, things, entries } = await openAudit(t);
  await things.insertOne({
    _id: 'odd',
    outbox: [{ at: new Date(0) }, 'text', { id: 5, at: new Date(0) }] as never,
  });
  await tell(db, 'a', buildEntry({ id: 'a' }));
  await audit.move({ batch: 5 });
  t.equal(await entries.countDocuments(), 1);
});

t.test(
  'entries of the collection of before come into the chain under their ids, in order of time',
  async (t) => {
    const { db, audit, entries } = await openAudit(t);
    const old = db.collection<{ _id: string }>('audit');
    const { id: _id, ...facts } = buildEntry();
    const before = Array.from({ length: 20 }, (_, index) => ({
      _id: `import-${index}`,
      ...facts,
      at: new Date(Date.UTC(2026, 9, 1, 0, index)),
    }));
    await old.insertMany(before as never);
    t.equal((await audit.listOf('receivables', facts.object)).length, 20);
    await tell(db, 'a', buildEntry({ id: 'new' }));
    await audit.move({ batch: 6 });
    t.same(
      (await entries.find().sort({ _id: 1 }).toArray()).map((each) => each.entryId),
      [...before.map((each) => each._id), 'new'],
    );
    t.equal(await old.countDocuments(), 0);
    t.match(await audit.verify(), { fault: null, entries: 21 });
  },
);

t.test('18. eight movers over connections of their own: each entry once, no number left out', async (t) => {
  const { db, audit, entries } = await openAudit(t);
  const clients = Array.from({ length: 8 }, () => new MongoClient(mongoUri));
  t.teardown(() => Promise.all(clients.map((client) => client.close())));
  const movers = clients.map((client) => auditOf(client.db(db.databaseName)));
  let telling = true;
  const work = movers.map(async (each) => {
    while (telling) await each.move({ batch: 5 });
  });
  const made = await fill(db, 400);
  telling = false;
  await Promise.all(work);
  await audit.move();
  await holdsAll(
    t,
    entries,
    made.map((each) => each.id),
  );
  t.match(await audit.verify(), { fault: null, entries: 400 });
});

t.test(
  '17. 18. movers as processes, killed at any moment: each entry once, no number left out',
  async (t) => {
    const { db, audit, entries } = await openAudit(t);
    const given = [...programOf('audit-mover.ts'), mongoUri, db.databaseName];
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    const begin = () => spawn(process.execPath, given, { stdio: [...stdio] });
    const children: ChildProcess[] = [begin(), begin(), begin()];
    t.teardown(() => {
      for (const child of children) child.kill('SIGKILL');
    });
    await Promise.all(children.map((child) => once(child, 'message')));
    let telling = true;
    let kills = 0;
    const killing = (async () => {
      while (telling) {
        await delay(40 + Math.random() * 250);
        const at = kills % 3;
        const gone = once(children[at]!, 'exit');
        children[at]!.kill('SIGKILL');
        await gone;
        kills += 1;
        children[at] = begin();
        await once(children[at]!, 'message');
      }
    })();
    const made: string[] = [];
    while (kills < 9) {
      const id = `k-${made.length}`;
      await tell(db, `t-${made.length % 5}`, buildEntry({ id }));
      made.push(id);
    }
    telling = false;
    await killing;
    t.comment(`${made.length} entries, ${kills} kills`);
    await audit.move();
    await holdsAll(t, entries, made);
    t.match(await audit.verify(), { fault: null, entries: made.length });
    t.equal(await audit.waiting(), 0);
    for (const child of children) child.send('end');
    await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
  },
);

async function holdsAll(
  t: import('tap').Test,
  entries: Awaited<ReturnType<typeof openAudit>>['entries'],
  ids: string[],
) {
  const chain = await entries.find().sort({ _id: 1 }).toArray();
  t.same(
    chain.map((each) => each._id),
    Array.from({ length: ids.length }, (_, index) => index + 1),
    'numbers without gaps',
  );
  t.same(chain.map((each) => each.entryId).sort(), [...ids].sort(), 'every entry exactly once');
}

t.test('killed after any of its writes: the next run brings it to its end', async (t) => {
  // Stands for the kill: the connection refuses everything from the n-th write on.
  for (let writes = 0; writes <= 4; writes += 1) {
    const { db, entries, client } = await openAudit(t);
    await fill(db, 12);
    let left = writes;
    const refusing = new Proxy(db, {
      get: (target, name) =>
        name !== 'collection'
          ? Reflect.get(target, name)
          : (of: string) =>
              new Proxy(target.collection(of), {
                get(collection, method) {
                  const real = Reflect.get(collection, method);
                  if (!['insertMany', 'updateOne', 'bulkWrite', 'deleteMany'].includes(String(method))) {
                    return typeof real === 'function' ? real.bind(collection) : real;
                  }
                  return async (...args: unknown[]) => {
                    if (left === 0) throw new Error('killed');
                    left -= 1;
                    return real.apply(collection, args);
                  };
                },
              }),
    });
    const run = auditOf(refusing).move({ batch: 5 });
    await t.rejects(run, { message: 'killed' }, `after ${writes} writes`);
    const audit = auditOf(client.db(db.databaseName));
    t.match(await audit.verify(), { fault: null }, 'whole at once');
    await audit.move();
    t.match(await audit.verify(), { fault: null, entries: 12 });
    await holdsAll(
      t,
      entries,
      Array.from({ length: 12 }, (_, i) => `e-${String(i + 1).padStart(4, '0')}`),
    );
  }
});

t.test(
  'a chain that has lost its end is not continued: the entries wait, and nothing covers the loss',
  async (t) => {
    const { db, audit, entries, heads } = await openAudit(t);
    await fill(db, 10);
    await audit.move();
    await entries.deleteMany({ _id: { $gt: 7 } });
    await tell(db, 'a', buildEntry({ id: 'next' }));
    await t.rejects(audit.move(), { name: 'AuditChainError', message: /Entry 10/ });
    t.equal(await audit.waiting(), 1);
    t.match((await audit.verify()).fault, { kind: 'cut-off', seq: 8 });
    await heads.deleteMany({});
    await t.rejects(audit.move(), { name: 'AuditChainError', message: /no head/ });

    t.match(await audit.accept('the disk of 25 November'), /no head/);
    t.equal(await audit.accept('again'), null, 'once');
    t.equal(await audit.move(), 1);
    t.match(await audit.verify(), { fault: null, entries: 9 });
    t.match(await entries.findOne({ _id: 8 }), {
      action: 'audit.loss-accepted',
      after: { seq: 7, reason: 'the disk of 25 November' },
    });
  },
);
