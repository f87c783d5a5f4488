import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { takeLock } from '../src/lock.ts';
import { assertPortFree, freePort } from '../src/ports.ts';
import { isRunning, markProcess, stopProcess, thisProcess } from '../src/processes.ts';
import { readRecord, stopLeftovers, writeRecord } from '../src/record.ts';

function scratch(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'backoffice-locks-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A process that says when it is there; `stubborn` ones do not end when asked to. */
async function sleeper(t: Test, { stubborn = false } = {}) {
  const mark = `sleeper-${Math.random()}`;
  const ignore = stubborn ? `process.on('SIGTERM', () => {});` : '';
  const child = spawn(process.execPath, ['-e', `${ignore} setInterval(() => {}, 1e3); console.log()`, mark]);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return { child, mark: markProcess(child.pid!, mark) };
}

t.test('a lock is held by one process and given back', async (t) => {
  const file = join(scratch(t), 'lock');
  const unlock = takeLock(file, 'A start');
  t.throws(() => takeLock(file, 'A start'), {
    name: 'DevServicesError',
    message: `A start is already running (process ${process.pid}).`,
  });
  unlock();
  t.same(readdirSync(join(file, '..')), []);
  takeLock(file, 'A start')();
});

t.test('a lock whose owner was killed, or that is broken, is taken over', async (t) => {
  const dir = scratch(t);
  const file = join(dir, 'lock');
  const { child, mark } = await sleeper(t);
  writeFileSync(file, JSON.stringify(mark));
  t.throws(() => takeLock(file, 'A start'), { message: /already running/ });
  child.kill('SIGKILL');
  await once(child, 'exit');
  takeLock(file, 'A start');
  t.equal(JSON.parse(readFileSync(file, 'utf8')).pid, process.pid);
  t.same(readdirSync(dir), ['lock']);
  for (const broken of ['', '{"pid":', 'null']) {
    writeFileSync(file, broken);
    takeLock(file, 'A start')();
  }
});

t.test('of many processes that want it at once one gets the lock', async (t) => {
  const file = join(scratch(t), 'lock');
  writeFileSync(file, JSON.stringify({ pid: 999_999_999, mark: 'long gone' }));
  const script = `import { takeLock } from ${JSON.stringify(new URL('../src/lock.ts', import.meta.url).href)};
    try { takeLock(${JSON.stringify(file)}, 'It'); console.log('got'); } catch (e) { console.log(e.message); }
    process.stdin.resume();`;
  const children = Array.from({ length: 5 }, () =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]),
  );
  t.teardown(() => children.map((child) => child.kill('SIGKILL')));
  const said = await Promise.all(
    children.map(async (child) => {
      child.stderr.setEncoding('utf8').on('data', (text) => t.comment(text));
      return String((await once(child.stdout, 'data'))[0]).trim();
    }),
  );
  t.equal(said.filter((text) => text === 'got').length, 1, said.join('; '));
  t.equal(said.filter((text) => /^It is already running/.test(text)).length, 4);
  for (const child of children) child.stdin.end();
});

t.test('a process is known by its command line and its beginning, not by its number alone', async (t) => {
  const { mark } = await sleeper(t);
  t.ok(isRunning(mark));
  t.notOk(isRunning({ ...mark, mark: 'another' }));
  if (mark.since !== undefined) t.notOk(isRunning({ ...mark, since: '1' }));
  t.notOk(isRunning({ pid: mark.pid, mark: '' }));
  t.ok(isRunning(thisProcess()));
});

t.test('a process is asked to end, and ended when it does not', async (t) => {
  const obedient = await sleeper(t);
  t.equal(await stopProcess(obedient.mark, 10_000), true);
  const stubborn = await sleeper(t, { stubborn: true });
  t.equal(await stopProcess(stubborn.mark, 100), false);
  t.notOk(isRunning(stubborn.mark));
});

t.test('what a record names is stopped; a number that somebody else has now is left alone', async (t) => {
  const file = join(scratch(t), 'run.json');
  const left = await sleeper(t);
  const other = await sleeper(t);
  const reused = { pid: other.mark.pid, mark: 'what had the number before' };
  writeRecord(file, { owner: thisProcess(), processes: [left.mark, reused] });
  t.equal(await stopLeftovers(file), 1);
  t.notOk(isRunning(left.mark));
  t.ok(isRunning(other.mark));
});

t.test('half a record names nobody; one that cannot be written is one sentence', async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'half'), '{"owner":{"pid"');
  t.equal(readRecord(join(dir, 'half')), undefined);
  t.equal(await stopLeftovers(join(dir, 'half')), 0);
  t.throws(() => writeRecord(join(dir, 'nowhere', 'run.json'), { owner: thisProcess(), processes: [] }), {
    name: 'DevServicesError',
    message: `The directory ${join(dir, 'nowhere')} cannot be written (ENOENT).`,
  });
});

t.test('ports: a free one is free, a busy one is named with its setting', async (t) => {
  await assertPortFree(await freePort(), 'SOME_PORT');
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  await t.rejects(assertPortFree(port, 'SOME_PORT'), {
    name: 'DevServicesError',
    message: `Port ${port} is in use by another program: stop that one or set SOME_PORT to a free port.`,
  });
  await t.rejects(assertPortFree(4000, 'SOME_PORT', '192.0.2.1'), {
    name: 'DevServicesError',
    message: /^Port 4000 on 192\.0\.2\.1 cannot be used \(EADDRNOTAVAIL\)/,
  });
});
