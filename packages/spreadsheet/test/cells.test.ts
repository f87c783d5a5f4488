import t from 'tap';
import { createTextRuns, decodeEscapes } from '../src/read/text-runs.ts';
import {
  readAll,
  readCells,
  readRows,
  relation,
  relationships,
  workbook,
  workbookParts,
} from './workbooks.ts';

t.setTimeout(120_000);

const text = (value: string) => ({ kind: 'text', text: value });
const number = (value: number) => ({ kind: 'number', value });

t.test('SURVIVES 10: every kind of cell has its value, never "[object Object]"', async (t) => {
  const strings = [
    '<si><t xml:space="preserve"> plain </t></si>',
    '<si><r><rPr><b/></rPr><t>rich </t></r><r><t>te</t></r><r><t>xt</t></r><rPh sb="0" eb="1"><t>PHONETIC</t></rPh><phoneticPr fontId="1"/></si>',
    '<si><t>two_x000D_\nlines &amp; _x005F_x000D_</t></si>',
    '<si><t/></si>',
  ].join('');
  const cells = [
    ['<c r="A1" t="s"><v>0</v></c>', text(' plain ')],
    ['<c r="B1" t="s"><v>1</v></c>', text('rich text')],
    ['<c r="C1" t="s"><v> 2 </v></c>', text('two\r\nlines & _x000D_')],
    ['<c r="D1" t="s"><v>3</v></c>', undefined],
    ['<c r="E1" t="inlineStr"><is><t>inline</t></is></c>', text('inline')],
    [
      '<c r="F1" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r><rPh><t>X</t></rPh></is></c>',
      text('inline'),
    ],
    ['<c r="G1"><v>1.005</v></c>', number(1.005)],
    ['<c r="H1" t="n"><v>-1.2E-3</v></c>', number(-0.0012)],
    ['<c r="I1" t="b"><v>1</v></c>', { kind: 'boolean', value: true }],
    ['<c r="J1" t="b"><v>0</v></c>', { kind: 'boolean', value: false }],
    ['<c r="K1" t="e"><v>#N/A</v></c>', { kind: 'error', text: '#N/A' }],
    ['<c r="L1"><f>SUM(A1:A2)</f><v>42</v></c>', number(42)],
    ['<c r="M1" t="str"><f>A1&amp;"x"</f><v>joined</v></c>', text('joined')],
    ['<c r="N1"><f>1+1</f></c>', { kind: 'formula' }],
    ['<c r="O1" t="str"><f>A9</f><v></v></c>', undefined],
    ['<c r="P1" t="str"><f>A9</f></c>', { kind: 'formula' }],
    ['<c r="Q1" t="e"><f>1/0</f><v>#DIV/0!</v></c>', { kind: 'error', text: '#DIV/0!' }],
    ['<c r="R1" s="5"/>', undefined],
    ['<c r="S1"><v>0x10</v></c>', text('0x10')],
    ['<c r="T1"><v>1e999</v></c>', text('1e999')],
    ['<c r="U1"><v>12345678901234567890</v></c>', number(12345678901234567000)],
    ['<c r="V1"><f t="shared" si="0"/><v><![CDATA[7]]></v></c>', number(7)],
    ['<c r="W1" t="b"><v>maybe</v></c>', text('maybe')],
    ['<c r="X1" t="inlineStr"><is><t>a</t></is><extLst><ext><t>no</t></ext></extLst></c>', text('a')],
  ] as const;
  const sheet = `<row r="1">${cells.map(([xml]) => xml).join('')}</row>`;
  const read = await readCells(t, { sheets: { A: sheet }, strings });
  cells.forEach(([xml, expected], i) => {
    t.same(read?.[i], expected, xml);
  });
});

t.test('SURVIVES 10: rows and cells without positions follow the ones before', async (t) => {
  const sheet = [
    '<row><c><v>1</v></c><c/><c><v>3</v></c></row>',
    '<row/>',
    '<row><c r="C3"><v>4</v></c><c><v>5</v></c></row>',
    '<row r="9"><c><v>6</v></c></row>',
    '<row><c r="B20"><v>7</v></c></row>',
    '<row><c><v>8</v></c></row>',
  ].join('');
  t.same(await readRows(await workbook(t, { sheets: { A: sheet } })), [
    { row: 1, hidden: false, cells: [number(1), undefined, number(3)] },
    { row: 3, hidden: false, cells: [undefined, undefined, number(4), number(5)] },
    { row: 9, hidden: false, cells: [number(6)] },
    { row: 20, hidden: false, cells: [undefined, number(7)] },
    { row: 21, hidden: false, cells: [number(8)] },
  ]);
});

t.test('SURVIVES 10: a cell that cannot be placed is an error that names sheet, row and cell', async (t) => {
  const cases: [string, RegExp][] = [
    ['<row r="5"><c r="A5"><v>1</v></c></row><row r="5"><c><v>1</v></c></row>', /out of order/],
    ['<row r="5"><c r="A6"><v>1</v></c></row>', /wrong row/],
    ['<row r="5"><c r="A5"><v>1</v></c><c r="A5"><v>2</v></c></row>', /twice/],
    ['<row r="5"><c r="5A"><v>1</v></c></row>', /no cell/],
    ['<row r="5"><c r="AAAAA5"><v>1</v></c></row>', /no cell/],
    ['<row r="5"><c t="s"><v>0</v></c></row>', /not there/],
    ['<row r="x"><c><v>0</v></c></row>', /out of order/],
  ];
  for (const [sheet, message] of cases) {
    const path = await workbook(t, { sheets: { 'April 2024': sheet } });
    await t.rejects(
      readRows(path),
      { code: 'WORKBOOK_BROKEN', message, details: { sheet: 'April 2024' } },
      sheet,
    );
  }
  const path = await workbook(t, { sheets: { A: cases[2]![0] } });
  await t.rejects(readRows(path), { code: 'WORKBOOK_BROKEN', details: { sheet: 'A', row: 5, cell: 'A5' } });
});

