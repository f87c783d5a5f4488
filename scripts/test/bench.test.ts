import t from 'tap';
import { root, run } from './support.ts';

t.setTimeout(120_000);

// Only that it runs and what it compares agrees: times depend on the machine and are no test.
t.test('the bench runs on small files and prints its table', async (t) => {
  const { ended } = run(t, process.execPath, ['scripts/bench.mjs', '--quick'], { cwd: root });
  const { code, output } = await ended;
  t.equal(code, 0, output);
  t.match(output, /2,000 rows +10,000 rows +aim/);
  for (const line of ['one-by-one upserts', 'bulk write', 'adding up rows', 'peak memory of the worker']) {
    t.match(output, new RegExp(`${line}.*\\d`));
  }
  t.notMatch(output, /NaN|Infinity|undefined/);
});

t.test('a number of runs that is none is refused', async (t) => {
  const { ended } = run(t, process.execPath, ['scripts/bench.mjs', '--runs', 'many'], { cwd: root });
  const { code, output } = await ended;
  t.equal(code, 1);
  t.match(output, /--runs is many; it must be a whole number from 1/);
});
