import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { readWorkbook, type SheetRow } from '../src/index.ts';
import { readAll, readRows, relation, relationships, repeat, workbook, workbookParts } from './workbooks.ts';

const reader = (onRows: (rows: SheetRow[]) => unknown) => ({
  onSheet: () => 'read' as const,
  onRows: onRows as () => undefined,
});

t.test('SURVIVES 1, 2: bytes are counted as they come out, not as they are declared', async (t) => {
  const path = await workbook(t, { sheets: { A: repeat(64, () => ' '.repeat(65_536)) }, stored: true });
  await t.rejects(readRows(path, { limits: { maxInflatedBytes: 4 * 1024 ** 2 } }), {
    code: 'WORKBOOK_TOO_LARGE',
  });
});

t.test('SURVIVES 3: a merge over the whole sheet costs nothing', async (t) => {
  const sheet =
    '<?xml version="1.0"?><worksheet><dimension ref="A1:XFD1048576"/><sheetData><row><c><v>1</v></c></row></sheetData>' +
    `<mergeCells>${'<mergeCell ref="A1:XFD1048576"/>'.repeat(1000)}</mergeCells></worksheet>`;
  let peak = 0;
  const path = await workbook(t, { sheets: { A: sheet } });
  const rows = await readRows(path, { onPeakMemory: (kb) => (peak = kb) });
  t.same(rows, [{ row: 1, hidden: false, cells: [{ kind: 'number', value: 1 }] }]);
  t.ok(peak < 150 * 1024, `${peak} KB`);
});

t.test('SURVIVES 4: one cell in the last corner of the sheet', async (t) => {
  const sheet =
    '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>';
  t.equal(
    (await readRows(await workbook(t, { sheets: { A: sheet } }))).length,
    1,
    'far beyond the last column read',
  );
  for (const [beyond, code] of [
    ['<row r="1048577"><c><v>1</v></c></row>', 'WORKBOOK_TOO_LARGE'],
    ['<row><c r="A1048577"><v>1</v></c></row>', 'WORKBOOK_TOO_LARGE'],
    ['<row><c r="XFE1"><v>1</v></c></row>', 'WORKBOOK_BROKEN'],
    [`<row>${'<c/>'.repeat(16_385)}</row>`, 'WORKBOOK_BROKEN'],
  ] as const) {
    await t.rejects(readRows(await workbook(t, { sheets: { A: beyond } })), { code }, beyond.slice(0, 40));
  }
});

t.test('SURVIVES 4: 2 million rows stop at the cap, with flat memory', { timeout: 120_000 }, async (t) => {
  const path = await workbook(t, {
    sheets: { A: repeat(2_000_000, (i) => `<row><c><v>${i}</v></c></row>`) },
    stored: true,
  });
  let count = 0;
  let peak = 0;
  const reading = readWorkbook(
    path,
    reader((rows) => {
      count += rows.length;
    }),
    { onPeakMemory: (kb) => (peak = kb) },
  );
  await t.rejects(reading, { code: 'WORKBOOK_TOO_LARGE', details: { sheet: 'A', row: 1_048_577 } });
  t.ok(count <= 1_048_576 && count > 1_040_000, `${count} rows were delivered`);
  t.ok(peak < 200 * 1024, `${peak} KB`);
});

t.test('SURVIVES 4: 3 million shared strings fit, one more does not', { timeout: 120_000 }, async (t) => {
  let peak = 0;
  const last = await workbook(t, {
    strings: repeat(3_000_000, (i) => `<si><t>Customer ${i}</t></si>`),
    sheets: { A: '<row><c t="s"><v>0</v></c><c t="s"><v>2999999</v></c></row>' },
    stored: true,
  });
  const rows = await readRows(last, { onPeakMemory: (kb) => (peak = kb) });
  t.same(
    rows[0]?.cells.map((cell) => cell?.kind === 'text' && cell.text),
    ['Customer 0', 'Customer 2999999'],
  );
  t.ok(peak < 300 * 1024, `${peak} KB`);
  await t.rejects(readRows(last, { limits: { maxSharedStrings: 2_999_999 } }), {
    code: 'WORKBOOK_TOO_LARGE',
  });
  await t.rejects(readRows(last, { limits: { maxSharedStringBytes: 1024 ** 2 } }), {
    code: 'WORKBOOK_TOO_LARGE',
  });
});

