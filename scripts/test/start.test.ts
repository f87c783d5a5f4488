import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import t from 'tap';
import { freePort, leftIn, partsOf, startSystem } from './start-support.ts';
import { processesWith, run, scratch, until } from './support.ts';

const skip = process.platform === 'linux' ? false : 'processes are looked up in /proc';
const kept = [
  'api-env.json',
  'audit-key',
  'jwt-secret',
  'logs',
  'mongo',
  'mongo.log',
  'redis',
  'redis.log',
  'seed-password',
];

t.test('starts, tells what one needs, and finds its data again', { skip }, async (t) => {
  const first = await startSystem(t, { env: { WORKER_CONCURRENCY: '7' } });
  const { dataDir, port } = first;
  await first.ready();
  const shown = first.output();
  for (const phase of ['1/4 services', '2/4 migrations', '3/4 API and worker', '4/4 data: SEED=demo']) {
    t.match(shown, phase);
  }
  t.match(shown, 'migrated: latest');
  t.match(shown, 'start number 1');
  t.match(shown, `http://127.0.0.1:${port}/api`);
  t.match(shown, 'admin@example.com');
  t.notMatch(shown, 'a line of the log', 'the logs are in files');
  t.match(readFileSync(`${dataDir}/logs/api.log`, 'utf8'), 'a line of the log');
  const password = readFileSync(`${dataDir}/seed-password`, 'utf8').trim();
  t.match(shown, `Password of every login: ${password}`);
  for (const name of ['seed-password', 'jwt-secret', 'audit-key']) {
    t.equal(statSync(`${dataDir}/${name}`).mode & 0o777, 0o600, name);
  }
  const env = JSON.parse(readFileSync(`${dataDir}/api-env.json`, 'utf8'));
  t.match(env, { SYSTEMS: 'one', WORKER_CONCURRENCY: '7', SEED: 'demo', NODE_ENV: 'development' });
  t.ok(Buffer.byteLength(env.JWT_SECRET) >= 32);
  t.ok(Buffer.byteLength(env.AUDIT_KEY) >= 32);

  first.child.kill('SIGINT');
  t.match(await first.ended, { code: 0, signal: null });
  t.same([...processesWith(dataDir), ...partsOf(dataDir)], [], 'no process is left');
  t.same(leftIn(dataDir), kept, 'no temporary file is left');

  const began = performance.now();
  const second = await startSystem(t, { dataDir, port });
  await second.ready();
  t.ok(performance.now() - began < 30_000, 'within seconds, five-fold slack');
  t.match(second.output(), 'start number 2');
  t.match(second.output(), `Password of every login: ${password}`);
  second.child.kill('SIGTERM');
  t.match(await second.ended, { code: 0 });
  t.same([...processesWith(dataDir), ...partsOf(dataDir)], []);
  t.same(leftIn(dataDir), kept);
});

t.test('every system of the build is started, with its address and its logins', { skip }, async (t) => {
  const [first, second] = [await freePort(), await freePort()];
  const env = { SYSTEMS: '', TWO_PORT: String(second) };
  const { child, ended, ready, output } = await startSystem(t, { port: first, env });
  await ready();
  const [, shown = ''] = output().split('ready\n');
  const rows = shown.split('\n').filter((line) => !/Logs|Password/.test(line));
  t.same(rows.slice(0, 11), [
    '',
    `  System One     http://127.0.0.1:${first}/api`,
    `  API reference  http://127.0.0.1:${first}/docs`,
    `  Second         http://127.0.0.1:${second}`,
    `  API reference  http://127.0.0.1:${second}/docs`,
    '',
    '  System One',
    '    admin@example.com              Admin',
    '    clerk@example.com              Clerk',
    '',
    '  Ctrl-C stops everything; the data stays.',
  ]);
  child.kill('SIGINT');
  t.match(await ended, { code: 0 });
});

t.test('after a hard kill of the starter the next start tidies up and goes on', { skip }, async (t) => {
  const first = await startSystem(t);
  const { dataDir, port } = first;
  await first.ready();
  first.child.kill('SIGKILL');
  await first.ended;
  const left = [...processesWith(dataDir), ...partsOf(dataDir)];
  t.equal(left.length, 4, 'API, worker, MongoDB, Redis live on and hold port and locks');
  const second = await startSystem(t, { dataDir, port });
  await second.ready();
  t.match(second.output(), 'stopped 2 processes that an earlier start left behind');
  t.match(second.output(), 'start number 2');
  const alive = [...processesWith(dataDir), ...partsOf(dataDir)];
  t.same(
    alive.filter((pid) => left.includes(pid)),
    [],
  );
  second.child.kill('SIGINT');
  t.match(await second.ended, { code: 0 });
  t.same(leftIn(dataDir), kept);
});

