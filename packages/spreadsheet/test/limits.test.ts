import t from 'tap';
import type { Entry } from 'yauzl';
import { defaultReadLimits, readWorkbook, type SheetRow } from '../src/index.ts';
import { createInflation } from '../src/read/parts.ts';
import { readRows, repeat, workbook } from './workbooks.ts';

t.setTimeout(180_000);

const reader = (onRows: (rows: SheetRow[]) => unknown) => ({
  onSheet: () => 'read' as const,
  onRows: onRows as () => undefined,
});

t.test('SURVIVES 1, 2: bytes are counted as they come out, not as they are declared', async (t) => {
  const inflation = createInflation({ ...defaultReadLimits, maxInflatedBytes: 100_000_000 });
  const entry = { fileName: 'xl/a.xml', compressedSize: 200_000, uncompressedSize: 1024 } as Entry;
  inflation.add(entry, 19_000_000, 19_000_000);
  t.throws(() => inflation.add(entry, 21_000_000, 2_000_000), {
    code: 'WORKBOOK_TOO_LARGE',
    message: /100 times/,
  });
  t.throws(() => inflation.add(entry, 1, 80_000_000), {
    code: 'WORKBOOK_TOO_LARGE',
    message: /unpacks to more/,
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
      ['depth', { sheets: { A: `${'<a>'.repeat(300)}${'</a>'.repeat(300)}` } }, 'WORKBOOK_BROKEN'],
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