t.test(
  'giant texts, tags, depth and references to long texts are bounded',
  { timeout: 120_000 },
  async (t) => {
    const long = 'x'.repeat(32_768);
    const chunk = 'x'.repeat(65_536);
    const cases: [string, Parameters<typeof workbook>[1], string][] = [
      [
        'text',
        { sheets: { A: `<row><c t="inlineStr"><is><t>${long}</t></is></c></row>` } },
        'WORKBOOK_TOO_LARGE',
      ],
      ['shared text', { strings: `<si><t>${long}</t></si>` }, 'WORKBOOK_TOO_LARGE'],
      [
        'comment',
        { sheets: { A: ['<!--', ...repeat(160, () => chunk)] }, stored: true },
        'WORKBOOK_TOO_LARGE',
      ],
      [
        'attribute',
        { sheets: { A: ['<row x="', ...repeat(160, () => chunk)] }, stored: true },
        'WORKBOOK_TOO_LARGE',
      ],
      ['depth', { sheets: { A: '<a>'.repeat(300) } }, 'WORKBOOK_BROKEN'],
      ['prolog', { sheets: { A: Buffer.from(' '.repeat(100_000)) } }, 'WORKBOOK_BROKEN'],
    ];
    for (const [name, options, code] of cases) {
      await t.rejects(readRows(await workbook(t, options)), { code }, name);
    }
    const amplified = await workbook(t, {
      strings: `<si><t>${'x'.repeat(32_000)}</t></si>`,
      sheets: { A: repeat(1000, () => `<row>${'<c t="s"><v>0</v></c>'.repeat(20)}</row>`) },
      stored: true,
    });
    await t.rejects(
      readWorkbook(
        amplified,
        reader(() => undefined),
        { limits: { maxInflatedBytes: 10_000_000 } },
      ),
      {
        code: 'WORKBOOK_TOO_LARGE',
      },
    );
  },
);

t.test('SURVIVES 5: a document type or entity in any part is refused', async (t) => {
  const evil = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "&x;&x;">]>';
  const parts = workbookParts({ strings: '<si><t>a</t></si>', styles: '' });
  for (const [name, content] of Object.entries(parts)) {
    const path = await workbook(t, {
      strings: '',
      styles: '',
      parts: { [name]: `<?xml version="1.0"?><!-- > -->${evil}${content}` },
    });
    await t.rejects(readRows(path), { code: 'WORKBOOK_UNSAFE' }, name);
  }
  const unread = await workbook(t, { parts: { 'docProps/core.xml': `${evil}<a>&y;</a>` } });
  await t.rejects(readRows(unread), { code: 'WORKBOOK_UNSAFE', details: { part: 'docProps/core.xml' } });

  const utf16 = Buffer.from(`\ufeff<?xml version="1.0"?>${evil}<sst/>`, 'utf16le');
  await t.rejects(readRows(await workbook(t, { strings: '', parts: { 'xl/sharedStrings.xml': utf16 } })), {
    code: 'WORKBOOK_UNSAFE',
  });
  const endless = await workbook(t, {
    strings: '',
    parts: { 'xl/sharedStrings.xml': `<!DOCTYPE a [${'<!-- -->'.repeat(20_000)}` },
  });
  await t.rejects(readRows(endless), { code: 'WORKBOOK_UNSAFE' });
  const entity = await workbook(t, { sheets: { A: '<row><c t="str"><v>&x;</v></c></row>' } });
  await t.rejects(readRows(entity), { code: 'WORKBOOK_BROKEN' }, 'an entity without a document type');
});

t.test('SURVIVES 5: external relations are not followed', async (t) => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/book.xml`;
  const external = (id: string, type: string, target = url) =>
    relation(id, type, target, 'TargetMode="External"');
  const path = await workbook(t, {
    sheets: { A: '<row><c><f>[1]Sheet1!A1</f><v>5</v></c></row>' },
    parts: {
      'xl/_rels/workbook.xml.rels': relationships(
        relation('rId1', 'worksheet', 'worksheets/sheet1.xml'),
        external('rId2', 'sharedStrings', 'file:///etc/passwd'),
        external('rId3', 'styles'),
        external('rId4', 'externalLink'),
      ),
      'xl/worksheets/_rels/sheet1.xml.rels': relationships(external('rId1', 'hyperlink')),
    },
  });
  t.same((await readRows(path))[0]?.cells, [{ kind: 'number', value: 5 }]);
  const outside = await workbook(t, {
    parts: { 'xl/_rels/workbook.xml.rels': relationships(external('rId1', 'worksheet', '/etc/passwd')) },
  });
  await t.rejects(readAll(outside), { code: 'WORKBOOK_BROKEN', details: { sheet: 'Sheet1' } });
  t.equal(asked, 0);
});

t.test('a parser without memory or time ends with a code, and alone', async (t) => {
  const path = await workbook(t, { sheets: { A: repeat(300_000, (i) => `<row><c><v>${i}</v></c></row>`) } });
  await t.rejects(readRows(path, { limits: { maxMs: 30 } }), { code: 'PARSE_TIMEOUT' });
  await t.rejects(readRows(path, { limits: { maxHeapMb: 8 } }), { code: 'PARSE_CRASHED' });
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
  t.same(parsersOf(process.pid), []);
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

t.test('the parser ends when its parent is killed', { skip: process.platform !== 'linux' }, async (t) => {
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

function parsersOf(parent: number): number[] {
  const list = execFileSync('ps', ['-eo', 'pid=,ppid=,args=']).toString().trim().split('\n');
  return list
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)!)
    .filter(([, , ppid, args]) => Number(ppid) === parent && args!.includes('read/child.ts'))
    .map(([, pid]) => Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
