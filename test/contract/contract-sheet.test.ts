import { readFile } from 'node:fs/promises';
import { isoDate } from '@backoffice/core';
import t from 'tap';
import { readAll, tempFile, workbook } from '../../packages/spreadsheet/test/workbooks.ts';
import { book, dayOf, manyRows, monthAt, outstandingHeader, statement, wire, yearOf } from './sheets.ts';
import { figuresOf, type Json, startSystem, type UploadOptions } from './support.ts';

const system = await startSystem(t);
const { upload, get, call } = system;
t.beforeEach(() => system.clear());
t.setTimeout(240_000);

const april = monthAt(0);
const fixtures = new URL('../../packages/modules/receivables/test/fixtures/workbooks/', import.meta.url);
const dry: UploadOptions = { fields: { dryRun: 'true' } };
const warningsOf = (body: Json): string[] => body.warnings.map((each: Json) => each.code);

async function customers(financialYear = yearOf(april)): Promise<Json[]> {
  return get('country', '/customers', { financialYear });
}

t.test(
  '17. workbooks of four programs in all three header sets give the same customers over HTTP',
  async (t) => {
    const rows: Json[] = JSON.parse(await readFile(new URL('rows.json', fixtures), 'utf8'));
    const accepted = rows.flatMap(({ row }) => (row ? [row] : []));
    const distinct = [
      ...new Map(
        accepted.map((row) => [`${row.code}|${row.number ?? JSON.stringify(row)}`.toLowerCase(), row]),
      ).values(),
    ];
    /** B has dates but no age: what has no date is refused there. */
    const refused = (layout: string) =>
      layout === 'b' ? distinct.filter((row) => row.date === undefined) : [];
    const wanted = (layout: string) =>
      distinct
        .filter((row) => !refused(layout).includes(row))
        .reduce((sum, row) => sum + (row.status === 'paid' ? 0 : row.outstanding), 0);
    const ages: Record<string, Json> = {};
    for (const layout of ['a', 'b', 'c']) {
      for (const program of ['openpyxl', 'xlsxwriter', 'libreoffice', 'sheetjs']) {
        await system.clear();
        const name = `${program}-${layout}.xlsx`;
        const answer = await upload(await readFile(new URL(name, fixtures)), 'Jul-25', { fileName: name });
        t.equal(answer.status, 200, `${name}: ${answer.body.error}`);
        const { counts, count } = answer.body;
        const rejected = refused(layout).length;
        t.match(counts, { read: accepted.length, duplicates: 1, rejected }, name);
        t.equal(count, counts.inserted + counts.updated + counts.unchanged);
        t.equal(count + counts.duplicates + counts.rejected, counts.read);
        t.ok(warningsOf(answer.body).includes('HIDDEN_ROWS'), 'hidden rows count, with a warning');
        t.equal(warningsOf(answer.body).includes('OTHER_SHEETS'), name === 'xlsxwriter-a.xlsx');
        const dashboard = await get('country', '/dashboard', { month: 'Jul-25' });
        // A has no status column, so nothing is paid there.
        t.equal(figuresOf(dashboard).total, wanted(layout), name);
        const { outstandingByAge, kpis } = dashboard;
        ages[layout] ??= { outstandingByAge, kpis };
        t.same({ outstandingByAge, kpis }, ages[layout], `${name}: as the other programs`);
        t.notMatch(JSON.stringify(await customers('2025-2026')), /object Object|NaN|undefined/);
      }
    }
  },
);

t.test(
  '17. NO_HEADER_ROW and NO_ROWS; titles, repeated headers and totals are skipped and not counted',
  async (t) => {
    const nothing = await upload(await book(['Name', 'Town'], [['x', 'y']]), wire(april));
    t.match(nothing, { status: 422, body: { code: 'NO_HEADER_ROW' } });
    const headers = ['Accode', 'Party Name', 'Region', outstandingHeader(april), 'Inv.No', 'Age'];
    t.match(await upload(await book(headers, []), wire(april)), { status: 422, body: { code: 'NO_ROWS' } });
    const bytes = await book(
      ['Statement of the month'],
      [
        [],
        headers,
        ['A', 'Firm', 'Mumbai', 10, '1', 5],
        [],
        headers,
        ['B', 'Firm', 'bangalore', 20, '2', 5],
        ['Total', null, null, 30],
        [null, 'Grand Total', null, 30],
      ],
    );
    const { status, body } = await upload(bytes, wire(april));
    t.equal(status, 200);
    t.match(body, { counts: { read: 2, inserted: 2 }, errorCount: 0 });
    t.same((await customers()).map((each) => each.region).sort(), ['banglore', 'mumbai']);
  },
);

