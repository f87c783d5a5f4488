import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ModuleSeed, SeedContext } from '@backoffice/platform';
import t, { type Test } from 'tap';
import { createSeedMarker } from '../src/seed/marker.ts';
import { createProgress } from '../src/seed/progress.ts';
import { runSeed } from '../src/seed/seed.ts';
import { openPlatform, programOf, seedEnv } from './seed-support.ts';

t.setTimeout(120_000);

/** Runs the command as the start does. */
async function runCommand(t: Test, env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, programOf('apps/worker/src/seed/main.ts'), {
    env: { ...process.env, ...seedEnv(t, env) },
  });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, output };
}

const membership = { role: 'Admin', region: null, department: null };
const admin = { email: 'admin@example.com', name: 'Ada', contact: '', membership };

function buildSeed(demo: ModuleSeed['demo'] = async () => undefined): ModuleSeed {
  return { system: 'receivables', administrators: () => [admin], demoUsers: () => [admin], logins: [], demo };
}

const silent = { write: () => undefined };
const never = new AbortController().signal;

t.test('demo data is refused in production, in one sentence', async (t) => {
  const { code, output } = await runCommand(t, { NODE_ENV: 'production', SEED: 'demo' });
  t.equal(code, 1);
  t.equal(output, 'SEED=demo is refused where NODE_ENV=production.\n');
});

t.test('without a password, and without a database, the seed says so in one sentence', async (t) => {
  const missing = await runCommand(t, { SEED: 'admins', SEED_PASSWORD: '' });
  t.equal(missing.code, 1);
  t.equal(missing.output, 'SEED_PASSWORD is missing; SEED=admins needs it.\n');
  const away = await runCommand(t, { SEED: 'admins', MONGODB_URI: 'mongodb://127.0.0.1:9/none' });
  t.equal(away.code, 1);
  t.match(away.output, /^The seed failed: [^\n]+\n$/);
});

t.test('SEED=none does nothing; admins makes the administrators and no data', async (t) => {
  for (const [seed, users] of [
    ['none', 0],
    ['admins', 1],
  ] as const) {
    const platform = await openPlatform(t, { SEED: seed });
    const module = buildSeed(async () => void t.fail('no demo data was asked for'));
    await runSeed({ platform, seeds: [module], systems: [], output: silent, signal: never });
    t.equal(await platform.db.collection('users').countDocuments(), users, seed);
  }
});

t.test('a module’s demo data gets the day of the business, its marker and a folder', async (t) => {
  const platform = await openPlatform(t, { TIME_ZONE: 'Asia/Kolkata' });
  let seen: SeedContext | undefined;
  const module = buildSeed(async (context) => {
    seen = context;
    await context.marker.begin(1, { from: '2025-04' });
  });
  // Half past eight in the evening in London is the next day in India.
  const clock = () => new Date('2026-03-31T20:30:00Z');
  await runSeed({
    platform: { ...platform, clock },
    seeds: [module],
    systems: [],
    output: silent,
    signal: never,
  });
  t.equal(new Date(seen!.today * 86_400_000).toISOString().slice(0, 10), '2026-04-01');
  t.equal(seen!.dir, join(platform.config.DATA_DIR, 'demo'));
  t.same(
    await createSeedMarker(platform.db, 'receivables', clock)
      .find()
      .then((state) => state?.facts),
    {
      from: '2025-04',
    },
  );
});

t.test('the marker keeps what is done when it goes on', async (t) => {
  const { db } = await openPlatform(t);
  const marker = createSeedMarker(db, 'receivables', () => new Date());
  t.equal(await marker.find(), null);
  await marker.begin(1, { today: '2026-01-31' });
  await marker.markDone('a');
  await marker.markDone('a');
  await marker.finish();
  t.match(await marker.find(), { version: 1, facts: { today: '2026-01-31' }, finished: true });
  t.same((await marker.find())?.done, ['a']);
  await marker.begin(1, { today: '2026-02-01' });
  t.match(await marker.find(), { facts: { today: '2026-02-01' }, finished: false });
  t.same((await marker.find())?.done, ['a']);
});

t.test('progress is a bar in a terminal and a few plain lines elsewhere', async (t) => {
  const written: string[] = [];
  const write = (text: string) => written.push(text);
  const bar = createProgress({ isTTY: true, write });
  bar.progress('statements', 10, 20, 'Jan-26');
  bar.progress('statements', 20, 20);
  bar.say('done');
  t.equal(
    written.join(''),
    '\r\u001b[K  statements   ████████████░░░░░░░░░░░░ 10/20 Jan-26' +
      '\r\u001b[K  statements   ████████████████████████ 20/20 \n  done\n',
  );
  written.length = 0;
  const plain = createProgress({ write });
  for (let done = 0; done <= 500; done += 1) plain.progress('engineers', done, 500);
  t.equal(written.length, 5);
  t.equal(written[0], '  engineers    100/500\n');
});
