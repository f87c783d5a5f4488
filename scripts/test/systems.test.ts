import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systems } from '@backoffice/api';
import t from 'tap';
import { seeds } from '../../apps/worker/src/seed/seeds.ts';
import { systems as commandSystems, workers } from '../../apps/worker/src/worker.ts';
import { root } from './support.ts';

/** Where a system is named so that it is there at all. */
const lists = [
  ...['apps/api/src/app.ts', 'apps/worker/src/worker.ts', 'apps/worker/src/seed/seeds.ts'],
  ...['apps/api/package.json', 'apps/worker/package.json'],
];
const shared = [
  ...['apps', 'packages/core', 'packages/dev-services', 'packages/platform/src', 'packages/spreadsheet'],
  ...['scripts', 'deploy', 'test/harness', 'Dockerfile', 'docker-compose.yml'],
];

t.test('nothing that systems share knows one of them by its name', async (t) => {
  const options = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...shared];
  const files = execFileSync('git', options, { cwd: root, encoding: 'utf8' }).split('\n');
  const looked = files.filter((file) => {
    // The tests of what is shared need a system to try it with.
    return file !== '' && !/^(apps|packages|scripts)\/.*\btest\//.test(file) && existsSync(join(root, file));
  });
  t.ok(looked.length > 200);
  for (const { name } of systems) {
    // As a word of its own, or as a part of ANY_NAME and anyName.
    const named = new RegExp(`(?<![a-z])(${name}|${name.toUpperCase()})(?![a-z])|${capital(name)}(?![a-z])`);
    const knowing = looked.filter((file) => named.test(readFileSync(join(root, file), 'utf8')));
    t.same(
      knowing.filter((file) => !lists.includes(file)),
      [],
      `${name} is nobody's business but that of ${lists.join(', ')}`,
    );
    t.ok(knowing.includes('apps/api/src/app.ts'), 'it would be seen');
  }
});

t.test('API, worker and seeds are of the same systems', async (t) => {
  const names = systems.map(({ name }) => name);
  t.same(
    commandSystems.map(({ name }) => name),
    names,
  );
  t.same(
    workers.map(({ name }) => name),
    names,
  );
  t.same(
    seeds.map(({ system }) => system).filter((name) => !names.includes(name)),
    [],
    'no seed of what is no system',
  );
  for (const { name } of systems) t.match(name, /^[a-z][a-z0-9]*$/, 'fit for queues, settings and fields');
});

function capital(name: string): string {
  return `${name[0]!.toUpperCase()}${name.slice(1)}`;
}