t.test(
  '18, 19, 21. rows: codes without case, whole numbers, duplicates, two regions, names; each error says where',
  async (t) => {
    const headers = ['Accode', 'Party Name', 'Region', outstandingHeader(april), 'Inv.No', 'Age'];
    const lines = [
      [100200300400500, 'Old name', 'MUMBAI', 10, 123456789012, 5],
      [' c-1 ', 'First', 'Bengaluru', 20, 'x-1', 5],
      ['C-1', 'Last', 'banglore', 30, null, 5],
      ['C-1', 'Last', 'banglore', 5, null, 100],
      ['c-1', 'First', 'Bengaluru', 20, 'X-1 ', 5],
      ['C-1', 'First', 'banglore', 21, 'x-1', 5],
      ['C-1', 'First', 'delhi', 1, 'y', 5],
      ['D', 'Firm', 'Atlantis', 1, 'z', 5],
      ['E', 'Firm', 'pune', null, 'e', 5],
      ['F', 'Firm', 'pune', '१२', 'f', 5],
      [null, 'Firm', 'pune', 1, 'g', 5],
      ['H', 'Firm', 'pune', 1, 'h', null],
      ['I', 'Firm', 'pune', 1, 123456789012, 5],
    ];
    const { status, body } = await upload(await book(headers, lines), wire(april));
    t.equal(status, 200);
    const { counts, errors } = body;
    t.equal(counts.read, 13);
    t.equal(
      counts.inserted + counts.updated + counts.unchanged + counts.duplicates + counts.rejected,
      counts.read,
    );
    t.match(body, {
      status: 'completed_with_errors',
      errorCount: errors.length,
      counts: { duplicates: 1, rejected: 7 },
    });
    const at = Object.fromEntries(errors.map((each: Json) => [each.row, each]));
    t.same(Object.keys(at).map(Number), [7, 8, 9, 10, 11, 12, 13], 'one for each row');
    t.match(at[7].message, /\b3\b/, 'names the first');
    t.match(at[9], { sheet: 'Statement', column: 'Region', cell: 'C9', value: 'Atlantis' });
    t.match(at[10], { column: outstandingHeader(april), cell: 'D10' });
    t.match(at[11], { column: outstandingHeader(april), cell: 'D11', value: '१२' });
    t.ok(
      warningsOf(body).some((code) => /NAME/.test(code)),
      'names differ',
    );
    t.ok(
      warningsOf(body).some((code) => /NUMBER|INVOICE|CUSTOMER/.test(code)),
      'another customer has that number',
    );
    const rows = await customers();
    const big = rows.find((each) => each.customerCode === '100200300400500')!;
    t.equal(big.invoices[0].invoiceNumber, '123456789012', 'no digit lost, no .0');
    const c1 = rows.find((each) => each.customerCode.toLowerCase() === 'c-1')!;
    t.equal(c1.outstandingAmount, 55, 'on-account amounts are summed');
  },
);

t.test('13, 20. amounts: every accepted form is exact; everything else is a row error', async (t) => {
  const good: [string | number, number][] = [
    ...([
      ['₹1,23,456.50', 12345650],
      ['(1,000.00)', -100000],
      [1.005, 101],
      ['Rs. 5', 500],
    ] as [string | number, number][]),
    ...([
      ['INR 1,234,567', 123456700],
      ['100/-', 10000],
      ['75 Cr', -7500],
      ['75 Dr', 7500],
    ] as [string | number, number][]),
    ...([
      ['-', 0],
      ['NIL', 0],
      ['-12.34', -1234],
      ['12 345', 1234500],
    ] as [string | number, number][]),
  ];
  for (const [text, paise] of good) t.ok(Number.isInteger(paise), String(text));
  const headers = ['Accode', 'Party Name', 'Region', outstandingHeader(april), 'Inv.No', 'Age'];
  const lines = good.map(([amount], index) => [`C${index}`, 'Firm', 'pune', amount, `N${index}`, 5]);
  const bad = ['12,34', 'abc', '1.2.3', '١٢', '--5'];
  const refused = bad.map((amount, index) => [`X${index}`, 'Firm', 'pune', amount, `X${index}`, 5]);
  // The writer guards texts such as "-5" with an apostrophe; hand-written cells have none.
  const cells = [headers, ...lines, ...refused]
    .map(
      (line) =>
        `<row>${line.map((cell) => (typeof cell === 'number' ? `<c><v>${cell}</v></c>` : `<c t="inlineStr"><is><t xml:space="preserve">${cell}</t></is></c>`)).join('')}</row>`,
    )
    .join('');
  const path = await workbook(t, { sheets: { S: cells } });
  const { status, body } = await upload(await readFile(path), wire(april));
  t.equal(status, 200, JSON.stringify(body.errors));
  t.equal(body.errorCount, bad.length, JSON.stringify(body.errors));
  const rows = await customers();
  for (const [index, [text, paise]] of good.entries()) {
    const found = rows.find((each) => each.customerCode === `C${index}`)!;
    t.equal(Math.round(found.outstandingAmount * 100), paise, String(text));
  }
});

