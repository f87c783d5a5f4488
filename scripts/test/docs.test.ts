import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systems } from '@backoffice/api';
import { envExample, type SeedUser, settingsFor, signInNameOf } from '@backoffice/platform';
import t from 'tap';
import { seeds } from '../../apps/worker/src/seed/seeds.ts';
import type { ListedSystem } from '../start/systems.ts';
import { root } from './support.ts';

/** Every file that belongs to the repository. */
const files = execFileSync('git', ['ls-files'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && file !== 'pnpm-lock.yaml' && existsSync(join(root, file)));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const documents = files.filter((file) => file.endsWith('.md'));
const settings = new Map(settingsFor(systems).map(({ name, schema }) => [name, schema]));
const hasReadme = files.includes('README.md');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** Settings of the starter and the tests, which the API and the worker do not know. */
const others = ['MONGOMS_SYSTEM_BINARY', 'BACKOFFICE_BIN_DIR', 'TEST_MONGODB_URI', 'TEST_REDIS_URL'];
const pnpmCommands = ['install', 'fetch', 'add', 'remove', 'update', 'exec', 'dlx', 'why', 'audit'];

/** What stands between back-ticks or in a fenced block: commands in prose are written so. */
function codeIn(text: string): string[] {
  const fenced = [...text.matchAll(/^ *```[^\n]*\n([\s\S]*?)^ *```/gm)].map(([, code]) => code!);
  const inline = text.replace(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/`([^`\n]+)`/g);
  return [...fenced, ...[...inline].map(([, code]) => code!)];
}

function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

t.test('every script that is named in a document exists', async (t) => {
  for (const file of documents) {
    for (const code of codeIn(read(file))) {
      for (const [, run, name] of code.matchAll(/\b(npm run|npm|pnpm run|pnpm) ([a-z][\w:-]*)/g)) {
        if (run === 'npm' && !['start', 'test'].includes(name!)) continue;
        if (run === 'pnpm' && pnpmCommands.includes(name!)) continue;
        t.ok(scripts[name!], `${file}: ${run} ${name}`);
      }
    }
  }
});

t.test('every script that package.json names runs a file that exists', async (t) => {
  for (const [name, command] of Object.entries(scripts)) {
    for (const [path] of command.matchAll(/(?<![\w./-])[\w./-]+\.(?:mjs|ts|cjs|json)\b/g)) {
      // The bench comes with the figures that the README quotes.
      if (!hasReadme && name === 'bench') continue;
      // A part of a path: the runner takes every file that has it.
      if (path.startsWith('/')) continue;
      t.ok(existsSync(join(root, path)), `${name}: ${path}`);
    }
  }
});

t.test('every relative link leads to a file, and to a heading in it', async (t) => {
  for (const file of documents) {
    const prose = read(file).replace(/^ *```[\s\S]*?^ *```/gm, '');
    for (const [, target] of prose.matchAll(/\]\(<?([^)>\s]+)>?(?: "[^"]*")?\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      const [path, anchor] = target!.split('#');
      const leadsTo = path ? join(dirname(file), decodeURIComponent(path)) : file;
      t.ok(existsSync(join(root, leadsTo)), `${file}: ${target}`);
      if (anchor && leadsTo.endsWith('.md') && existsSync(join(root, leadsTo))) {
        t.ok(headingsOf(read(leadsTo)).includes(anchor), `${file}: ${target}`);
      }
    }
  }
});

t.test('every document that a source or a document mentions exists', async (t) => {
  if (!hasReadme) return;
  for (const file of files.filter((name) => /\.(ts|mjs|cjs|md|json|ya?ml)$|^\.ci\//.test(name))) {
    for (const [path] of read(file).matchAll(/\bdocs\/[\w/.-]+\.md\b/g)) {
      t.ok(existsSync(join(root, path)), `${file}: ${path}`);
    }
  }
});

t.test('.env.example is what the settings of platform and systems give', async (t) => {
  t.equal(read('.env.example'), envExample(systems));
});

t.test('every setting of a table is one, with its number', async (t) => {
  for (const file of documents) {
    for (const [, table] of read(file).matchAll(/^\| *settings? *\|.*\n\|[-:| ]+\n((?:\|.*\n?)*)/gim)) {
      for (const row of table!.trim().split('\n')) {
        const [, first = '', second = ''] = row.split('|');
        const names = [...first.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => name!);
        for (const name of names) t.ok(settings.has(name) || others.includes(name), `${file}: ${name}`);
        const stated = /^ *`?(\d[\d_,]*)`? *$/.exec(second)?.[1];
        const setting = settings.get(names[0] ?? '');
        if (names.length === 1 && stated && setting?.type === 'integer') {
          t.equal(Number(stated.replace(/[_,]/g, '')), setting.default, `${file}: ${names[0]}`);
        }
      }
    }
  }
});

t.test('the settings that npm start explains are ones', async (t) => {
  const usage = execFileSync(process.execPath, ['scripts/start.mjs', '--help'], {
    cwd: root,
    encoding: 'utf8',
  });
  const named = [...usage.matchAll(/^ {2}([A-Z_]+(?:, [A-Z_]+)*) {2,}/gm)].flatMap(([, names]) =>
    names!.split(', '),
  );
  t.ok(named.length > 5);
  for (const name of named) t.ok(settings.has(name) || others.includes(name), name);
});

t.test('the systems that npm start names, and their logins, are those of the build', async (t) => {
  const script = ['--import', 'tsx', 'apps/worker/src/list-systems.ts'];
  const listed = JSON.parse(execFileSync(process.execPath, script, { cwd: root, encoding: 'utf8' }));
  t.match(
    listed,
    systems.map(({ name, title, port, prefix }) => ({ name, title, port, prefix })),
  );
  for (const { name, logins } of listed as ListedSystem[]) {
    const seed = seeds.find(({ system }) => system === name);
    const nameOf = (user: SeedUser) => signInNameOf(user).name;
    const roles = new Map(seed?.demoUsers().map((user) => [nameOf(user), user.membership.role]));
    for (const login of logins) t.equal(roles.get(login.name), login.may.split(',')[0], login.name);
    const administrators = logins.filter(({ administrator }) => administrator).map((login) => login.name);
    t.same(administrators, seed?.administrators().map(nameOf), 'those that SEED=admins prints');
  }
});

t.test('nothing in the repository refers to what is not in it', async (t) => {
  // Put together here, so that this file does not find itself.
  const strange = [
    ['..', 'shared'].join('/'),
    ['', 'work', ''].join('/'),
    ['', 'tmp', 'plan'].join('/'),
    ['bash', 'jobs'].join('_'),
  ];
  const talk =
    /\b(?:this|the previous|an earlier|the next|another) session\b|\bsub-?agent|\blanguage model\b/i;
  for (const file of files.filter((name) => !/\.(xlsx|png|ico)$/.test(name))) {
    const text = read(file);
    for (const word of strange) t.notOk(text.includes(word), `${file}: ${word}`);
    if (!file.endsWith('docs.test.ts')) t.notMatch(text, talk, file);
  }
});

t.test('the README tells the two commands and where to read on', { skip: !hasReadme }, async (t) => {
  const readme = read('README.md');
  for (const needed of ['npm start', 'npm test', 'docs/architecture.md', 'samples/', 'curl']) {
    t.match(readme, needed);
  }
});
