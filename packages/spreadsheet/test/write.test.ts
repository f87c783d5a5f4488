import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import t, { type Test } from 'tap';
import yauzl from 'yauzl';
import { checkContainer, type SheetContent, writeWorkbook } from '../src/index.ts';
import { inertText, sheetName } from '../src/write/inert.ts';
import { readAll, repeat, tempDir } from './workbooks.ts';

t.setTimeout(120_000);

async function written(t: Test, sheets: SheetContent[]): Promise<string> {
  const path = join(await tempDir(t), 'out.xlsx');
  await writeWorkbook(createWriteStream(path), sheets);
  return path;
}

async function partOf(path: string, name: string): Promise<string> {
  const zip = await yauzl.openPromise(path, { autoClose: false });
  let text = '';
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName !== name) continue;
    for await (const chunk of await zip.openReadStreamPromise(entry)) text += chunk;
  }
  zip.close();
  return text;
}

const dangerous = [
  '=1+1',
  ' =1+1',
  'ok\n=2',
  '@x',
  '+x',
  '-x',
  '\tx',
  '\u00a0=1',
  '\r=1',
  'ok\r\n \t@x',
  '\u200b=1',
  '\u0001=1',
  '＝1',
];

t.test('SURVIVES 16: dangerous texts are inert in the sheet and in a CSV made of it', async (t) => {
  const path = await written(t, [
    {
      name: 'Errors',
      columns: [{ header: '=HYPERLINK("x")', width: 20 }],
      rows: [...dangerous, '_x003D_1+1', 'a = b - c', 'name@example.com'].map((text) => [text]),
    },
  ]);
  await checkContainer(path);
  const xml = await partOf(path, 'xl/worksheets/sheet1.xml');
  t.notMatch(xml, /<f[ >]/, 'no formula anywhere');
  const [sheet] = await readAll(path);
  const texts = sheet!.rows.map(({ cells: [cell] }) =>
    cell?.kind === 'text' ? cell.text : JSON.stringify(cell),
  );
  t.equal(texts.shift(), `'=HYPERLINK("x")`);
  t.same(texts.splice(-3), ['_x003D_1+1', 'a = b - c', 'name@example.com'], 'others are as they were');
  for (const text of texts) {
    for (const line of text.split('\n')) {
      t.notMatch(line, /^[^\p{L}\p{N}']*[=+\-@＝\t]/u, JSON.stringify(text));
    }
  }
});

t.test('SURVIVES 16: the number −5 stays a number, a day is a real date, null is blank', async (t) => {
  const path = await written(t, [
    {
      name: 'Data',
      columns: [
        { header: 'Amount', width: 12, format: '#,##0.00' },
        { header: 'Day', width: 12 },
        { header: 'Day too', width: 12, format: 'd mmm yyyy' },
        { header: 'Text', width: 30 },
        { header: 'Yes', width: 5 },
      ],
      rows: [
        [-5, { day: 19_814 }, { day: 0 }, null, true],
        ['n/a', null, undefined, '', false],
      ],
    },
  ]);
  const [sheet] = await readAll(path);
  t.same(sheet!.rows.slice(1), [
    {
      row: 2,
      hidden: false,
      cells: [
        { kind: 'number', value: -5 },
        { kind: 'date', value: 45_383 },
        { kind: 'date', value: 25_569 },
        undefined,
        { kind: 'boolean', value: true },
      ],
    },
    {
      row: 3,
      hidden: false,
      cells: [
        { kind: 'text', text: 'n/a' },
        undefined,
        undefined,
        undefined,
        { kind: 'boolean', value: false },
      ],
    },
  ]);
});

t.test('the header is bold and frozen, columns have their width, several sheets their names', async (t) => {
  const columns = [{ header: 'A', width: 17 }];
  const path = await written(t, [
    { name: 'One', columns, rows: [['x']] },
    {
      name: 'Two: a/b',
      columns,
      rows: (async function* () {
        yield ['y'];
      })(),
    },
  ]);
  const xml = await partOf(path, 'xl/worksheets/sheet1.xml');
  t.match(xml, /<pane [^>]*ySplit="1"[^>]*state="frozen"/);
  t.match(xml, /<col [^>]*width="17"/);
  const style = Number(/<c r="A1" s="(\d+)"/.exec(xml)?.[1]);
  const styles = await partOf(path, 'xl/styles.xml');
  const font = Number(
    /fontId="(\d+)"/.exec(/<cellXfs.*?<\/cellXfs>/s.exec(styles)![0].split('<xf ')[style + 1]!)?.[1],
  );
  t.match(/<fonts.*?<\/fonts>/s.exec(styles)![0].split('<font>')[font + 1], /<b\/>/);
  t.same(
    (await readAll(path)).map((sheet) => [sheet.name, sheet.rows.length]),
    [
      ['One', 2],
      ['Two a b', 2],
    ],
  );
});

t.test('rows are made no faster than the target takes them', async (t) => {
  let made = 0;
  let release = () => {};
  const blocked = new Promise<void>((resolve) => (release = resolve));
  const target = new Writable({
    highWaterMark: 1024,
    write: (_chunk, _encoding, done) => void blocked.then(() => done()),
  });
  const rows = function* () {
    for (; made < 50_000; made += 1) yield [`${made * 7919} ${Math.sin(made)}`, Math.cos(made)];
  };
  const done = writeWorkbook(target, [{ name: 'A', columns: [{ header: 'a', width: 9 }], rows: rows() }]);
  let before = -1;
  // It has stalled when many turns of the event loop bring no row.
  for (let quiet = 0; quiet < 2000; quiet = made === before ? quiet + 1 : 0) {
    before = made;
    await new Promise(setImmediate);
  }
  t.ok(made < 20_000, `${made} rows were made`);
  release();
  await done;
  t.equal(made, 50_000);
});

t.test('a target or a source that fails is an error, not a wait', async (t) => {
  const columns = [{ header: 'a', width: 9 }];
  const gone = new PassThrough();
  const source = function* () {
    for (let i = 0; i < 1_000_000; i += 1) {
      if (i === 1000) gone.destroy(new Error('hung up'));
      yield [`${i} ${Math.sin(i)}`];
    }
  };
  await t.rejects(writeWorkbook(gone, [{ name: 'A', columns, rows: source() }]), { message: 'hung up' });
  const target = new PassThrough().resume();
  const failing = (async function* () {
    yield ['x'];
    throw new Error('cursor lost');
  })();
  await t.rejects(writeWorkbook(target, [{ name: 'A', columns, rows: failing }]), { message: 'cursor lost' });
  t.ok(target.destroyed);
  const sink = new PassThrough().resume();
  await t.rejects(writeWorkbook(sink, [{ name: 'A', columns, rows: [[Number.NaN]] }]), RangeError);
});

t.test('a workbook of no rows, and one through a pipe', async (t) => {
  const through = new PassThrough();
  const path = join(await tempDir(t), 'out.xlsx');
  const rows = [...repeat(5000, (i) => `row ${i}`)].map((text) => [text]);
  await Promise.all([
    writeWorkbook(through, [
      { name: 'Empty', columns: [{ header: 'a', width: 9 }], rows: [] },
      { name: 'Full', columns: [{ header: 'a', width: 9 }], rows },
    ]),
    pipeline(through, createWriteStream(path)),
  ]);
  t.same(
    (await readAll(path)).map((sheet) => sheet.rows.length),
    [1, 5001],
  );
});

t.test('long texts, odd characters and names of sheets', async (t) => {
  t.equal(inertText('x'.repeat(40_000)).length, 32_767);
  t.ok(inertText('x'.repeat(40_000)).endsWith('…'));
  t.equal(inertText('a\ud800b'), 'a\ufffdb');
  t.equal(inertText('🙂'), '🙂');
  const begun = performance.now();
  inertText(' \t'.repeat(50_000));
  inertText('\u2028'.repeat(100_000));
  inertText(`${'\n'.repeat(50_000)}=`);
  t.ok(performance.now() - begun < 2000, 'no text takes long');
  t.equal(sheetName('[a]:b*c?d/e\\f'), 'a b c d e f');
  t.equal(sheetName("'quoted'"), 'quoted');
  t.equal(sheetName('???'), 'Sheet');
  t.equal(sheetName('x'.repeat(50)).length, 31);
});
