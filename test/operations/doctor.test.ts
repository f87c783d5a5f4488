import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createUserRepository, platformMigrations, runDoctorCommand } from '@backoffice/platform';
import { receivables } from '@backoffice/receivables';
import { systems } from '@backoffice/worker';
import t, { type Test } from 'tap';
import {
  openPlatform,
  ownEnvironment,
  startApiProcess,
  startWorkerProcess,
  until,
} from '../harness/processes.ts';
import { ownMongo, ownRedis } from './servers.ts';
import { backupScript, runCommand, temporaryFolder } from './support.ts';

// Whatever system is asked about: the database is that of all.
const migrations = [...platformMigrations, ...systems.flatMap((system) => system.migrations)];
const key = () => randomBytes(40).toString('base64');

/** Settings as they should be in production, beside what the test's own servers need. */
const production = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  NODE_ENV: 'production',
  JWT_SECRET: key(),
  AUDIT_KEY: key(),
  METRICS_TOKEN: key(),
  HOST: '0.0.0.0',
  CORS_ORIGINS: 'https://office.example.com',
  TRUST_PROXY: '10.0.0.1',
  DRAIN_MS: '500',
  RATE_LIMIT_PER_MINUTE: '6000',
  RATE_LIMIT_SIGN_IN_PER_MINUTE: '300',
  ...more,
});

interface Finding {
  check: string;
  state: string;
  says: string;
  advice?: string;
}

async function ask(env: NodeJS.ProcessEnv): Promise<{ code: number; found: Finding[] }> {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const code = await runDoctorCommand([receivables], migrations, ['--json'], say, env);
  return { code, found: JSON.parse(said.join('')) };
}

async function administrators(platform: Awaited<ReturnType<typeof openPlatform>>, count: number) {
  const users = createUserRepository(platform.db);
  for (let nth = 0; nth < count; nth += 1) {
    const memberships = { receivables: { role: 'Admin', region: null, department: null } };
    const email = `admin${nth}@example.com`;
    await users.upsertUser({ name: `Admin ${nth}`, email, passwordHash: 'x', contact: '', memberships });
  }
}

/** Finds exactly this fault in that check, and says what to do. */
async function expectFault(t: Test, env: NodeJS.ProcessEnv, check: string, says: RegExp, state = 'fault') {
  const { code, found } = await ask(env);
  const match = found.find((each) => each.check === check && each.state === state && says.test(each.says));
  t.ok(match, `${check}: ${says} in ${JSON.stringify(found.filter((each) => each.check === check))}`);
  if (state !== 'skipped') t.ok(match?.advice, 'what to do');
  if (state === 'fault') t.equal(code, 1);
  return found;
}

t.test('a deployment as it should be has no fault, and exit code 0', async (t) => {
  const redis = await ownRedis(t);
  const into = await temporaryFolder(t);
  const env = ownEnvironment(t, { ...production(), REDIS_URL: redis.url, BACKUP_DIR: into });
  const platform = await openPlatform(t, env);
  await administrators(platform, 2);
  const [api, worker] = await Promise.all([startApiProcess(t, env), startWorkerProcess(t, env)]);
  await until('both', async () => (await platform.db.collection('processes').countDocuments()) === 2);
  t.match(await runCommand(t, backupScript, env), { code: 0 });
  const { code, found } = await ask(env);
  t.same(
    found.filter(({ state }) => state === 'fault'),
    [],
  );
  t.equal(code, 0);
  for (const check of [
    'Node',
    'MongoDB',
    'Redis',
    'clocks',
    'migrations',
    'indexes',
    'processes',
    'queues',
    'audit',
  ]) {
    t.ok(
      found.some((each) => each.check === check && each.state === 'ok'),
      check,
    );
  }
  for (const check of ['administrators', 'backups', 'settings', 'files']) {
    t.ok(
      found.some((each) => each.check === check && each.state === 'ok'),
      check,
    );
  }

  let text = '';
  const say = (said: string) => {
    text = said;
  };
  await runDoctorCommand([receivables], migrations, [], say, env);
  t.match(text, /^ok {5}Node /);
  t.match(text, /\n0 faults, \d notes?$/);
  for (const secret of [env.JWT_SECRET!, env.AUDIT_KEY!, env.METRICS_TOKEN!]) t.notOk(text.includes(secret));
  const databases = await platform.client.db().admin().listDatabases({ nameOnly: true });
  const beside = databases.databases.filter(({ name }) =>
    name.startsWith(`${platform.db.databaseName}_doctor`),
  );
  t.same(beside, [], 'the database beside is gone');

  await worker.end('SIGKILL');
  await platform.db
    .collection('processes')
    .updateOne({ role: 'worker' }, [{ $set: { until: { $subtract: ['$$NOW', 1_000] } } }]);
  await expectFault(t, env, 'processes', /No worker gives a sign of life/);
  await expectFault(t, env, 'processes', /1 ended within the last hour/, 'note');
  const skewed = { clock: new Date(Date.now() + 60_000) };
  const own = { role: 'api', host: 'elsewhere', pid: 7, node: 'v20.19.0', store: 'another', ...skewed };
  const live = { seenAt: new Date(), until: new Date(Date.now() + 600_000) };
  await platform.db.collection('processes').insertOne({ ...own, ...live });
  await expectFault(t, env, 'processes', /clock of API \(process 7 on elsewhere\) is \d+ seconds ahead/);
  await expectFault(t, env, 'files', /DATA_DIR of API \(process 7 on elsewhere\) is another folder/);
  await expectFault(t, env, 'processes', /different versions of Node/, 'note');
  await api.end();
});

