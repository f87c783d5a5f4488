import { readFileSync } from 'node:fs';
import t from 'tap';
import { leftIn, partsOf, startSystem } from './start-support.ts';
import { processesWith, root, until } from './support.ts';

const skip = process.platform === 'linux' ? false : 'processes are looked up in /proc';
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};

t.test('npm is the parent of what it starts, so that its signals arrive', async (t) => {
  for (const name of ['start', 'test', 'dev', 'check']) t.match(scripts[name], /^exec node /, name);
});

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  t.test(`${signal} to the npm that has started it ends the whole system`, { skip }, async (t) => {
    const system = await startSystem(t, { throughShell: true, env: { npm_lifecycle_event: 'start' } });
    await system.ready();
    system.child.kill(signal);
    const running = () => [...processesWith(system.dataDir), ...partsOf(system.dataDir)];
    await until('everything has ended', () => running().length === 0);
    t.notOk(leftIn(system.dataDir).includes('start.lock'));
  });
}
