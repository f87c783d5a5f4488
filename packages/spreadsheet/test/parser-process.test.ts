import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { readWorkbook, type SheetRow } from '../src/index.ts';
import { readRows, repeat, workbook } from './workbooks.ts';

t.setTimeout(120_000);
const linux = process.platform === 'linux';

const reader = (onRows: (rows: SheetRow[]) => unknown) => ({
  onSheet: () => 'read' as const,
  onRows: onRows as () => undefined,
});

t.test('a parser without time, without memory or killed ends with a code, and alone', async (t) => {
  const rows = await workbook(t, { sheets: { A: repeat(100_000, (i) => `<row><c><v>${i}</v></c></row>`) } });
  await t.rejects(readRows(rows, { limits: { maxMs: 30 } }), { code: 'PARSE_TIMEOUT' });

  const chunk = 'x'.repeat(65_536);
  const heavy = await workbook(t, {
    sheets: { A: ['<!--', ...repeat(120, () => chunk), '-->'] },
    stored: true,
  });
  t.same(await readRows(heavy), []);
  await t.rejects(readRows(heavy, { limits: { maxHeapMb: 8 } }), { code: 'PARSE_CRASHED' });

  if (!linux) return;
  const killed = readWorkbook(
    rows,
    reader(() => {
      for (const pid of parsersOf(process.pid)) process.kill(pid, 'SIGKILL');
    }),
  );
  await t.rejects(killed, { code: 'PARSE_CRASHED', cause: { message: /SIGKILL/ } });
});

t.test('the caller’s own time is not the parser’s', async (t) => {
  const path = await workbook(t, { sheets: { A: '<row><c><v>1</v></c></row>' } });
  let ticks = 0;
  await readWorkbook(
    path,
    reader(async () => {
      const until = performance.now() + 700;
      while (performance.now() < until) await new Promise(setImmediate);
      ticks += 1;
    }),
    { limits: { maxMs: 10_000 } },
  );
  t.equal(ticks, 1);
});

t.test('an abort or an error of the caller ends the parser at once', async (t) => {
  const path = await workbook(t, { sheets: { A: repeat(100_000, (i) => `<row><c><v>${i}</v></c></row>`) } });
  const controller = new AbortController();
  const reason = new Error('no longer needed');
  let batches = 0;
  const stopped = readWorkbook(
    path,
    reader(() => {
      batches += 1;
      controller.abort(reason);
    }),
    { signal: controller.signal },
  );
  await t.rejects(stopped, reason);
  t.equal(batches, 1);
  await t.rejects(readRows(path, { signal: controller.signal }), reason);
  const own = new Error('disk full');
  const failing = readWorkbook(
    path,
    reader(() => {
      throw own;
    }),
  );
  await t.rejects(failing, own);
  if (linux) t.same(parsersOf(process.pid), []);
});

t.test('“enough” ends a sheet; the parser never runs far ahead of the caller', async (t) => {
  const rows = repeat(20_000, (i) => (i === 10_000 ? '<row r="1"/>' : `<row><c><v>${i}</v></c></row>`));
  const path = await workbook(t, { sheets: { Long: rows, Next: '<row><c><v>7</v></c></row>', Last: '' } });
  const seen: string[] = [];
  await readWorkbook(path, {
    onSheet(info) {
      seen.push(info.name);
      return info.name === 'Last' ? 'skip' : 'read';
    },
    async onRows(batch) {
      seen.push(`${batch[0]!.row}`);
      // Time enough for the parser to come to the fault in row 10,001, if nothing held it.
      const until = performance.now() + 500;
      while (performance.now() < until) await new Promise(setImmediate);
      return 'enough' as const;
    },
  });
  t.same(seen, ['Long', '1', 'Next', '1', 'Last']);
});

t.test('the parser ends when its parent is killed', { skip: !linux }, async (t) => {
  const path = await workbook(t, { sheets: { A: repeat(100_000, (i) => `<row><c><v>${i}</v></c></row>`) } });
  const script = fileURLToPath(new URL('./hanging-reader.ts', import.meta.url));
  const parent = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(parent.stdout, 'data');
  const parsers = parsersOf(parent.pid!);
  t.equal(parsers.length, 1);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  const until = performance.now() + 10_000;
  while (isAlive(parsers[0]!) && performance.now() < until) await new Promise(setImmediate);
  t.notOk(isAlive(parsers[0]!));
});

/** The parsing processes of a parent, by what Linux says of every process. */
function parsersOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [, parentOfPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return (
          Number(parentOfPid) === parent && readFileSync(`/proc/${pid}/cmdline`).includes('backoffice-parser')
        );
      } catch {
        return false; // It has ended meanwhile.
      }
    });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