t.test(
  '10, 20. cells as files have them: inline, rich text, formulas with and without values, errors, no addresses',
  async (t) => {
    const text = (value: string) => `<c t="inlineStr"><is><t>${value}</t></is></c>`;
    const head = `<row>${['Accode', 'Party Name', 'Region', outstandingHeader(april), 'Inv.No', 'Age'].map(text).join('')}</row>`;
    const line = (code: string, amount: string) =>
      `<row>${text(code)}${text('Firm')}<c t="inlineStr"><is><r><t>pu</t></r><r><t>ne</t></r></is></c>${amount}${text(`N${code}`)}<c><v>5</v></c></row>`;
    const sheet = [
      head,
      line('A', '<c><f>1+1</f><v>2.5</v></c>'),
      line('B', '<c><f>1+1</f></c>'),
      line('C', '<c t="e"><v>#N/A</v></c>'),
      line('D', '<c t="b"><v>1</v></c>'),
      line('E', '<c t="str"><f>TEXT(3)</f><v>3.75</v></c>'),
    ].join('');
    const { status, body } = await upload(
      await readFile(await workbook(t, { sheets: { S: sheet } })),
      wire(april),
    );
    t.equal(status, 200, JSON.stringify(body));
    t.same(
      body.errors.map((each: Json) => each.cell),
      ['D3', 'D4', 'D5'],
    );
    t.notMatch(JSON.stringify(body), /object Object/);
    const rows = await customers();
    t.same(
      rows.map((each) => [each.customerCode, each.outstandingAmount]),
      [
        ['A', 2.5],
        ['E', 3.75],
      ],
    );
  },
);

t.test(
  '12. dates: day first, ISO, serials, the 1904 epoch; no swap and no shift; nonsense is a row error',
  async (t) => {
    const headers = ['Accode', 'Party Name', 'Region', outstandingHeader(april), 'Inv.No', 'Inv.Date'];
    const year = april.slice(0, 4);
    const wanted = `${year}-04-03`;
    const lines = [
      ['A', 'Firm', 'pune', 1, 'a', `03/04/${year}`],
      ['B', 'Firm', 'pune', 1, 'b', wanted],
      ['C', 'Firm', 'pune', 1, 'c', { day: dayOf(april, 3) }],
      ['D', 'Firm', 'pune', 1, 'd', `25/04/${year}`],
      ['E', 'Firm', 'pune', 1, 'e', 9_999_999_999],
      ['F', 'Firm', 'pune', 1, 'f', `31/02/${year}`],
    ];
    const { body } = await upload(await book(headers, lines), wire(april));
    t.same(
      body.errors.map((each: Json) => each.cell),
      ['F6', 'F7'],
    );
    const dates = Object.fromEntries(
      (await customers()).map((each) => [each.customerCode, each.invoices[0].invoiceDate]),
    );
    t.same(dates, {
      ...{ A: `${wanted}T00:00:00.000Z`, B: `${wanted}T00:00:00.000Z`, C: `${wanted}T00:00:00.000Z` },
      D: `${isoDate(dayOf(april, 25))}T00:00:00.000Z`,
    });
  },
);

t.test('6, 8, 25. what is refused in the request itself, with a stable code', async (t) => {
  const broken = (await statement(april, manyRows(50, 'pune'))).subarray(0, 3000);
  const ole = Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(2000)]);
  const plainZip = await tempFile(t, 'x', '');
  t.ok(plainZip);
  const cases: [string, Uint8Array | string | null, number, string | RegExp][] = [
    ['no file', null, 400, 'FILE_MISSING'],
    ['an empty file', '', 400, 'FILE_EMPTY'],
    ['CSV', 'Accode,Region\nA,pune\n', 415, 'NOT_A_WORKBOOK'],
    ['PDF', '%PDF-1.7\n...', 415, 'NOT_A_WORKBOOK'],
    ['an old or encrypted file', ole, 415, /NOT_A_WORKBOOK|WORKBOOK_ENCRYPTED/],
    ['a cut-off file', broken, 422, 'WORKBOOK_BROKEN'],
    ['over 50 MB', new Uint8Array(51 * 1024 * 1024), 413, 'UPLOAD_TOO_LARGE'],
  ];
  for (const [what, bytes, status, code] of cases) {
    const answer = await upload(bytes, wire(april));
    t.equal(answer.status, status, what);
    t.match(answer.body.code, code, what);
  }
  t.match(await call('country', 'POST', '/upload', { body: {} }), {
    status: /400|415/ as never,
    body: { code: /UPLOAD_MALFORMED|UNSUPPORTED_MEDIA_TYPE/ },
  });
  t.same(await get('country', '/upload'), [], 'no record of what was refused at the door');
});

