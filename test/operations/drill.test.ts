import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { manyRows, monthAt, running, type SheetRow, statement, wire } from '../contract/sheets.ts';
import { figuresOf, password, startSystem } from '../contract/support.ts';
import { removeKeys, startApiProcess, startWorkerProcess, until } from '../harness/processes.ts';
import {
  backupScript,
  hashesOf,
  restoreScript,
  runCommand,
  startCommand,
  temporaryFolder,
} from './support.ts';

t.setTimeout(400_000);
const system = await startSystem(t, { env: { UPLOAD_WAIT_MS: '10000' } });
const { platform, env } = system;
const months = [0, 1, 2].map(monthAt);

/** Everything that a front-end shows of the figures, as bytes. */
async function shown(base: string): Promise<string> {
  const login = await fetch(`${base}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'country@example.com', password }),
  });
  const headers = { authorization: `Bearer ${((await login.json()) as { token: string }).token}` };
  const paths = [
    ...[...months, running].map((month) => `/dashboard?month=${wire(month)}`),
    ...['/invoice-tracker', '/customers?page=2&limit=100', '/customers/M7/history', '/upload?limit=100'],
  ];
  const texts: string[] = [];
  for (const path of paths) {
    const answer = await fetch(`${base}/api${path}`, { headers });
    texts.push(`${path} ${answer.status} ${await answer.text()}`);
  }
  return texts.join('\n');
}

interface Attempt {
  nth: number;
  status: number;
  code: string | undefined;
  retryAfter: string | null;
}

/** Sends one write after the other until told to stop; each carries its number. */
function writing(send: (nth: number) => ReturnType<typeof system.call>) {
  const attempts: Attempt[] = [];
  let stopped = false;
  const done = (async () => {
    for (let nth = 1; !stopped; nth += 1) {
      const { status, body, headers } = await send(nth);
      attempts.push({ nth, status, code: body.code, retryAfter: headers.get('retry-after') });
      // Somebody who works fast; as fast as can be would only take the processors from what is tested.
      await delay(20);
    }
  })();
  const stop = async () => {
    stopped = true;
    await done;
  };
  return { attempts, stop };
}

/** A process that does not stand still, so that the pause lasts until it is taken away again. */
async function neverQuiet(): Promise<() => Promise<void>> {
  const processes = platform.db.collection('processes');
  const until = new Date(Date.now() + 600_000);
  const { insertedId } = await processes.insertOne({
    role: 'api',
    host: 'nowhere',
    pid: 1,
    quiet: null,
    until,
  });
  return async () => void (await processes.deleteOne({ _id: insertedId }));
}

const refusedIn = (attempts: readonly Attempt[]) => attempts.filter(({ code }) => code === 'MAINTENANCE');

t.test('60. drill: back up while people work, drop everything, restore → as it was', async (t) => {
  const rows: SheetRow[] = [...manyRows(3_000, 'mumbai'), ...manyRows(1_000, 'delhi', 'D')];
  for (const [nth, month] of months.entries()) {
    await system.take(
      month,
      rows.slice(nth * 100).map((row) => ({ ...row, amount: 100 + nth })),
    );
  }
  await system.take(running, rows);
  await system.put('country', '/customers/M7/assign-engineer', { engineerName: 'Eknath Engineer' });

  const notes = writing((nth) => system.put('country', '/customers/M1/notes', { newNotes: `note ${nth}` }));
  const marks = writing((nth) =>
    system.put('country', `/customers/M2/invoices/M-2/dispute`, {
      newStatus: nth % 2 ? 'dispute' : 'unpaid',
    }),
  );
  const uploads = writing(async (nth) => {
    const bytes = await statement(months[2]!, manyRows(20 + nth, 'pune', 'P'));
    return system.upload(bytes, wire(months[2]!), { who: 'country2', fields: { confirm: 'true' } });
  });
  await until('writes', () => [notes, marks, uploads].every(({ attempts }) => attempts.length > 3));

  const into = await temporaryFolder(t);
  const open = await neverQuiet();
  const backup = startCommand(t, backupScript, env, ['--into', into]);
  await until('the pause', async () => {
    const processes = await platform.db
      .collection('processes')
      .find({ host: { $ne: 'nowhere' } })
      .toArray();
    return refusedIn(notes.attempts).length > 0 && processes.every((each) => each.quiet !== null);
  });
  const before = { shown: await shown(system.base), hashes: await hashesOf(platform) };
  await open();
  t.equal(await backup.ended, 0, backup.said());
  t.comment(backup.said().trim().split('\n').at(-1));
  const since = notes.attempts.length;
  await until(
    'writes again',
    () => notes.attempts.slice(since).filter(({ status }) => status === 200).length > 3,
  );
  await until('uploads again', () => uploads.attempts.at(-1)?.status === 200);
  for (const each of [notes, marks, uploads]) await each.stop();

  for (const { attempts } of [notes, marks]) {
    const refused = refusedIn(attempts);
    t.ok(refused.length > 0);
    t.ok(
      refused.every(({ status, retryAfter }) => status === 503 && Number(retryAfter) > 0),
      'refused with a time',
    );
    t.same(
      attempts.filter(({ status, code }) => status !== 200 && code !== 'MAINTENANCE'),
      [],
    );
  }
  // A worker is asked before the API: an upload may be answered with 202 first, and is imported later.
  t.same(
    uploads.attempts.filter(({ status, code }) => ![200, 202].includes(status) && code !== 'MAINTENANCE'),
    [],
  );
  const lastBefore = notes.attempts[notes.attempts.indexOf(refusedIn(notes.attempts)[0]!) - 1]!;

  await Promise.all([system.api.end(), system.worker.end()]);
  await platform.db.dropDatabase();
  await rm(join(env.DATA_DIR!, 'files'), { recursive: true });
  await removeKeys(platform.redis, env.QUEUE_PREFIX!);

  const [name] = await readdir(into);
  const began = performance.now();
  const restore = await runCommand(t, restoreScript, env, [join(into, name!)]);
  t.equal(restore.code, 0, restore.said);
  t.comment(
    `restored in ${((performance.now() - began) / 1_000).toFixed(1)} s: ${restore.said.split('\n').at(-4)}`,
  );
  const after = await hashesOf(platform);
  // Who signed in during the pause, to look at the figures, did so after the backup had read that.
  const ofSignIns = ['users', 'sign_ins', 'sign_in_failures', 'migrations'];
  for (const [collection, hash] of Object.entries(before.hashes)) {
    if (!ofSignIns.includes(collection)) t.equal(after[collection], hash, collection);
  }

  const api = await startApiProcess(system.top, env);
  await startWorkerProcess(system.top, env);
  const base = String(api.up.url);
  const now = await shown(base);
  const queued = /"status":"(queued|processing)"/.test(before.shown);
  if (!queued) t.equal(now, before.shown, 'every byte as before');
  await until(
    'the uploads that waited',
    async () => !/"status":"(queued|processing)"/.test(await shown(base)),
  );
  const headers = { authorization: `Bearer ${system.tokens.country}` };
  const customer = await platform.db.collection('receivables_customers').findOne({ notes: /^note / });
  t.equal(
    customer?.notes,
    `note ${lastBefore.nth}`,
    'every write that was acknowledged, and none that was refused',
  );

  const form = new FormData();
  form.append('month', wire(months[1]!));
  form.append('confirm', 'true');
  form.append(
    'file',
    new Blob([new Uint8Array(await statement(months[1]!, manyRows(50, 'goa', 'G')))]),
    'new.xlsx',
  );
  const answer = await fetch(`${base}/api/upload`, { method: 'POST', headers, body: form });
  t.match(await answer.json(), { status: 'completed', counts: { inserted: 50 } });
  const dashboard = await fetch(`${base}/api/dashboard?month=${wire(months[1]!)}&region=goa`, { headers });
  t.match(figuresOf(await dashboard.json()), { total: 5_000_00 });
  await api.end();
});

t.test(
  '60. a backup killed in the middle: writes go on by themselves, and its torso is no backup',
  async (t) => {
    await startWorkerProcess(t, env);
    const api = await startApiProcess(t, env);
    const put = async () => {
      const answer = await fetch(`${api.up.url}/api/customers/M1/notes`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${system.tokens.country}`, 'content-type': 'application/json' },
        body: JSON.stringify({ newNotes: 'again' }),
      });
      const body = (await answer.json()) as { code?: string };
      return body.code ?? answer.status;
    };
    await until('the API', async () => (await put()) === 200);
    const into = await temporaryFolder(t);
    const open = await neverQuiet();
    const killed = startCommand(t, backupScript, env, ['--into', into]);
    await until('the pause', async () => (await put()) === 'MAINTENANCE');
    killed.child.kill('SIGKILL');
    await killed.ended;
    t.equal(await put(), 'MAINTENANCE', 'still held');
    const began = performance.now();
    await until('the end of the hold', async () => (await put()) === 200);
    t.comment(`writes went on ${((performance.now() - began) / 1_000).toFixed(1)} s after the kill`);
    await open();

    const [torso] = await readdir(into);
    t.match(torso, /\.partial$/);
    const refused = await runCommand(t, restoreScript, env, [join(into, torso!), '--replace', '--force']);
    t.equal(refused.code, 1);
    t.match(refused.said, /is no complete backup/);
    t.equal(await put(), 200, 'nobody was held for it');

    await until('the lease of the killed one to end', async () => {
      const { code, said } = await runCommand(t, backupScript, env, ['--into', into]);
      if (code !== 0 && !said.includes('another backup are under way')) throw new Error(said);
      return code === 0;
    });
    const left = await readdir(into);
    t.equal(left.length, 1);
    t.notMatch(left[0], /partial/, 'the torso is gone');

    // Restored under the running processes, with something that must not survive it.
    await put();
    const customers = platform.db.collection('receivables_customers');
    await customers.updateOne({ notes: 'again' }, { $set: { notes: 'entered after the backup' } });
    const stopFirst = await runCommand(t, restoreScript, env, [join(into, left[0]!), '--replace']);
    t.match(stopFirst, { code: 1, said: /Still running: API \(process \d+ on .*worker/ });
    const before = await hashesOf(platform);
    const forced = await runCommand(t, restoreScript, env, [join(into, left[0]!), '--replace', '--force']);
    t.equal(forced.code, 0, forced.said);
    t.not((await hashesOf(platform)).receivables_customers, before.receivables_customers);
    t.equal(await customers.countDocuments({ notes: 'entered after the backup' }), 0);
    await until('writes again', async () => (await put()) === 200);
  },
);

t.test(
  'a backup that is asked to end, or finds no space: one sentence, exit code 1, nobody held, nothing left',
  async (t) => {
    const into = await temporaryFolder(t);
    const open = await neverQuiet();
    const asked = startCommand(t, backupScript, env, ['--into', into]);
    const held = () =>
      platform.db
        .collection<{ _id: string; scope: string; until: Date }>('maintenance')
        .findOne({ _id: 'hold', until: { $gt: new Date() } });
    await until('the pause', async () => (await held())?.scope === 'writes');
    asked.child.kill('SIGTERM');
    t.equal(await asked.ended, 1);
    t.match(asked.said(), /\nBroken off; nothing of the backup is left\.\n$/);
    t.equal(await held(), null);
    t.same(await readdir(into), []);
    await open();

    // No file may grow beyond 512 bytes: what a full disk looks like from here.
    const full = startCommand(t, backupScript, env, ['--into', into], 'trap "" XFSZ; ulimit -f 1');
    t.equal(await full.ended, 1);
    t.match(full.said(), /^There is no space left for .*\.\n$/);
    t.equal(await held(), null);
    t.same(await readdir(into), []);
  },
);
