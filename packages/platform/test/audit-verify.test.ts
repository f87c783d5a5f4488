import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { runAuditCommand } from '../src/audit/audit-cli.ts';
import { canonical } from '../src/audit/canonical.ts';
import { hashOf, linked, noHash, signedHead } from '../src/audit/chain.ts';
import { auditKey, auditOf, buildEntry, fill, openAudit, tell } from './audit-support.ts';

t.setTimeout(120_000);
const count = 12;

/** A whole chain of twelve entries, and what a command says of it. */
async function opened(t: Parameters<typeof openAudit>[0]) {
  const open = await openAudit(t);
  await fill(open.db, count);
  await open.audit.move();
  const fault = async () => (await open.audit.verify()).fault;
  return { ...open, fault };
}

t.test('the seal is HMAC-SHA256 over the documented text', async (t) => {
  const { entries } = await opened(t);
  const { hash, ...sealed } = (await entries.findOne({ _id: 1 }))!;
  t.equal(sealed.prev, noHash);
  const text = `audit.entry.1\n${canonical(sealed)}`;
  t.equal(hash, createHmac('sha256', auditKey).update(text).digest('hex'));
  t.match(text, /"at":\{"\$date":"2026-11-01T00:00:00.000Z"\}/);
});

t.test('changed: any field of an entry, its hash, a field more', async (t) => {
  const { entries, fault } = await opened(t);
  for (const change of [
    { $set: { 'after.value': 999 } },
    { $set: { at: new Date('2026-10-01') } },
    { $set: { 'actor.name': 'Somebody Else' } },
    { $set: { entryId: 'another' } },
    { $set: { hash: 'f'.repeat(64) } },
    { $set: { prev: 'f'.repeat(64) } },
    { $set: { note: 'one more field' } },
    { $unset: { requestId: '' } },
  ]) {
    const before = (await entries.findOne({ _id: 5 }))!;
    await entries.updateOne({ _id: 5 }, change as never);
    t.match(await fault(), { kind: 'changed', seq: 5 }, JSON.stringify(change));
    await entries.replaceOne({ _id: 5 }, before);
  }
  t.equal(await fault(), null);
});

t.test('changed and sealed again by somebody who has not the key', async (t) => {
  const { entries, fault } = await opened(t);
  const entry = (await entries.findOne({ _id: 5 }))!;
  const forged = { ...entry, after: { value: 'forged' } };
  await entries.replaceOne({ _id: 5 }, { ...forged, hash: hashOf('x'.repeat(32), forged) });
  t.match(await fault(), { kind: 'changed', seq: 5 });
});

t.test('removed: from the middle, from the front, and with the others moved up', async (t) => {
  const { entries, fault } = await opened(t);
  const all = await entries.find().sort({ _id: 1 }).toArray();
  const restore = async () => {
    await entries.deleteMany({});
    await entries.insertMany(all);
  };
  await entries.deleteMany({ _id: { $in: [5, 6] } });
  t.match(await fault(), { kind: 'removed', seq: 5, sentence: 'Entries 5 to 6 were removed.' });
  await restore();
  await entries.deleteOne({ _id: 1 });
  t.match(await fault(), { kind: 'removed', seq: 1 });
  await restore();
  await entries.deleteMany({ _id: { $gte: 5 } });
  await entries.insertMany(all.slice(5).map((each) => ({ ...each, _id: each._id - 1 })));
  t.match(await fault(), { kind: 'removed', seq: 5 });
});

t.test('inserted: with a number of its own, between two, and with the others moved down', async (t) => {
  const { entries, fault } = await opened(t);
  const all = await entries.find().sort({ _id: 1 }).toArray();
  const forged = { ...all[4]!, entryId: 'forged', after: { value: 'forged' } };
  for (const [_id, seq] of [
    [5.5, 5.5],
    ['5', 13],
    [Number.NaN, 13],
    [-1, -1],
  ] as const) {
    await entries.insertOne({ ...forged, _id: _id as number });
    t.match(await fault(), { kind: 'inserted', seq }, String(_id));
    await entries.deleteOne({ entryId: 'forged' });
  }
  await entries.deleteMany({ _id: { $gte: 5 } });
  await entries.insertMany([forged, ...all.slice(4).map((each) => ({ ...each, _id: each._id + 1 }))]);
  t.match(await fault(), { kind: 'inserted', seq: 5 });
});

t.test('appended at the end without the key', async (t) => {
  const { entries, fault } = await opened(t);
  const [forged] = linked('x'.repeat(32), [buildEntry()], {
    seq: count,
    hash: (await entries.findOne({ _id: count }))!.hash,
  });
  await entries.insertOne(forged!);
  t.match(await fault(), { kind: 'changed', seq: count + 1 });
});