t.test('11. a hostile file name is shown without harm and can’t break a header', async (t) => {
  const rows = [{ code: 'A', region: 'nowhere', amount: 1, number: '1' }];
  for (const fileName of [
    '../../x.xlsx',
    'a\r\nSet-Cookie: x=1.xlsx',
    `${'n'.repeat(300)}.xlsx`,
    '‮xslx.exe"; filename="y.xlsx',
  ]) {
    const { body } = await upload(await statement(april, rows), wire(april), { fileName });
    const status = await get('country', `/upload/${body.uploadId}/status`);
    t.ok(status.fileName.length <= 200);
    t.notMatch(status.fileName, /[/\\\r\n\u202e]/);
    const { headers } = await call('country', 'GET', `/upload/${body.uploadId}/errors.xlsx`);
    t.match(
      headers.get('content-disposition'),
      /^attachment; filename="[\w .()-]*"; filename\*=UTF-8''[\w.%~-]*$/,
    );
    t.equal(headers.get('set-cookie'), null);
  }
});

t.test('16. errors.xlsx has every row error, inert', async (t) => {
  const wild = ['=1+1', ' =1+1', 'ok\n=2', '@x', '+x', '\t=3'];
  const headers = ['Accode', 'Party Name', 'Region', outstandingHeader(april), 'Inv.No', 'Age'];
  const cell = (value: string | number) =>
    typeof value === 'number'
      ? `<c><v>${value}</v></c>`
      : `<c t="inlineStr"><is><t xml:space="preserve">${value}</t></is></c>`;
  const lines = [
    headers,
    ...Array.from({ length: 40 }, (_, index) => [
      `C${index}`,
      'Firm',
      wild[index % wild.length]!,
      5,
      `N${index}`,
      5,
    ]),
  ];
  const sheet = lines.map((line) => `<row>${line.map(cell).join('')}</row>`).join('');
  const { status, body } = await upload(
    await readFile(await workbook(t, { sheets: { S: sheet } })),
    wire(april),
  );
  t.match({ status, body }, { status: 422, body: { errorCount: 40 } });
  t.equal(body.errors.length, 20, 'the first 20');
  t.equal((await get('country', `/upload/${body.uploadId}/status`, { errors: 'all' })).errors.length, 40);
  const report = await call('country', 'GET', `/upload/${body.uploadId}/errors.xlsx`);
  const [read] = await readAll(await tempFile(t, 'errors.xlsx', report.body));
  t.equal(read!.rows.length, 41);
  for (const { cells } of read!.rows) {
    for (const each of cells) {
      if (each === undefined) continue;
      t.notOk(each.kind === 'formula', 'nothing is calculated');
      if (each.kind === 'text') t.notMatch(each.text, /(^|\n)\s*[=+\-@\t]/);
    }
  }
});

t.test('26. list newest first, status, server-sent events, template, 202 with Prefer', async (t) => {
  const bytes = await statement(april, manyRows(30, 'pune'));
  const first = (await upload(bytes, wire(april), dry)).body;
  const accepted = await upload(bytes, wire(april), { headers: { prefer: 'respond-async' } });
  t.equal(accepted.status, 202);
  t.equal(accepted.headers.get('location'), accepted.body.statusUrl);
  t.ok(Number(accepted.headers.get('retry-after')) > 0);
  const events = await call('country', 'GET', accepted.body.statusUrl.replace(/^\/api/, ''), {
    headers: { accept: 'text/event-stream' },
  });
  t.match(events.headers.get('content-type'), /^text\/event-stream/);
  const datas = events.body
    .toString()
    .split('\n')
    .filter((line: string) => line.startsWith('data:'));
  t.match(
    JSON.parse(datas.at(-1)!.slice(5)),
    { status: 'completed', progress: 1, counts: { read: 30 } },
    'the stream ends with the end',
  );
  const status = await get('country', `/upload/${accepted.body.uploadId}/status`);
  t.match(status, {
    status: 'completed',
    count: 30,
    counts: { inserted: 30 },
    createdBy: 'Chitra Country',
    errors: [],
  });
  const list = await call('country', 'GET', '/upload?limit=1');
  t.equal(list.headers.get('x-total-count'), '2');
  t.same(
    list.body.map((each: Json) => each.uploadId),
    [accepted.body.uploadId],
    'newest first',
  );
  t.same(
    (await get('country', '/upload', { limit: '1', page: '2' })).map((each: Json) => each.uploadId),
    [first.uploadId],
  );
  const template = await call('country', 'GET', '/upload/template');
  t.match(template.headers.get('content-disposition'), /statement-template\.xlsx/);
  const [sheet] = await readAll(await tempFile(t, 'template.xlsx', template.body));
  t.ok(sheet!.rows[0]!.cells.some((each) => each?.kind === 'text' && /outst/i.test(each.text)));
});