t.test('hidden rows are marked, hidden sheets and chart sheets are not offered', async (t) => {
  const sheets = {
    Shown:
      '<row hidden="1"><c><v>1</v></c></row><row hidden="0"><c><v>2</v></c></row><row hidden="true"><c><v>3</v></c></row>',
    Hidden: '<row><c><v>1</v></c></row>',
    Secret: '<row><c><v>1</v></c></row>',
    Also: '',
  };
  const parts = workbookParts({ sheets });
  const workbookXml = String(parts['xl/workbook.xml']);
  const path = await workbook(t, {
    sheets,
    parts: {
      'xl/workbook.xml': workbookXml
        .replace('sheetId="2"', 'sheetId="2" state="hidden"')
        .replace('sheetId="3"', 'sheetId="3" state="veryHidden"')
        .replace('<sheet name="Also"', '<sheet name="Chart" sheetId="9" r:id="rId9"/><sheet name="Also"'),
      'xl/_rels/workbook.xml.rels': String(parts['xl/_rels/workbook.xml.rels']).replace(
        '</Relationships>',
        `${relation('rId9', 'chartsheet', 'chartsheets/sheet1.xml')}</Relationships>`,
      ),
      'xl/chartsheets/sheet1.xml': '<chartsheet/>',
    },
  });
  const read = await readAll(path);
  t.same(
    read.map(({ name, index, visible }) => ({ name, index, visible })),
    [
      { name: 'Shown', index: 0, visible: true },
      { name: 'Hidden', index: 1, visible: false },
      { name: 'Secret', index: 2, visible: false },
      { name: 'Also', index: 4, visible: true },
    ],
  );
  t.same([read[1]!.rows, read[2]!.rows], [[], []], 'hidden ones are named, not read');
  t.same(
    read[0]!.rows.map((row) => row.hidden),
    [true, false, true],
  );
});

t.test('prefixes, the strict variant, other part names and UTF-16 make no difference', async (t) => {
  const row = '<x:row r="1"><x:c r="A1" t="s"><x:v>0</x:v></x:c><x:c r="B1"><x:v>2</x:v></x:c></x:row>';
  const strict = 'http://purl.oclc.org/ooxml/spreadsheetml/main';
  const sheet = `<?xml version="1.0"?><x:worksheet xmlns:x="${strict}"><x:sheetData>${row}</x:sheetData></x:worksheet>`;
  const rels = (type: string, target: string) =>
    `<Relationship Id="r1" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/${type}" Target="${target}"/>`;
  const sst = '<?xml version="1.0" encoding="UTF-16"?><sst><si><t>क🙂ख</t></si></sst>';
  const path = await workbook(t, {
    order: ['book/s/one.xml'],
    parts: {
      'xl/workbook.xml': null,
      'xl/_rels/workbook.xml.rels': null,
      'xl/worksheets/sheet1.xml': null,
      '[Content_Types].xml':
        '<Types><Override PartName="/Book/main.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
      '_rels/.rels': relationships(rels('officeDocument', '/book/main.xml')),
      'book/main.xml': `<x:workbook xmlns:x="${strict}" xmlns:d="urn:r"><x:sheets><x:sheet name="A" sheetId="1" d:id="r1"/></x:sheets></x:workbook>`,
      'book/_rels/main.xml.rels': relationships(
        rels('worksheet', './s/../s/one.xml'),
        rels('sharedStrings', 'strings.xml').replace('r1', 'r2'),
      ),
      'book/s/one.xml': sheet,
      'book/strings.xml': Buffer.from(`\ufeff${sst}`, 'utf16le'),
    },
  });
  t.same(await readRows(path), [{ row: 1, hidden: false, cells: [text('क🙂ख'), number(2)] }]);
});

t.test('columns beyond the 256th are ignored, merges are not expanded', async (t) => {
  const sheet =
    '<?xml version="1.0"?><worksheet><cols><col min="1" max="16384"/></cols><sheetData><row r="1"><c r="IV1"><v>1</v></c><c r="IW1"><v>2</v></c></row>' +
    '</sheetData><mergeCells><mergeCell ref="A1:C3"/></mergeCells></worksheet>';
  const [row] = await readRows(await workbook(t, { sheets: { A: sheet } }));
  t.equal(row?.cells.length, 256);
  t.same(row?.cells[255], number(1));
});

t.test('escapes of the format and text without end', async (t) => {
  t.equal(decodeEscapes('a_x0041__x0042_c_x00zz_'), 'aABc_x00zz_');
  t.equal(decodeEscapes('_x005F_x0041_'), '_x0041_');
  const runs = createTextRuns(10);
  runs.begin();
  runs.open('t');
  t.throws(() => runs.text('x'.repeat(71)), { code: 'WORKBOOK_TOO_LARGE' });
});
