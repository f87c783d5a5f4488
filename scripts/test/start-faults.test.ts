import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { leftIn, startSystem } from './start-support.ts';
import { root, scratch } from './support.ts';

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

/** Whom a file's mode does not stop is root; the start is then somebody else's. */
const readable = `require('fs').accessSync('package.json', 4)`;
const canStepDown =
  isRoot &&
  spawnSync(process.execPath, ['-e', readable], { cwd: root, uid: nobody, gid: nobody }).status === 0;

t.test(
  'a data directory that cannot be written is one sentence',
  { skip: isRoot && !canStepDown ? 'root cannot act for another user here' : false },
  async (t) => {
    const dir = scratch(t);
    chmodSync(dir, 0o755);
    const locked = join(dir, 'locked');
    mkdirSync(locked, { mode: 0o555 });
    t.teardown(() => chmodSync(locked, 0o755));
    const uid = isRoot ? { uid: nobody } : {};
    for (const dataDir of [locked, join(locked, 'data')]) {
      const { code, output } = await (await startSystem(t, { dataDir, ...uid })).ended;
      t.equal(output, `The directory ${dataDir} cannot be written (EACCES).\n`);
      t.equal(code, 1);
    }
    // The directory is writable, what an earlier start of another user has left in it is not.
    const foreign = join(dir, 'foreign');
    mkdirSync(join(foreign, 'mongo'), { recursive: true });
    chmodSync(foreign, 0o777);
    chmodSync(join(foreign, 'mongo'), 0o555);
    t.teardown(() => chmodSync(join(foreign, 'mongo'), 0o755));
    const { code, output } = await (await startSystem(t, { dataDir: foreign, ...uid })).ended;
    t.match(output, /\nThe directory \S+\/mongo cannot be written \(EACCES\)\.\n$/);
    t.equal(code, 1);
  },
);

t.test('a data directory that is a file is one sentence', async (t) => {
  const dataDir = join(scratch(t), 'data');
  writeFileSync(dataDir, '');
  const { code, output } = await (await startSystem(t, { dataDir })).ended;
  t.equal(output, `The directory ${dataDir} cannot be written (EEXIST).\n`);
  t.equal(code, 1);
});

t.test(
  'a full disk is one sentence',
  { skip: isRoot ? false : 'only root can make a small disk' },
  async (t) => {
    const few = smallDisk(t, '64m');
    if (!few) return t.comment('no disk can be mounted here');
    const early = await (await startSystem(t, { dataDir: join(few, 'data') })).ended;
    t.equal(early.code, 1);
    t.match(
      early.output,
      /\nThe disk that holds \S+ is full: 300 MB are needed, \d+ MB are free\.\n$/,
      'before anything is started',
    );

    const none = smallDisk(t, '1m');
    writeFileSync(join(none!, 'filler'), Buffer.alloc(900 * 1024));
    const full = await (await startSystem(t, { dataDir: join(none!, 'data') })).ended;
    t.equal(full.code, 1);
    t.match(full.output, /The disk that holds \S+ is full/);
    t.same(
      leftIn(join(none!, 'data')).filter((name) => /lock|json/.test(name)),
      [],
    );
  },
);

function smallDisk(t: Test, size: string): string | undefined {
  const dir = scratch(t);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir]);
  if (status !== 0) return undefined;
  // Before the directory itself goes.
  t.teardown(() => execFileSync('umount', ['-l', dir]));
  chownSync(dir, 0, 0);
  return dir;
}