t.test('reordered: two neighbours, and two that lie apart', async (t) => {
  const { entries, fault } = await opened(t);
  for (const [a, b] of [
    [5, 6],
    [3, 9],
  ] as const) {
    const [first, second] = [(await entries.findOne({ _id: a }))!, (await entries.findOne({ _id: b }))!];
    await entries.deleteMany({ _id: { $in: [a, b] } });
    await entries.insertMany([
      { ...second, _id: a },
      { ...first, _id: b },
    ]);
    t.match(await fault(), { kind: 'reordered', seq: a }, `${a} and ${b}`);
    await entries.deleteMany({ _id: { $in: [a, b] } });
    await entries.insertMany([first, second]);
  }
  t.equal(await fault(), null);
});

t.test('cut off: the last ones, all of them, and with the head', async (t) => {
  const { entries, heads, audit, fault } = await opened(t);
  const given = await audit.head();
  await entries.deleteMany({ _id: { $gt: 10 } });
  t.match(await fault(), { kind: 'cut-off', seq: 11, sentence: 'Entries 11 to 12 are missing at the end.' });
  await heads.deleteMany({});
  t.match(await fault(), { kind: 'head' });
  const end = (await entries.findOne({ _id: 10 }))!;
  const forged = signedHead('x'.repeat(32), { seq: 10, hash: end.hash }, new Date());
  await heads.insertOne({ _id: 'head', ...forged });
  t.match(await fault(), { kind: 'head', seq: 10 });
  await entries.deleteMany({});
  await heads.deleteMany({});
  t.equal(await fault(), null, 'nothing inside of the database says that there was anything');
  t.match(
    (await audit.verify({ head: given })).fault,
    { kind: 'cut-off', seq: 1 },
    'a head kept elsewhere does',
  );
});

t.test('rolled back behind a head that was exported, and continued or not', async (t) => {
  const { db, entries, heads, audit } = await opened(t);
  const old = (
    await entries
      .find({ _id: { $lte: 8 } })
      .sort({ _id: 1 })
      .toArray()
  ).at(-1)!;
  const given = await audit.head();
  t.match(await audit.verify({ head: given }), { fault: null, compared: 'found' });
  // With the key, or with a backup: chain and head of an earlier moment.
  await entries.deleteMany({ _id: { $gt: 8 } });
  await heads.replaceOne({ _id: 'head' }, signedHead(auditKey, { seq: 8, hash: old.hash }, new Date()));
  t.equal((await audit.verify()).fault, null, 'by itself it is whole');
  t.match((await audit.verify({ head: given })).fault, { kind: 'cut-off', seq: 9 });
  for (let i = 0; i < 10; i += 1) await tell(db, 'a', buildEntry());
  await audit.move();
  t.equal((await audit.verify()).fault, null);
  t.match((await audit.verify({ head: given })).fault, { kind: 'rolled-back', seq: count });
  const changed = { ...given, seq: 3 };
  t.match((await audit.verify({ head: changed })).fault, { kind: 'head' }, 'a head that was changed');
});

t.test('sealed again as a whole with another key', async (t) => {
  const { db, entries, heads, fault } = await opened(t);
  const other = 'y'.repeat(40);
  const all = await entries.find().sort({ _id: 1 }).toArray();
  const again = linked(
    other,
    all.map(({ _id, entryId, prev, hash, ...facts }) => ({ id: entryId, ...facts })),
    { seq: 0, hash: noHash },
  );
  await entries.deleteMany({});
  await entries.insertMany(again);
  t.match(await fault(), { kind: 'changed', seq: 1 });
  await heads.replaceOne(
    { _id: 'head' },
    signedHead(other, { seq: count, hash: again.at(-1)!.hash }, new Date()),
  );
  t.match(await fault(), { kind: 'other-key', seq: 1 });
  t.equal((await auditOf(db, () => new Date(), other).verify()).fault, null, 'who has the key can do it');
});

t.test('entries that are added while it is verified do no harm', async (t) => {
  const { db, audit } = await opened(t);
  let telling = true;
  const work = (async () => {
    while (telling) {
      await tell(db, 'a', buildEntry());
      await audit.move();
    }
  })();
  for (let i = 0; i < 15; i += 1) t.equal((await audit.verify()).fault, null);
  telling = false;
  await work;
});

const day = 24 * 3_600_000;

