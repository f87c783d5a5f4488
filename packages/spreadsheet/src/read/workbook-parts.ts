import { posix } from 'node:path';
import { CodedError } from '@backoffice/core';
import type { Entry } from 'yauzl';
import type { SheetInfo } from '../cells.ts';
import type { Container } from './container.ts';
import { failure } from './failure.ts';
import { builtInFormat, type CellFormat, customFormat, zerosShown } from './number-formats.ts';
import { type Inflation, readPart } from './parts.ts';
import { type Attributes, isTrue, prefixedAttribute } from './xml.ts';

/** Parts that are small in every real workbook. */
const MAX_INDEX_PART = 4 * 1024 ** 2;
const MAX_STYLES_PART = 64 * 1024 ** 2;
/** Excel allows 65,490 cell formats. */
const MAX_STYLES = 131_072;
const MAX_SHEETS = 1024;

interface Relation {
  id: string;
  /** The last word of the type, equal in the strict and the transitional variant: `worksheet`, `styles`… */
  type: string;
  target: string;
}

export interface WorkbookSheet extends SheetInfo {
  entry: Entry | undefined;
}

export interface WorkbookParts {
  sheets: WorkbookSheet[];
  sharedStrings: Entry | undefined;
  styles: Entry | undefined;
}

/**
 * The workbook part of a container. Throws CodedError NOT_A_WORKBOOK when the archive is something else
 * (a document, a presentation, the binary .xlsb, an .ods).
 */
export async function findMainPart(container: Container, inflation: Inflation): Promise<Entry> {
  const relations = await readRelations(container, inflation, '');
  const target = relations.find((r) => r.type === 'officeDocument')?.target ?? 'xl/workbook.xml';
  const entry = container.find(target);
  if (!entry) throw new CodedError('NOT_A_WORKBOOK');
  const type = await contentTypeOf(container, inflation, entry.fileName);
  const isWorkbook =
    type === undefined
      ? /(^|\/)workbook[^/]*\.xml$/i.test(target)
      : /(spreadsheetml|ms-excel).*main\+xml/i.test(type);
  if (!isWorkbook) throw new CodedError('NOT_A_WORKBOOK');
  return entry;
}

async function contentTypeOf(container: Container, inflation: Inflation, part: string) {
  const entry = container.find('[Content_Types].xml');
  if (!entry) return undefined;
  const wanted = `/${part.toLowerCase()}`;
  let exact: string | undefined;
  let byExtension: string | undefined;
  const open = (name: string, attributes: Attributes) => {
    if (name === 'Override' && attributes.PartName?.toLowerCase() === wanted) exact = attributes.ContentType;
    if (name === 'Default' && wanted.endsWith(`.${attributes.Extension?.toLowerCase()}`)) {
      byExtension = attributes.ContentType;
    }
  };
  await readPart(container, entry, inflation, { open }, { maxBytes: MAX_INDEX_PART });
  return exact ?? byExtension;
}

/** The internal relations of a part ('' = the package). External ones are left out: nothing follows them. */
async function readRelations(container: Container, inflation: Inflation, part: string): Promise<Relation[]> {
  const entry = container.find(posix.join(posix.dirname(part), '_rels', `${posix.basename(part)}.rels`));
  if (!entry) return [];
  const relations: Relation[] = [];
  const open = (name: string, { Id, Type, Target, TargetMode }: Attributes) => {
    if (name !== 'Relationship' || TargetMode === 'External' || !Id || !Type || !Target) return;
    const target = Target.startsWith('/') ? Target : posix.join('/', posix.dirname(part), Target);
    relations.push({
      id: Id,
      type: Type.slice(Type.lastIndexOf('/') + 1),
      target: posix.normalize(target).slice(1),
    });
  };
  await readPart(container, entry, inflation, { open }, { maxBytes: MAX_INDEX_PART });
  return relations;
}

/** Reads what the workbook part says about its sheets, epoch and tables. */
export async function readWorkbookParts(container: Container, inflation: Inflation): Promise<WorkbookParts> {
  const main = await findMainPart(container, inflation);
  const relations = await readRelations(container, inflation, main.fileName);
  const byId = new Map(relations.map((relation) => [relation.id, relation]));
  const partOfType = (type: string) => {
    const relation = relations.find((r) => r.type === type);
    return relation && container.find(relation.target);
  };
  const sheets: WorkbookSheet[] = [];
  let date1904 = false;
  let index = 0;
  const open = (name: string, attributes: Attributes) => {
    if (name === 'workbookPr') date1904 = isTrue(attributes.date1904);
    if (name !== 'sheet') return;
    if (index === MAX_SHEETS) throw failure('WORKBOOK_TOO_LARGE', `more than ${MAX_SHEETS} sheets`);
    const relation = byId.get(prefixedAttribute(attributes, 'id') ?? '');
    // Chart and macro sheets hold no cells. A sheet without a relation is kept: choosing it is an error.
    if (!relation || relation.type === 'worksheet') {
      sheets.push({
        name: attributes.name ?? '',
        index,
        visible: attributes.state === undefined || attributes.state === 'visible',
        date1904: false,
        entry: relation && container.find(relation.target),
      });
    }
    index += 1;
  };
  await readPart(container, main, inflation, { open }, { maxBytes: MAX_INDEX_PART });
  return {
    sheets: sheets.map((sheet) => ({ ...sheet, date1904 })),
    sharedStrings: partOfType('sharedStrings'),
    styles: partOfType('styles'),
  };
}

/** What each cell style makes of a number, by the style's number. */
export async function readStyles(
  container: Container,
  entry: Entry | undefined,
  inflation: Inflation,
): Promise<CellFormat[]> {
  if (!entry) return [];
  const custom = new Map<number, CellFormat>();
  const formatIds: number[] = [];
  let inCellStyles = false;
  await readPart(
    container,
    entry,
    inflation,
    {
      open(name, attributes) {
        if (name === 'cellXfs') inCellStyles = true;
        else if (name === 'numFmt' && !inCellStyles && custom.size < MAX_STYLES) {
          const code = (attributes.formatCode ?? '').slice(0, 1024);
          custom.set(Number(attributes.numFmtId), zerosShown(code) || customFormat(code));
        } else if (name === 'xf' && inCellStyles) {
          if (formatIds.length === MAX_STYLES) throw failure('WORKBOOK_TOO_LARGE', 'too many cell styles');
          formatIds.push(Number(attributes.numFmtId ?? 0));
        }
      },
      close(name) {
        if (name === 'cellXfs') inCellStyles = false;
      },
    },
    { maxBytes: MAX_STYLES_PART },
  );
  return formatIds.map((id) => custom.get(id) ?? builtInFormat(id));
}
