import { readFile, truncate, writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { cellReference, checkContainer } from '../src/index.ts';
import { patchEntry, readRows, repeat, tempFile, workbook, workbookParts, zip } from './workbooks.ts';

t.setTimeout(120_000);

const SHEET = 'xl/worksheets/sheet1.xml';
const blanks = (megabytes: number) => repeat(megabytes * 16, () => ' '.repeat(65_536));
const bomb = await workbook(t, { sheets: { A: blanks(300) } });
const bombCopy = async (t: Test) => tempFile(t, 'bomb.xlsx', await readFile(bomb));

t.test('a workbook passes the check, whatever the order of its parts', async (t) => {
  await checkContainer(await workbook(t));
  await checkContainer(await workbook(t, { order: [SHEET, 'xl/workbook.xml'] }));
});

t.test('SURVIVES 1: 300 KB that inflate to 300 MB are refused by the directory alone', async (t) => {
  t.ok((await readFile(bomb)).length < 600_000, 'the file is small');
  for (const path of [bomb, await workbook(t, { strings: blanks(20) })]) {
    const begun = performance.now();
    await t.rejects(checkContainer(path), { code: 'WORKBOOK_TOO_LARGE', message: /100 times/ });
    t.ok(performance.now() - begun < 1000);
  }
});

t.test('SURVIVES 1: declared sizes count together, small parts may be packed tightly', async (t) => {
  const path = await workbook(t, { parts: { 'xl/a.xml': blanks(15), 'xl/b.xml': blanks(15) } });
  await checkContainer(path);
  await t.rejects(checkContainer(path, { maxInflatedBytes: 20 * 1024 ** 2 }), { code: 'WORKBOOK_TOO_LARGE' });
});

t.test('SURVIVES 2: a part that declares 1 KB and inflates to 300 MB is refused', async (t) => {
  const path = await bombCopy(t);
  await patchEntry(path, SHEET, { size: 1024 });
  await t.rejects(checkContainer(path), { code: 'WORKBOOK_BROKEN', message: /wrong size/ });
});

t.test(
  'SURVIVES 2: a lie that the directory does not show is found at the first byte too many',
  async (t) => {
    const path = await bombCopy(t);
    await patchEntry(path, SHEET, { size: 1024 ** 2 });
    await checkContainer(path);
    const begun = performance.now();
    await t.rejects(readRows(path), { code: 'WORKBOOK_BROKEN', message: /too many bytes/ });
    t.ok(performance.now() - begun < 2000);
  },
);

t.test('SURVIVES 6: what is no .xlsx has a stable code', async (t) => {
  const cfb = Buffer.from('d0cf11e0a1b11ae1', 'hex');
  const encrypted = Buffer.concat([cfb, Buffer.alloc(1_048_560), Buffer.from('EncryptedPackage', 'utf16le')]);
  const oldXls = Buffer.concat([cfb, Buffer.alloc(4096), Buffer.from('Workbook', 'utf16le')]);
  const docx = workbookParts({});
  const main = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml';
  docx['[Content_Types].xml'] =
    `<Types><Override PartName="/xl/workbook.xml" ContentType="${main}"/></Types>`;
  const cases: [string, string, string][] = [
    ['CSV', await tempFile(t, 'a.xlsx', 'Accode,Region\n1,pune\n'), 'NOT_A_WORKBOOK'],
    ['PDF', await tempFile(t, 'a.xlsx', '%PDF-1.7\n'), 'NOT_A_WORKBOOK'],
    ['HTML', await tempFile(t, 'a.xlsx', '<html><table></table></html>'), 'NOT_A_WORKBOOK'],
    ['nothing', await tempFile(t, 'a.xlsx', ''), 'NOT_A_WORKBOOK'],
    ['two bytes', await tempFile(t, 'a.xlsx', 'PK'), 'NOT_A_WORKBOOK'],
    ['old .xls', await tempFile(t, 'a.xlsx', oldXls), 'NOT_A_WORKBOOK'],
    ['encrypted', await tempFile(t, 'a.xlsx', encrypted), 'WORKBOOK_ENCRYPTED'],
    ['a document', await zip(t, docx), 'NOT_A_WORKBOOK'],
    ['another archive', await zip(t, { 'readme.txt': 'hello' }), 'NOT_A_WORKBOOK'],
    ['an empty archive', await zip(t, {}), 'NOT_A_WORKBOOK'],
    ['.ods', await zip(t, { mimetype: 'application/vnd.oasis…', 'content.xml': '<a/>' }), 'NOT_A_WORKBOOK'],
  ];
  for (const [name, path, code] of cases) {
    await t.rejects(checkContainer(path), { name: 'CodedError', code }, `${name} at the check`);
  }
  for (const i of [0, 6, 7]) {
    const [name, path, code] = cases[i]!;
    await t.rejects(readRows(path), { name: 'CodedError', code }, `${name} when read`);
  }
});

t.test('a file that is not there is our fault, not the workbook’s', async (t) => {
  await t.rejects(checkContainer('/nowhere/a.xlsx'), { code: 'ENOENT' });
  await t.rejects(readRows('/nowhere/a.xlsx'), { name: 'Error', message: /ENOENT/ });
});

t.test('SURVIVES 7: a truncated file fails within 2 s, wherever it was cut', async (t) => {
  const whole = await workbook(t, {
    sheets: { A: repeat(2000, (i) => `<row><c><v>${i * 7919}</v></c></row>`) },
  });
  const bytes = await readFile(whole);
  for (const part of [0.1, 0.5, 0.9, 0.999]) {
    const path = await tempFile(t, 'cut.xlsx', bytes);
    await truncate(path, Math.floor(bytes.length * part));
    await t.rejects(checkContainer(path), { code: 'WORKBOOK_BROKEN' });
    const begun = performance.now();
    await t.rejects(readRows(path), { code: 'WORKBOOK_BROKEN' });
    t.ok(performance.now() - begun < 2000, `${part} of the file`);
  }
});

t.test('SURVIVES 7: damage inside a part is found, however the directory looks', async (t) => {
  const xml = '<?xml version="1.0"?><worksheet><sheetData><row><c><v>1</v></c></row>';
  await t.rejects(readRows(await workbook(t, { sheets: { A: xml } })), {
    code: 'WORKBOOK_BROKEN',
    message: /sheet1\.xml/,
  });
  const path = await workbook(t, {
    sheets: { A: repeat(5000, (i) => `<row><c><v>${i * 7919}</v></c></row>`) },
  });
  const bytes = await readFile(path);
  const local = bytes.indexOf(SHEET);
  bytes.fill(0xff, local + 200, local + 400);
  await writeFile(path, bytes);
  const begun = performance.now();
  await t.rejects(readRows(path), { code: 'WORKBOOK_BROKEN' });
  t.ok(performance.now() - begun < 2000);
});

t.test('SURVIVES 7: a changed digit is found, although nothing else is wrong', async (t) => {
  const path = await workbook(t, { sheets: { A: '<row><c><v>1000</v></c></row>' }, stored: true });
  const bytes = await readFile(path);
  bytes.write('9', bytes.indexOf('<v>1000') + 3);
  await writeFile(path, bytes);
  await t.rejects(readRows(path), { code: 'WORKBOOK_BROKEN', message: /checksum/ });
});

t.test('entries that lie, overlap, double or climb are refused', async (t) => {
  const overlapping = await workbook(t);
  await patchEntry(overlapping, SHEET, { offset: 0 });
  await t.rejects(checkContainer(overlapping), { code: 'WORKBOOK_BROKEN', message: /directory says/ });

  const disguised = await workbook(t);
  const disguise = await readFile(disguised);
  disguise.write('xl/worksheets/sheet9.xml', disguise.indexOf(SHEET));
  await writeFile(disguised, disguise);
  await t.rejects(readRows(disguised), { code: 'WORKBOOK_BROKEN', message: /directory says/ });

  const outside = await workbook(t);
  await patchEntry(outside, SHEET, { offset: 5_000_000 });
  await t.rejects(checkContainer(outside), { code: 'WORKBOOK_BROKEN' });

  const twice = await workbook(t, { parts: { 'XL/Workbook.xml': '<workbook/>' } });
  await t.rejects(checkContainer(twice), { code: 'WORKBOOK_BROKEN', message: /there twice/ });

  for (const name of [
    '../../evil.xml',
    '/etc/passwd.xml',
    './xl/workbok.xml',
    'xl//workbok.xml',
    'a\0b.xml',
    '..\\a.xml',
  ]) {
    const path = await workbook(t, { parts: { ['x'.repeat(name.length)]: '<a/>' } });
    await patchEntry(path, 'x'.repeat(name.length), { name });
    await t.rejects(checkContainer(path), { code: 'WORKBOOK_BROKEN' }, JSON.stringify(name));
  }

  const many = await workbook(t, { parts: Object.fromEntries([...Array(30)].map((_, i) => [`a${i}`, 'x'])) });
  await t.rejects(checkContainer(many, { maxEntries: 30 }), { code: 'WORKBOOK_TOO_LARGE' });

  const locked = await workbook(t);
  const bytes = await readFile(locked);
  bytes.writeUInt16LE(
    bytes.readUInt16LE(bytes.indexOf('PK\x01\x02') + 8) | 1,
    bytes.indexOf('PK\x01\x02') + 8,
  );
  await writeFile(locked, bytes);
  await t.rejects(checkContainer(locked), { code: 'WORKBOOK_ENCRYPTED' });
});

t.test('the A1 reference of a cell', async (t) => {
  t.same(
    [
      cellReference(1, 0),
      cellReference(2, 25),
      cellReference(3, 26),
      cellReference(9, 701),
      cellReference(1, 702),
    ],
    ['A1', 'Z2', 'AA3', 'ZZ9', 'AAA1'],
  );
  t.equal(cellReference(1_048_576, 16_383), 'XFD1048576');
});