t.test('a kill of everything at once leaves what the next start can read', { skip }, async (t) => {
  const first = await startSystem(t);
  const { dataDir } = first;
  await first.ready();
  first.child.kill('SIGKILL');
  for (const pid of [...processesWith(dataDir), ...partsOf(dataDir)]) process.kill(pid, 'SIGKILL');
  await first.ended;
  const second = await startSystem(t, { dataDir });
  await second.ready();
  t.match(second.output(), 'start number 2');
  second.child.kill('SIGINT');
  t.match(await second.ended, { code: 0 });
});

t.test('breaking off early leaves nothing running', { skip }, async (t) => {
  for (const [when, env] of [
    ['1/4 services', {}],
    ['migrated: latest', { STAND_IN: 'migration-hangs' }],
    ['3/4 API and worker', {}],
  ] as const) {
    const system = await startSystem(t, { env });
    await until(when, () => system.output().includes(when));
    system.child.kill('SIGTERM');
    t.match(await system.ended, { code: 0 }, when);
    t.same([...processesWith(system.dataDir), ...partsOf(system.dataDir)], [], when);
    const temporary = /lock|json$|new$|\.fetch/;
    t.same(
      leftIn(system.dataDir).filter((name) => temporary.test(name) && name !== 'api-env.json'),
      [],
      when,
    );
  }
});

t.test('of two starts at once on the same data one says that the other runs', { skip }, async (t) => {
  const dataDir = `${scratch(t)}/data`;
  const port = await freePort();
  const both = [await startSystem(t, { dataDir, port }), await startSystem(t, { dataDir, port })];
  const loser = await Promise.race(both.map(async (one) => ({ one, end: await one.ended })));
  t.equal(loser.end.code, 1);
  t.match(loser.end.output, /^A start on .+ is already running \(process \d+\)\.\n$/);
  const winner = both.find((one) => one !== loser.one)!;
  await winner.ready();
  winner.child.kill('SIGINT');
  t.match(await winner.ended, { code: 0 });
});

t.test('a busy port is said at once', async (t) => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { ended, dataDir } = await startSystem(t, { port });
  const { code, output } = await ended;
  t.equal(code, 1);
  t.equal(
    output,
    `Port ${port} is in use by another program: stop that one or set ONE_PORT to a free port.\n`,
  );
  t.same(leftIn(dataDir), []);
});

t.test('a part that fails, or ends later, ends the start with its last words', { skip }, async (t) => {
  for (const [STAND_IN, sentence] of [
    ['api-fails', /\nThe API cannot start: it is only a stand-in\. \(the log is .+api\.log\)\n$/],
    ['worker-ends', /\nThe worker has ended; the log is .+worker\.log\.\n$/],
  ] as const) {
    const { ended, dataDir } = await startSystem(t, { env: { STAND_IN } });
    const { code, output } = await ended;
    t.equal(code, 1, STAND_IN);
    t.match(output, sentence, STAND_IN);
    t.same([...processesWith(dataDir), ...partsOf(dataDir)], [], STAND_IN);
  }
});

t.test('a server that ends under a running system ends the start', { skip }, async (t) => {
  const { ended, dataDir, ready } = await startSystem(t);
  await ready();
  process.kill(processesWith(`${dataDir}/mongo`)[0]!, 'SIGKILL');
  const { code, output } = await ended;
  t.equal(code, 1);
  t.match(output, /\nMongoDB has ended \(exit SIGKILL\); see .+mongo\.log\.\n$/);
  t.same([...processesWith(dataDir), ...partsOf(dataDir)], []);
});

t.test('when nobody reads its output any more, it stops', { skip }, async (t) => {
  const { child, ended, dataDir, output } = await startSystem(t);
  await until('it starts', () => output().includes('1/4 services'));
  child.stdout?.destroy();
  t.match(await ended, { code: 0 });
  t.same([...processesWith(dataDir), ...partsOf(dataDir)], []);
});

t.test('settings that cannot be are one sentence', async (t) => {
  for (const [env, sentence] of [
    [{ ONE_PORT: 'many' }, 'ONE_PORT is many; it must be from 1 to 65535.\n'],
    [{ SYSTEMS: 'one, three' }, 'SYSTEMS names three; this build has one, two.\n'],
    [{ SYSTEMS: '', ONE_PORT: '4711', TWO_PORT: '4711' }, 'ONE_PORT and TWO_PORT are both 4711.\n'],
    [{ SEED: 'some' }, 'SEED is some; it must be one of demo, admins, none.\n'],
    [
      { NODE_ENV: 'production' },
      'SEED=demo is refused where NODE_ENV=production: set SEED to admins or none.\n',
    ],
  ] as const) {
    const { code, output } = await (await startSystem(t, { env })).ended;
    t.equal(output, sentence);
    t.equal(code, 1);
  }
});

t.test('options: help is printed, others are refused', async (t) => {
  const help = await run(t, process.execPath, ['scripts/start.mjs', '--help']).ended;
  t.equal(help.code, 0);
  t.match(help.output, '<NAME>_PORT');
  const wrong = await run(t, process.execPath, ['scripts/start.mjs', '--wach']).ended;
  t.equal(wrong.code, 1);
  t.equal(wrong.output, '--wach is no option; npm start -- --help tells which there are.\n');
});
