import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createMongoClient, databaseOf } from '../src/mongo/client.ts';
import { runMigrateCommand } from '../src/mongo/migrate-cli.ts';
import { createMigrator, type Migration, pendingMigrations } from '../src/mongo/migrations.ts';
import { platformMigrations } from '../src/mongo/platform-migrations.ts';
import { slowMigrations } from './migrate-process.ts';
import { ownEnvironment, until } from './upload-support.ts';

async function openDatabase(t: Test) {
  const env = await ownEnvironment(t);
  const client = createMongoClient(env.MONGODB_URI!);
  const db = databaseOf(client, env.MONGODB_URI!);
  t.teardown(async () => {
    await db.dropDatabase();
    await client.close();
  });
  return { env, db };
}

function migrate(t: Test, env: NodeJS.ProcessEnv): ChildProcess {
  const script = fileURLToPath(new URL('migrate-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

t.test('60. three processes migrate at once: each step runs once', async (t) => {
  const { env, db } = await openDatabase(t);
  await db.collection<{ _id: string }>('gates').insertOne({ _id: 'open' });
  const children = [1, 2, 3].map(() => migrate(t, env));
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]));
  t.same(codes, [0, 0, 0]);
  const steps = await db.collection('steps').find().sort({ _id: 1 }).toArray();
  t.same(
    steps.map((step) => step.name),
    ['first', 'second', 'third'],
  );
  t.same(await pendingMigrations(db, slowMigrations), []);
});

t.test('60. killed midway: a rerun waits for the dead one’s lock to end, and completes', async (t) => {
  const { env, db } = await openDatabase(t);
  const first = migrate(t, env);
  await until('the second step to begin', () => db.collection('steps').findOne({ name: 'second' }));
  first.kill('SIGKILL');
  await once(first, 'exit');
  t.same((await pendingMigrations(db, slowMigrations)).length, 2, 'the step under way does not count');
  await db.collection<{ _id: string }>('gates').insertOne({ _id: 'open' });
  const second = migrate(t, env);
  t.same((await once(second, 'exit'))[0], 0);
  t.same(await pendingMigrations(db, slowMigrations), []);
  t.equal(await db.collection('steps').countDocuments({ name: 'first' }), 1);
  t.equal(await db.collection('steps').countDocuments({ name: 'second' }), 2, 'run anew from its beginning');
});

t.test('the platform’s own go up, down and up again; the address of a user is unique', async (t) => {
  const { db } = await openDatabase(t);
  const migrator = createMigrator(db, platformMigrations);
  const names = platformMigrations.map((each) => each.name).sort();
  t.same(await migrator.latest(), names);
  t.same(await migrator.latest(), []);
  t.match((await migrator.status())[0], { name: names[0], appliedAt: Date });
  for (const name of [...names].reverse()) t.equal(await migrator.rollback(), name);
  t.equal(await migrator.rollback(), null);
  t.same(await migrator.latest(), names);
  for (const { up } of platformMigrations) await up(db);
  const users = db.collection('users');
  await users.insertMany([{ name: 'a' }, { name: 'b' }, { email: 'x@example.com' }]);
  await t.rejects(users.insertOne({ email: 'x@example.com' }), { code: 11000 });
});

t.test('a fault in a step: earlier ones stay, the lock is free, the rest runs later', async (t) => {
  const { db } = await openDatabase(t);
  let broken = true;
  const build = (name: string, up = async () => {}): Migration => ({ name, up, down: async () => {} });
  const migrations = [
    build('20260102T0000_b', async () => {
      if (broken) throw new Error('no');
    }),
    build('20260101T0000_a'),
  ];
  const migrator = createMigrator(db, migrations);
  await t.rejects(migrator.latest(), { message: 'no' });
  t.same(await pendingMigrations(db, migrations), ['20260102T0000_b']);
  broken = false;
  t.same(await migrator.latest(), ['20260102T0000_b']);
  t.throws(() => createMigrator(db, [build('later')]), /not named like/);
  t.throws(() => createMigrator(db, [build('20260101T0000_a'), build('20260101T0000_a')]), /two migrations/);
  const older = createMigrator(db, [build('20260101T0000_a')]);
  await t.rejects(older.rollback(), { message: /does not know the migration 20260102T0000_b/ });
});

t.test('the command: latest, status, rollback, make, and help', async (t) => {
  const { db } = await openDatabase(t);
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const sets = [{ owner: 'platform', folder, migrations: platformMigrations }];
  const said: string[] = [];
  const run = (...args: string[]) => runMigrateCommand(db, sets, args, (line) => said.push(line));
  t.equal(await run('status'), 0);
  t.match(said.splice(0), [/^missing {2}2026/, /^missing/, /^missing/]);
  t.equal(await run('latest'), 0);
  t.equal(said.splice(0).length, platformMigrations.length);
  t.equal(await run('latest'), 0);
  t.match(said.splice(0), ['The database is up to date.']);
  t.equal(await run('rollback'), 0);
  t.match(said.splice(0), [/^rolled back/]);
  t.equal(await run('make', 'platform', 'more_indexes'), 0);
  const [file] = await readdir(folder);
  t.match(file, /^\d{8}T\d{4}_platform_more_indexes\.ts$/);
  t.match(await readFile(join(folder, file!), 'utf8'), `name: '${file?.slice(0, -3)}'`);
  for (const wrong of [[], ['up'], ['make'], ['make', 'nobody', 'x'], ['make', 'platform', '../x']]) {
    said.splice(0);
    t.equal(await run(...wrong), 2);
    t.match(said[0], /^Usage/);
  }
});
