import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import t, { type Test } from 'tap';
import { findTestFiles, longestFirst } from '../runner/files.ts';
import { cleanEnv, processesWith, run, scratch, until } from './support.ts';

function runFixtures(t: Test, dir: string, args: string[] = [], env?: NodeJS.ProcessEnv) {
  const script = 'scripts/test/fixtures/run-tests.ts';
  return run(t, process.execPath, ['--import', 'tsx', script, dir, ...args], env ? { env } : {});
}

const lastLine = (output: string) => output.trimEnd().split('\n').at(-1);

t.test('counts the tests of a file and shows what failed, where and how', async (t) => {
  const { code, output } = await runFixtures(t, 'mixed').ended;
  t.equal(lastLine(output), '2 passed, 1 failed');
  t.equal(code, 1);
  t.match(output, /fails > inner > the innermost\n +at runner\/mixed\/mixed\.test\.ts:9/);
  t.match(output, /-wanted that\n +\+found this/);
  t.match(output, /\n1 skipped\.\n/);
});

t.test('gives 0 when nothing failed; the file knows its servers', async (t) => {
  const { code, output } = await runFixtures(t, 'whole').ended;
  t.equal(lastLine(output), '1 passed, 0 failed');
  t.equal(code, 0);
});

t.test('a file that is killed, exits or throws counts as failed, with its last words', async (t) => {
  const { code, output } = await runFixtures(t, 'crash').ended;
  t.equal(lastLine(output), '2 passed, 3 failed');
  t.equal(code, 1);
  t.match(output, 'was ended by SIGKILL');
  t.match(output, 'last words');
  t.match(output, 'Error: before any test');
});

t.test('a file without a test, and a run without a file, count as failed', async (t) => {
  const empty = await runFixtures(t, 'empty').ended;
  t.equal(lastLine(empty.output), '0 passed, 2 failed');
  t.equal(empty.code, 1);
  const none = await runFixtures(t, 'mixed', ['no-such-file']).ended;
  t.match(none.output, 'No test file matches no-such-file.');
  t.equal(lastLine(none.output), '0 passed, 1 failed');
  t.equal(none.code, 1);
});

t.test('a file that does not end is ended, and only what hung is counted', async (t) => {
  const { code, output } = await runFixtures(t, 'hang', ['--timeout', '1']).ended;
  t.equal(lastLine(output), '1 passed, 2 failed');
  t.equal(code, 1);
  t.match(output, 'never ends > timeout!');
});

t.test('what a file leaves running is ended with it', async (t) => {
  const mark = randomBytes(8).toString('hex');
  const { code, output } = await runFixtures(t, 'leaves', [], { ...process.env, SLOW_MARK: mark }).ended;
  t.equal(lastLine(output), '1 passed, 0 failed');
  t.equal(code, 0);
  await until('it is gone', () => !existsSync('/proc/self') || processesWith(mark).length === 0);
});

t.test('a filter chooses files by a part of their path', async (t) => {
  const root = import.meta.dirname;
  t.same(findTestFiles(root, ['.'], ['runner.test']), ['runner.test.ts'], 'none of the fixtures');
  t.same(findTestFiles(root, ['nowhere'], []), []);
  const { output } = await runFixtures(t, 'crash', ['./runner/crash/throws']).ended;
  t.equal(lastLine(output), '0 passed, 1 failed');
});

t.test('the files that take long begin first, whichever system they are of', async (t) => {
  const [short, contract, one, other] = [
    ...['packages/core/test/money.test.ts', 'test/contract/matrix.test.ts'],
    ...['packages/modules/one/test/property.test.ts', 'packages/modules/other/test/property.test.ts'],
  ] as const;
  t.same(longestFirst([short, one, contract, other]), [one, other, contract, short]);
});

t.test('a wrong option is one sentence', async (t) => {
  const { code, output } = await run(t, process.execPath, ['scripts/test.mjs', '--jobs', 'many']).ended;
  t.equal(output, '--jobs must be a whole number above 0, not many.\n');
  t.equal(code, 1);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  const skip = existsSync('/proc/self') ? false : 'needs /proc';
  t.test(`${signal} leaves neither a process nor a file`, { skip }, async (t) => {
    const mark = randomBytes(8).toString('hex');
    const tmp = scratch(t);
    const running = runFixtures(t, 'slow', [], cleanEnv({ TMPDIR: tmp, SLOW_MARK: mark }));
    await until('the slow test runs', () => processesWith(mark).length > 0);
    t.equal(processesWith(tmp).length, 2, 'MongoDB and Redis');
    running.child.kill(signal);
    const { code, output } = await running.ended;
    t.equal(lastLine(output), '0 passed, 1 failed');
    t.equal(code, 1);
    t.same(processesWith(mark), []);
    t.same(processesWith(tmp), []);
    t.same(
      readdirSync(tmp).filter((name) => !name.startsWith('tsx-')),
      [],
    );
  });
}
