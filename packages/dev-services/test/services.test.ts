import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { mongoAnswers, redisAnswers } from '../src/ping.ts';
import { isRunning, type ProcessMark, thisProcess } from '../src/processes.ts';
import { readRecord } from '../src/record.ts';
import { type Services, type ServicesOptions, startServices } from '../src/services.ts';

/** The environment without servers that others have configured. */
function ownServers(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { TEST_MONGODB_URI, TEST_REDIS_URL, MONGODB_URI, REDIS_URL, ...env } = process.env;
  return { ...env, ...more };
}

function scratch(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'backoffice-data-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function open(t: Test, options: Partial<ServicesOptions>): Promise<Services> {
  const services = await startServices({ log: () => {}, env: ownServers(), ...options });
  t.teardown(() => services.stop());
  return services;
}

const ports = ({ mongoUri, redisUrl }: Services) =>
  [Number(new URL(mongoUri).port), Number(new URL(redisUrl).port)] as const;

t.test('throw-away servers answer, and go with their directory', async (t) => {
  const services = await open(t, { ephemeral: true });
  const [mongo, redis] = ports(services);
  t.equal(await mongoAnswers(mongo), true);
  t.equal(await redisAnswers(redis), true);
  t.equal(await redisAnswers(mongo), false);
  const dir = services.dataDir!;
  t.ok(existsSync(join(dir, 'mongo')));
  const { processes } = readRecord(join(dir, 'services.json'))!;
  t.equal(processes.filter(isRunning).length, 2);
  await services.stop();
  t.same(processes.filter(isRunning), []);
  t.notOk(existsSync(dir));
});

t.test('servers with a directory keep it; one start at a time has it', async (t) => {
  const dataDir = scratch(t);
  const services = await open(t, { dataDir });
  t.match(services.mongoUri, /^mongodb:\/\/127\.0\.0\.1:\d+\/backoffice$/);
  t.equal(statSync(join(dataDir, 'mongo')).mode & 0o777, 0o700);
  await services.stop();
  t.same(readdirSync(dataDir).sort(), ['mongo', 'mongo.log', 'redis', 'redis.log']);
  const again = await open(t, { dataDir });
  t.equal(await mongoAnswers(ports(again)[0]), true);
});

t.test('a server that ends unasked is told', async (t) => {
  const services = await open(t, { ephemeral: true });
  const { processes } = readRecord(join(services.dataDir!, 'services.json'))!;
  // Servers alone do not keep a process alive.
  const alive = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(alive));
  process.kill(processes[1]!.pid, 'SIGKILL');
  t.match((await services.fault).message, /^Redis has ended \(exit SIGKILL\); see /);
});

t.test('configured servers are taken as they are; throw-away ones have settings of their own', async (t) => {
  const configured = { mongoUri: 'mongodb://db.example/x', redisUrl: 'redis://cache.example' };
  const env = { MONGODB_URI: configured.mongoUri, REDIS_URL: configured.redisUrl };
  t.match(await startServices({ log: () => {}, dataDir: '/nowhere', env }), configured);
  const test = { TEST_MONGODB_URI: configured.mongoUri, TEST_REDIS_URL: configured.redisUrl };
  t.match(await startServices({ log: () => {}, ephemeral: true, env: test }), configured);
  // Tests must never write into real data.
  const services = await open(t, { ephemeral: true, env: ownServers(env) });
  t.not(services.mongoUri, configured.mongoUri);
  t.not(services.redisUrl, configured.redisUrl);
});

t.test('throw-away servers whose starter is gone are stopped by the next start', async (t) => {
  const abandoned = await open(t, { ephemeral: true });
  const record = join(abandoned.dataDir!, 'services.json');
  const { processes } = readRecord(record)!;
  writeFileSync(record, JSON.stringify({ owner: { ...thisProcess(), mark: 'a killed one' }, processes }));
  await open(t, { ephemeral: true });
  t.same(processes.filter(isRunning), []);
  t.notOk(existsSync(abandoned.dataDir!));
});

t.test('breaking off leaves neither a server nor a directory', async (t) => {
  const tmp = scratch(t);
  const broken = new AbortController();
  const { TMPDIR } = process.env;
  process.env.TMPDIR = tmp;
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });
  const starting = startServices({
    ephemeral: true,
    log: () => {},
    env: ownServers(),
    signal: broken.signal,
  });
  let started: ProcessMark | undefined;
  const looking = setInterval(() => {
    const [dir] = readdirSync(tmp);
    if (dir) started ??= readRecord(join(tmp, dir, 'services.json'))?.processes[0];
    if (started) broken.abort(new Error('broken off'));
  }, 5);
  await t.rejects(starting, { message: 'broken off' });
  clearInterval(looking);
  t.ok(started, 'the first server was on its way');
  t.notOk(isRunning(started!));
  t.same(readdirSync(tmp), []);
});

t.test('a program that is none is one sentence', async (t) => {
  const dir = scratch(t);
  const env = ownServers({ MONGOMS_SYSTEM_BINARY: join(dir, 'mongod') });
  await t.rejects(open(t, { dataDir: dir, env }), {
    name: 'DevServicesError',
    message: `MONGOMS_SYSTEM_BINARY names ${join(dir, 'mongod')}, which is not a program.`,
  });
  writeFileSync(join(dir, 'mongod'), '#!/bin/sh\necho "no such thing" >&2\nexit 7\n', { mode: 0o755 });
  await t.rejects(open(t, { dataDir: dir, env }), {
    name: 'DevServicesError',
    message: `MongoDB ended before it answered (exit 7); see ${join(dir, 'mongo.log')}.`,
  });
});
