import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { readAll, readRows, relation, relationships, workbook, workbookParts } from './workbooks.ts';

t.setTimeout(120_000);

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
    parts: {
      'xl/_rels/workbook.xml.rels': relationships(external('rId1', 'worksheet', 'worksheets/sheet1.xml')),
    },
  });
  await t.rejects(readAll(outside), { code: 'WORKBOOK_BROKEN', details: { sheet: 'Sheet1' } });
  t.equal(asked, 0);
});