t.test('settings that do not let it start, or should not be in production', async (t) => {
  t.match(await ask({ JWT_SECRET: 'short', AUDIT_KEY: key() }), {
    code: 1,
    found: [{ check: 'settings', state: 'fault', says: /JWT_SECRET is too short/ }],
  });
  const faults: [NodeJS.ProcessEnv, RegExp, string?][] = [
    [{ JWT_SECRET: 'my very long secret password for this' }, /JWT_SECRET looks as if a person/],
    [{ AUDIT_KEY: 'a'.repeat(64) }, /AUDIT_KEY looks as if a person/],
    [{ CORS_ORIGINS: '' }, /CORS_ORIGINS lets pages of a developer's machine/],
    [{ TRUST_PROXY: '0.0.0.0/1' }, /TRUST_PROXY believes anybody/],
    [{ RATE_LIMIT_SIGN_IN_PER_MINUTE: '0' }, /RATE_LIMIT_SIGN_IN_PER_MINUTE is 0/],
    [{ MONGODB_URI: 'mongodb://db.example.com/x' }, /MONGODB_URI has no password/],
    [{ METRICS_TOKEN: '' }, /METRICS_TOKEN is empty/, 'note'],
    [{ DRAIN_MS: '0' }, /DRAIN_MS is 0/, 'note'],
    [{ HOST: '' }, /HOST is 127.0.0.1/, 'note'],
    [{ TRUST_PROXY: '' }, /TRUST_PROXY is empty/, 'note'],
    [{ JWT_SECRET_PREVIOUS: key() }, /JWT_SECRET_PREVIOUS is set/, 'note'],
    [{ NODE_ENV: 'development' }, /NODE_ENV is development/, 'note'],
    [{ SEED: 'admins', SEED_PASSWORD: 'something long' }, /SEED is admins/, 'note'],
  ];
  // Nothing listens there: the settings are looked at all the same, and the servers are complained of once.
  const away = { MONGODB_URI: 'mongodb://127.0.0.1:1/x', REDIS_URL: 'redis://127.0.0.1:1' };
  const good = (await ask(production(away))).found;
  t.match(
    good.find(({ check }) => check === 'settings'),
    { state: 'ok' },
  );
  t.match(
    good.find(({ check }) => check === 'MongoDB'),
    { state: 'fault', says: /Does not answer/ },
  );
  t.match(
    good.find(({ check }) => check === 'Redis'),
    { state: 'fault', says: /Does not answer/ },
  );
  t.equal(good.filter(({ state }) => state === 'fault').length, 2);
  for (const [env, says, state] of faults)
    await expectFault(t, production({ ...away, ...env }), 'settings', says, state);
});

t.test('Redis that evicts, keeps nothing on disk, or is full', async (t) => {
  const redis = await ownRedis(t, ['--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no']);
  const env = ownEnvironment(t, { REDIS_URL: redis.url });
  const platform = await openPlatform(t, env);
  await expectFault(t, env, 'Redis', /maxmemory-policy is allkeys-lru/);
  await expectFault(t, env, 'Redis', /keeps nothing on disk/, 'note');
  await platform.redis.config('SET', 'maxmemory-policy', 'noeviction');
  const used = Number(/^used_memory:(\d+)/m.exec(await platform.redis.info('memory'))?.[1]);
  await platform.redis.config('SET', 'maxmemory', String(Math.round(used * 1.15)));
  await expectFault(t, env, 'Redis', /\d+ % of its memory is used/);
});

t.test('MongoDB without a journal', async (t) => {
  const mongo = await ownMongo(t, ['--nojournal']).catch(() => null);
  // From 6.1 on there is none without.
  if (mongo === null) return void t.pass('this MongoDB always keeps one');
  const env = ownEnvironment(t, { MONGODB_URI: `${mongo.url}/nojournal` });
  await expectFault(t, env, 'MongoDB', /It keeps no journal/);
});

t.test('what is in the database: migrations, indexes, people, audit, jobs, uploads, backups', async (t) => {
  const env = ownEnvironment(t, { NODE_ENV: 'production' });
  const platform = await openPlatform(t, env);
  const { db } = platform;
  await expectFault(t, env, 'administrators', /Receivables has no active administrator/);
  await administrators(platform, 1);
  await expectFault(t, env, 'administrators', /one administrator only/, 'note');
  await expectFault(t, env, 'backups', /None was ever made/);
  await db
    .collection('backups')
    .insertOne({ kind: 'backup', at: new Date(Date.now() - 3 * 86_400_000), folder: '/b' });
  await expectFault(t, env, 'backups', /3 days old/);

  await db.collection('users').dropIndex('email_unique');
  await expectFault(t, env, 'indexes', /Missing: users\.email_unique\./);
  await db.collection('users').createIndex({ email: 1 }, { name: 'email_unique' });
  await expectFault(t, env, 'indexes', /Not as the migrations make them: users\.email_unique/);
  await db.collection('users').createIndex({ name: 1 }, { name: 'by hand' });
  await expectFault(t, env, 'indexes', /Not known here: users\.by hand/, 'note');

  const last = await db.collection<{ _id: string }>('migrations').findOneAndDelete({}, { sort: { _id: -1 } });
  await expectFault(t, env, 'migrations', new RegExp(`1 are missing, the first of them ${last?._id}`));
  await expectFault(t, env, 'indexes', /when all migrations are applied/, 'skipped');
  await db
    .collection<{ _id: string }>('migrations')
    .insertMany([{ _id: last!._id }, { _id: '20300101T0000_platform_x' }]);
  await expectFault(t, env, 'migrations', /of a newer version: 20300101T0000_platform_x/);

  const long = new Date(Date.now() - 3_600_000);
  const record = {
    system: 'receivables',
    status: 'queued',
    createdAt: long,
    lease: null,
    fileKey: '2026-01/'.padEnd(40, '0'),
  };
  await db.collection('uploads').insertOne(record);
  await expectFault(t, env, 'queues', /1 uploads of receivables are not finished/);
  await expectFault(t, env, 'files', /newest uploads 1 have no file/);
  const queue = platform.jobs.bullQueue('receivables');
  await queue.add('upload.sweep', {}, { timestamp: long.getTime() });
  await expectFault(t, env, 'queues', /The oldest job of receivables has waited for 60 minutes/);
  await queue.pause();
  await expectFault(t, env, 'queues', /receivables is paused/);

  await db
    .collection<{ _id: string }>('audit_head')
    .insertOne({ _id: 'head', seq: 3, hash: 'x', at: long, seal: 'x' } as never);
  await expectFault(t, env, 'audit', /sealed with another AUDIT_KEY/);
  const hold = { lasting: true, kind: 'restore', holder: 'process 1 on there', since: long, until: long };
  await db.collection<{ _id: string }>('maintenance').insertOne({ _id: 'hold', ...hold } as never);
  await expectFault(t, env, 'processes', /A restore \(process 1 on there/);
});

t.test('a store of files that cannot be written, or is another database’s', async (t) => {
  const env = ownEnvironment(t);
  await openPlatform(t, env);
  const folder = join(env.DATA_DIR!, 'files');
  await writeFile(folder, 'in the way');
  await expectFault(t, env, 'files', /files cannot be written \(EEXIST|ENOTDIR\)/);
  await rm(folder);
  await mkdir(folder);
  await writeFile(join(folder, 'database-id'), 'of another');
  await expectFault(t, env, 'files', /belong to another database/, 'note');
});
