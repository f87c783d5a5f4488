import t from 'tap';
import { builtInFormat, customFormat, zerosShown } from '../src/read/number-formats.ts';
import { serialOf, serialOfIso } from '../src/read/serials.ts';
import { readCells } from './workbooks.ts';

const APRIL_1_2024 = 45_383;
const styles = (...codes: (number | string)[]) =>
  `<numFmts>${codes
    .map((code, i) =>
      typeof code === 'string' ? `<numFmt numFmtId="${200 + i}" formatCode="${code}"/>` : '',
    )
    .join('')}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>${codes
    .map((code, i) => `<xf numFmtId="${typeof code === 'string' ? 200 + i : code}"/>`)
    .join('')}</cellXfs>`;

t.test('SURVIVES 12: a serial is a date by the format of its style', async (t) => {
  const row = [0, 1, 2, 3, 4].map((s) => `<c s="${s}"><v>45383</v></c>`).join('');
  const cells = await readCells(t, {
    sheets: {
      A: `<row>${row}<c s="1"><v>9999999999</v></c><c s="1"><v>-3.5</v></c><c s="77"><v>5</v></c></row>`,
    },
    styles: styles(14, 'dd\\/mm\\/yyyy;@', '#,##0.00', 4),
  });
  t.same(cells, [
    { kind: 'number', value: APRIL_1_2024 },
    { kind: 'date', value: APRIL_1_2024 },
    { kind: 'date', value: APRIL_1_2024 },
    { kind: 'number', value: APRIL_1_2024 },
    { kind: 'number', value: APRIL_1_2024 },
    { kind: 'date', value: 9_999_999_999 },
    { kind: 'date', value: -3.5 },
    { kind: 'number', value: 5 },
  ]);
});

t.test('SURVIVES 12: files of the 1904 epoch give the same calendar dates', async (t) => {
  const cells = await readCells(t, {
    date1904: true,
    sheets: {
      A: '<row><c s="1"><v>43921</v></c><c><v>43921</v></c><c s="2"><v>0.5</v></c><c t="d"><v>2024-04-01</v></c></row>',
    },
    styles: styles(14, 18),
  });
  t.same(cells, [
    { kind: 'date', value: APRIL_1_2024 },
    { kind: 'number', value: 43_921 },
    { kind: 'date', value: 0.5 },
    { kind: 'date', value: APRIL_1_2024, text: '2024-04-01' },
  ]);
  t.equal(serialOf(30, 'elapsed', true), 30, 'a duration is no date');
});

t.test(
  'SURVIVES 12: ISO cells keep the written day, whatever the zone; no such day stays text',
  async (t) => {
    const row = [
      '2024-04-01T00:00:00',
      '2024-04-01T12:00:00.000Z',
      '2024-04-01T00:00:00+05:30',
      '2024-02-30',
      'soon',
    ]
      .map((iso) => `<c t="d"><v>${iso}</v></c>`)
      .join('');
    const cells = await readCells(t, { sheets: { A: `<row>${row}</row>` } });
    t.same(
      cells?.map((cell) => (cell?.kind === 'date' ? cell.value : cell)),
      [
        APRIL_1_2024,
        APRIL_1_2024 + 0.5,
        APRIL_1_2024,
        { kind: 'text', text: '2024-02-30' },
        { kind: 'text', text: 'soon' },
      ],
    );
    t.equal(serialOfIso('1900-01-01'), 1);
    t.equal(serialOfIso('1900-02-28'), 59);
    t.equal(serialOfIso('1900-03-01'), 61, 'after the 29 February that never was');
    t.equal(serialOfIso('1970-01-01'), 25_569);
    t.equal(serialOfIso('18:00'), 0.75);
    t.equal(serialOfIso('2024-13-01'), null);
  },
);

t.test('number formats: only letters that Excel reads as a date make one', async (t) => {
  const kinds: Record<string, string[]> = {
    date: [
      'dd/mm/yyyy',
      'd-mmm-yy;@',
      '[$-409]d-mmm-yy;@',
      'yyyy"年"m"月"',
      'm/d/yy h:mm',
      'mmm-yy',
      'DD.MM.YY',
      '[Red]dd/mm',
      ';;dd',
      'mmmm',
      '[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy',
    ],
    time: ['h:mm AM/PM', 'mm:ss.0', 'h:mm:ss', 'A/P h'],
    elapsed: ['[h]:mm:ss', '[mm]:ss', '[ss].00'.replace('.00', '')],
    number: [
      'General',
      '0',
      '#,##0.00',
      '0.00E+00',
      '[Red]#,##0',
      '"dd/mm/yyyy"',
      '\\d\\m0',
      '0_d',
      '*d0',
      '#,##0\\ "days"',
      '[$₹-4009]\\ #,##0.00',
      '[$USD]0',
      'Rs. #,##0',
      '@',
      '',
      '_-* #,##0.00_-;\\-* #,##0.00_-;_-* "-"??_-;_-@_-',
      '[>=100]0;[Yellow]0',
      '0;[Red]-0;"day"',
      '"unclosed dd',
      '# ?/?',
    ],
  };
  for (const [kind, codes] of Object.entries(kinds))
    for (const code of codes) t.equal(customFormat(code), kind, code);
  t.same(
    [0, 1, 4, 9, 11, 13, 14, 17, 18, 21, 22, 23, 36, 37, 44, 45, 46, 47, 48, 49, 57, 164]
      .map((id) => [id, builtInFormat(id)])
      .filter(([, kind]) => kind !== 'number')
      .map(([id]) => id),
    [14, 17, 18, 21, 22, 36, 45, 46, 47, 57],
  );
});

t.test('a format of zeros says how many digits it shows; the cell tells', async (t) => {
  for (const [code, digits] of [
    ['00000000000', 11],
    ['0000\\-000\\-0000', 11],
    ['0000" / "000;[Red]-0', 7],
    ['[$-409]000 000', 6],
    ['00_);(00)', 2],
    ['0', 0],
    ['#,##0', 0],
    ['0,000', 0],
    ['00.00', 0],
    ['00E+00', 0],
    ['00%', 0],
    ['"00"0', 0],
    ['[<100]00;0', 0],
    ['00/00', 0],
    ['General', 0],
    ['@', 0],
    ['', 0],
  ] as const) {
    t.equal(zerosShown(code), digits, code);
  }
  const cells = await readCells(t, {
    sheets: { A: '<row><c s="1"><v>8031234567</v></c><c s="2"><v>58</v></c><c><v>58</v></c></row>' },
    styles: styles('00000000000', '0'),
  });
  t.same(cells, [
    { kind: 'number', value: 8_031_234_567, digits: 11 },
    { kind: 'number', value: 58 },
    { kind: 'number', value: 58 },
  ]);
});
