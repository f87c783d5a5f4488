import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import type { CellValue } from '../src/index.ts';
import { writeCsv } from '../src/index.ts';

const columns = ['A', 'B', 'C'].map((header) => ({ header, width: 10 }));

async function written(rows: CellValue[][]): Promise<string> {
  const target = new PassThrough();
  const [csv] = await Promise.all([text(target), writeCsv(target, { columns, rows })]);
  return csv;
}

t.test('16. every text is inert, numbers stay numbers, days are days', async (t) => {
  const rows = [
    ['=1+1', -5, 1.5],
    [' =1+1', 'ok\n=2', '@x'],
    ['+x', '\tx', 'a;=1'],
    ['say "hi", then go', { day: 20_418 }, true],
    [null, undefined, '_x003D_1'],
  ];
  t.equal(
    (await written(rows)).replace(/^\ufeff/, ''),
    [
      '"A","B","C"',
      '"\'=1+1",-5,1.5',
      '"\' =1+1","ok\n\'=2","\'@x"',
      '"\'+x","\'\tx","a;\'=1"',
      '"say ""hi"", then go","2025-11-26","true"',
      '"","","_x003D_1"',
      '',
    ].join('\r\n'),
  );
});

t.test(
  'rows are asked for only as fast as the target takes them; an error of either comes out',
  async (t) => {
    let asked = 0;
    async function* rows() {
      for (; asked < 100_000; asked += 1) yield ['x'.repeat(1_000), asked, null];
    }
    let taken = 0;
    const slow = new Writable({
      write(_chunk, _encoding, done) {
        taken += 1;
        if (taken < 5) done();
        else done(new Error('gone'));
      },
    });
    await t.rejects(writeCsv(slow, { columns, rows: rows() }), { message: 'gone' });
    t.ok(asked < 2_000, `${asked} rows`);
    const broken = writeCsv(new PassThrough().resume(), { columns, rows: [[Number.NaN]] });
    await t.rejects(broken, { name: 'RangeError' });
  },
);
