import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Test } from 'tap';
import yazl from 'yazl';
import { type ReadOptions, readWorkbook, type SheetInfo, type SheetRow } from '../src/index.ts';

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';

/** A part's text, bytes, or pieces that are written one after the other (for the big ones). */
type Part = string | Buffer | Iterable<string>;

export interface WorkbookOptions {
  /** By sheet name: the inside of `sheetData`, or a whole part when it begins with `<?xml`. */
  sheets?: Record<string, Part>;
  /** The inside of `sst`. */
  strings?: Part;
  /** The inside of `styleSheet`. */
  styles?: string;
  /** Attributes of the n-th `sheet` element. */
  sheetAttributes?: string[];
  date1904?: boolean;
  /** Parts to add or to put in the place of the usual ones; null leaves one out. */
  parts?: Record<string, Part | null>;
  /** Pack without compression, so that no ratio gets in the way. */
  stored?: boolean;
  /** Write the parts in this order first. */
  order?: string[];
}

/** A fresh directory that goes with the test. */
export async function tempDir(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'spreadsheet-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export async function tempFile(t: Test, name: string, content: Buffer | string): Promise<string> {
  const path = join(await tempDir(t), name);
  await writeFile(path, content);
  return path;
}

/** Makes a real .xlsx file out of hand-written parts. */
export async function workbook(t: Test, options: WorkbookOptions = {}): Promise<string> {
  return zip(t, { ...workbookParts(options), ...options.parts }, options);
}

export function workbookParts({
  sheets = { Sheet1: '' },
  strings,
  styles,
  sheetAttributes = [],
  date1904,
}: WorkbookOptions): Record<string, Part> {
  const names = Object.keys(sheets);
  const relations = names.map((_, i) => relation(`rId${i + 1}`, 'worksheet', `worksheets/sheet${i + 1}.xml`));
  const parts: Record<string, Part> = {
    '[Content_Types].xml': `<Types xmlns="${PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`,
    '_rels/.rels': relationships(relation('rId1', 'officeDocument', 'xl/workbook.xml')),
    'xl/workbook.xml': `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><workbookPr${date1904 ? ' date1904="1"' : ''}/><sheets>${names
      .map(
        (name, i) =>
          `<sheet name="${name}" sheetId="${i + 1}" r:id="rId${i + 1}" ${sheetAttributes[i] ?? ''}/>`,
      )
      .join('')}</sheets></workbook>`,
  };
  if (strings !== undefined) {
    relations.push(relation('rIdS', 'sharedStrings', 'sharedStrings.xml'));
    parts['xl/sharedStrings.xml'] = wrapped(`<sst xmlns="${MAIN}">`, strings, '</sst>');
  }
  if (styles !== undefined) {
    relations.push(relation('rIdT', 'styles', '/xl/styles.xml'));
    parts['xl/styles.xml'] = `<styleSheet xmlns="${MAIN}">${styles}</styleSheet>`;
  }
  parts['xl/_rels/workbook.xml.rels'] = relationships(...relations);
  names.forEach((name, i) => {
    const content = sheets[name]!;
    const whole = (typeof content === 'string' && content.startsWith('<?xml')) || Buffer.isBuffer(content);
    parts[`xl/worksheets/sheet${i + 1}.xml`] = whole
      ? content
      : wrapped(`<worksheet xmlns="${MAIN}"><sheetData>`, content, '</sheetData></worksheet>');
  });
  return parts;
}

export function relation(id: string, type: string, target: string, more = ''): string {
  return `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}" ${more}/>`;
}

export function relationships(...relations: string[]): string {
  return `<Relationships xmlns="${PACKAGE}/relationships">${relations.join('')}</Relationships>`;
}

function wrapped(before: string, inside: Part, after: string): Part {
  if (typeof inside === 'string') return `${before}${inside}${after}`;
  return (function* () {
    yield before;
    yield* inside as Iterable<string>;
    yield after;
  })();
}

export async function zip(
  t: Test,
  parts: Record<string, Part | null>,
  { stored = false, order = [] }: { stored?: boolean; order?: string[] } = {},
): Promise<string> {
  const path = join(await tempDir(t), 'book.xlsx');
  const file = new yazl.ZipFile();
  const names = [...order, ...Object.keys(parts).filter((name) => !order.includes(name))];
  for (const name of names) {
    const part = parts[name];
    if (part === null || part === undefined) continue;
    const options = { compress: !stored };
    if (typeof part === 'string') file.addBuffer(Buffer.from(part), name, options);
    else if (Buffer.isBuffer(part)) file.addBuffer(part, name, options);
    else file.addReadStream(Readable.from(inChunks(part)), name, options);
  }
  file.end();
  await pipeline(file.outputStream, createWriteStream(path));
  return path;
}

function* inChunks(pieces: Iterable<string>): Generator<Buffer> {
  let chunk = '';
  for (const piece of pieces) {
    chunk += piece;
    if (chunk.length < 65_536) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  yield Buffer.from(chunk);
}

/** Pieces `text(0)` … `text(count - 1)`. */
export function* repeat(count: number, text: (i: number) => string): Generator<string> {
  for (let i = 0; i < count; i += 1) yield text(i);
}

/** Changes fields of a part's entry in the zip's directory (and in its own header where it has them). */
export async function patchEntry(
  path: string,
  name: string,
  change: { size?: number; offset?: number; name?: string },
): Promise<void> {
  const bytes = await readFile(path);
  for (let at = bytes.indexOf('PK\x01\x02'); at >= 0; at = bytes.indexOf('PK\x01\x02', at + 4)) {
    const length = bytes.readUInt16LE(at + 28);
    if (bytes.toString('utf8', at + 46, at + 46 + length) !== name) continue;
    if (change.size !== undefined) {
      bytes.writeUInt32LE(change.size, at + 24);
      bytes.writeUInt32LE(change.size, bytes.readUInt32LE(at + 42) + 22);
    }
    if (change.offset !== undefined) bytes.writeUInt32LE(change.offset, at + 42);
    if (change.name !== undefined) {
      const local = bytes.readUInt32LE(at + 42);
      bytes.write(change.name.padEnd(length).slice(0, length), at + 46);
      bytes.write(change.name.padEnd(length).slice(0, length), local + 30);
    }
  }
  await writeFile(path, bytes);
}

/** Every row of every visible sheet, in memory. */
export async function readAll(path: string, options?: ReadOptions) {
  const sheets: (SheetInfo & { rows: SheetRow[] })[] = [];
  await readWorkbook(
    path,
    {
      onSheet(info) {
        sheets.push({ ...info, rows: [] });
        return 'read';
      },
      onRows(rows) {
        sheets.at(-1)!.rows.push(...rows);
      },
    },
    options,
  );
  return sheets;
}

/** The rows of a one-sheet workbook. */
export async function readRows(path: string, options?: ReadOptions): Promise<SheetRow[]> {
  return (await readAll(path, options))[0]?.rows ?? [];
}

/** The cells of the only row of a sheet with this inside. */
export async function readCells(t: Test, options: WorkbookOptions) {
  return (await readRows(await workbook(t, options)))[0]?.cells;
}