t.test('retention: the oldest go for a signed checkpoint, from which the proof goes on', async (t) => {
  let now = new Date('2026-11-20T00:00:00.000Z');
  const { db, audit, entries, checkpoints } = await openAudit(t, () => now);
  await fill(db, 10, new Date('2026-11-01T00:00:00.000Z'));
  await fill(db, 0);
  for (let i = 0; i < 5; i += 1) {
    await tell(db, 'young', buildEntry({ id: `y-${i}`, at: new Date(Date.UTC(2026, 10, 15, i)) }));
  }
  await audit.move();
  const early = await audit.head();
  t.equal(await audit.retain(0), 0, '0: never');
  t.equal(await audit.retain(30), 0, 'nothing is as old');
  t.equal(await audit.retain(10), 10);
  t.equal(await entries.countDocuments(), 5);
  t.match(await checkpoints.find().toArray(), [
    { _id: 10, count: 10, days: 10, previous: 0, hash: /^[0-9a-f]{64}$/ },
  ]);
  t.match(await audit.verify(), { fault: null, from: 11, entries: 5, checkpoint: { _id: 10 } });
  t.match(await audit.verify({ head: early }), { fault: null, compared: 'found' });
  t.equal(await audit.retain(10), 0, 'once a day at the most');
  now = new Date(now.getTime() + 10 * day);
  t.equal(await audit.retain(10), 4, 'the last one stays: the next continues from it');
  t.match(await audit.verify(), { fault: null, from: 15, entries: 1 });
  await tell(db, 'a', buildEntry());
  await audit.move();
  t.match(await audit.verify(), { fault: null, from: 15, entries: 2 });

  const [first, second] = await checkpoints.find().sort({ _id: 1 }).toArray();
  await checkpoints.deleteOne({ _id: second!._id });
  t.match((await audit.verify()).fault, { kind: 'removed', seq: 11 }, 'a checkpoint that is gone');
  await checkpoints.insertOne({ ...second!, count: 3 });
  t.match((await audit.verify()).fault, { kind: 'checkpoint', seq: second!._id }, 'one that was changed');
  await checkpoints.replaceOne({ _id: second!._id }, second!);
  await checkpoints.deleteOne({ _id: first!._id });
  t.match((await audit.verify()).fault, { kind: 'checkpoint' }, 'an earlier one that is gone');
});

t.test('retention: killed between checkpoint and removal, the next run removes the rest', async (t) => {
  const now = new Date('2026-11-20T00:00:00.000Z');
  const { db, audit, entries, checkpoints } = await openAudit(t, () => now);
  await fill(db, 10);
  await tell(db, 'young', buildEntry({ at: now }));
  await audit.move();
  const kept = await entries.find({ _id: { $gte: 4, $lte: 10 } }).toArray();
  t.equal(await audit.retain(10), 10);
  await entries.insertMany(kept);
  t.match(await audit.verify(), { fault: null, from: 11, entries: 1 }, 'what is to go does no harm');
  await entries.updateOne({ _id: 6 }, { $set: { action: 'forged' } });
  t.match((await audit.verify()).fault, { kind: 'inserted', seq: 6 }, 'but nothing can be slipped in there');
  await audit.retain(10);
  t.equal(await entries.countDocuments(), 1);
  t.equal(await checkpoints.countDocuments(), 1);
});

t.test('retention does not cover up what was changed', async (t) => {
  const now = new Date('2026-11-20T00:00:00.000Z');
  const { db, audit, entries, checkpoints } = await openAudit(t, () => now);
  await fill(db, 10);
  await tell(db, 'young', buildEntry({ at: now }));
  await audit.move();
  await entries.updateOne({ _id: 4 }, { $set: { 'after.value': 'forged' } });
  await t.rejects(audit.retain(10), { name: 'AuditChainError', message: /Entry 4/ });
  t.equal(await entries.countDocuments(), 11);
  t.equal(await checkpoints.countDocuments(), 0);
});

t.test('the command: what it says, and its exit codes', async (t) => {
  const { db, audit, entries } = await opened(t);
  const folder = await mkdtemp(join(tmpdir(), 'audit-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const run = async (...args: string[]) => {
    const said: string[] = [];
    const noted: string[] = [];
    const code = await runAuditCommand(
      audit,
      args,
      (each) => said.push(each),
      (each) => noted.push(each),
    );
    return { code, said: said.join('\n'), noted: noted.join('\n') };
  };
  t.match(await run('verify'), { code: 0, said: /whole: 12 entries from 1 on.\nNothing waits/ });
  const head = await run('head');
  const file = join(folder, 'head.json');
  await writeFile(file, head.said);
  t.match(await run('verify', '--head', file), { code: 0, said: /holds the head of entry 12/ });
  await tell(db, 'a', buildEntry());
  t.match(await run('verify'), { code: 0, said: /1 entry still in the outboxes/ });
  t.match(await run('move'), { code: 0, said: '1 entry moved into the chain.' });
  await entries.updateOne({ _id: 7 }, { $set: { action: 'forged' } });
  t.match(await run('verify'), { code: 1, said: /NOT whole. First at entry 7 \(changed\)/ });
  await writeFile(file, '{"seq": "x"}');
  await t.rejects(run('verify', '--head', file), { message: /no exported head/ });
  for (const args of [[], ['verify', '--other'], ['drop']])
    t.match(await run(...args), { code: 2, noted: /Usage/ });
});
