import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { cleanEnv, root, run, scratch, until } from './support.ts';

/** As much of a fresh clone as it takes to get the dependencies, and a home without any cache. */
function freshClone(t: Test) {
  const dir = scratch(t);
  const clone = join(dir, 'clone');
  for (const name of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']) {
    cpSync(join(root, name), join(clone, name));
  }
  for (const name of ['install.mjs', 'start.mjs'])
    cpSync(join(root, 'scripts', name), join(clone, 'scripts', name));
  const home = join(dir, 'home');
  mkdirSync(home);
  // Port 9 (discard): nothing listens there.
  const registry = { npm_config_registry: 'http://127.0.0.1:9', npm_config_userconfig: join(home, '.npmrc') };
  const env = cleanEnv({ HOME: home, npm_config_cache: join(home, '.npm'), ...registry });
  const start = (more: { env?: NodeJS.ProcessEnv; uid?: number } = {}) =>
    run(t, process.execPath, ['scripts/start.mjs'], { cwd: clone, env, ...more });
  return { clone, home, env, start };
}

const lastLine = (output: string) => output.trimEnd().split('\n').at(-1);

t.test('a registry that cannot be reached is one sentence, and nothing is half-done', async (t) => {
  const { clone, start } = freshClone(t);
  const { code, output } = await start().ended;
  t.equal(code, 1);
  t.equal(lastLine(output), 'The package registry cannot be reached: check the network and start again.');
  t.notOk(existsSync(join(clone, 'node_modules', '.backoffice-lock')));
  t.same(readdirSync(join(clone, '.local')), []);
});

t.test(
  'a second start waits for the first to get the dependencies; a lock left behind counts for nothing',
  async (t) => {
    const { clone, start } = freshClone(t);
    mkdirSync(join(clone, '.local'));
    const lock = join(clone, '.local', 'install.lock');
    writeFileSync(lock, String(process.pid));
    const waiting = start();
    await until('it says so', () => waiting.output().includes('Another start is getting the dependencies'));
    // No process has such a number.
    writeFileSync(lock, '999999999');
    t.equal(lastLine((await waiting.ended).output)?.slice(0, 20), 'The package registry');
  },
);

t.test('a checkout that cannot be written is one sentence', async (t) => {
  const { clone, home, start } = freshClone(t);
  const isRoot = process.getuid?.() === 0;
  for (const dir of [join(clone, '..'), clone]) chmodSync(dir, 0o555);
  t.teardown(() => [join(clone, '..'), clone].map((dir) => chmodSync(dir, 0o755)));
  if (isRoot) chownSync(home, 65_534, 65_534);
  const { code, output } = await start(isRoot ? { uid: 65_534 } : {}).ended;
  t.equal(output, `${join(clone, '.local')} cannot be written: make it yours, or start as its owner.\n`);
  t.equal(code, 1);
});
