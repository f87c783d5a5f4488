import type { ReadLimits } from '../limits.ts';
import { type Container, openContainer } from './container.ts';
import { failure } from './failure.ts';
import { createInflation, readPart, refuseDoctype } from './parts.ts';
import {
  type Answer,
  BATCH_CHARACTERS,
  BATCH_ROWS,
  IN_FLIGHT,
  type Message,
  type ReadRequest,
  type WireRow,
} from './protocol.ts';
import { createSharedStrings } from './shared-strings.ts';
import { createSheetHandlers, type SheetContext } from './sheet.ts';
import { readStyles, readWorkbookParts, type WorkbookSheet } from './workbook-parts.ts';

export interface Channel {
  send(message: Message): Promise<void>;
  /** Sends rows that are JSON texts already. */
  sendRows(rows: string[]): Promise<void>;
  answer(): Promise<Answer>;
}

/**
 * Reads a workbook and sends its visible sheets' rows, as fast as they are answered. The zip is read by its
 * directory, so tables come before the sheets that need them wherever they lie in the file.
 */
export async function parseWorkbook({ path, limits }: ReadRequest, channel: Channel): Promise<void> {
  const container = await openContainer(path, limits);
  const inflation = createInflation(limits);
  for (const entry of container.entries()) {
    if (/\.(xml|rels|vml)$/i.test(entry.fileName)) await refuseDoctype(container, entry, inflation);
  }
  const parts = await readWorkbookParts(container, inflation);
  const formats = await readStyles(container, parts.styles, inflation);
  const strings = createSharedStrings(limits);
  if (parts.sharedStrings) await readPart(container, parts.sharedStrings, inflation, strings.handlers);

  const delivered = createDelivery(channel, limits);
  for (const { entry, ...info } of parts.sheets) {
    await channel.send({ sheet: info });
    if ((await channel.answer()) === 'skip' || !info.visible) continue;
    const context = { name: info.name, strings, formats, date1904: info.date1904, limits };
    await parseSheet(container, { entry, ...info }, context, inflation, delivered);
  }
  container.close();
}

async function parseSheet(
  container: Container,
  { entry, name }: WorkbookSheet,
  context: SheetContext,
  inflation: ReturnType<typeof createInflation>,
  delivery: ReturnType<typeof createDelivery>,
): Promise<void> {
  if (!entry) throw failure('WORKBOOK_BROKEN', `the sheet "${name}" is not in the file`, { sheet: name });
  delivery.begin(name);
  const handlers = createSheetHandlers(context, delivery.push);
  await readPart(container, entry, inflation, handlers, { between: delivery.between });
  await delivery.end();
}

/** Collects rows into batches and keeps at most IN_FLIGHT of them unanswered. */
function createDelivery({ sendRows, answer }: Channel, limits: ReadLimits) {
  let sheet = '';
  let rows: string[] = [];
  let characters = 0;
  let total = 0;
  let unanswered = 0;
  let enough = false;

  async function flush() {
    const batch = rows;
    rows = [];
    characters = 0;
    while (unanswered >= IN_FLIGHT) await takeAnswer();
    if (enough) return;
    unanswered += 1;
    await sendRows(batch);
  }

  async function takeAnswer() {
    unanswered -= 1;
    if ((await answer()) !== 'enough') return;
    // The caller drops what is still under way without answering.
    enough = true;
    unanswered = 0;
  }

  async function deliver() {
    if (rows.length > 0) await flush();
    return enough ? ('stop' as const) : ('go on' as const);
  }

  return {
    begin(name: string) {
      sheet = name;
      rows = [];
      characters = 0;
      unanswered = 0;
      enough = false;
    },
    push(row: WireRow) {
      const json = JSON.stringify(row);
      rows.push(json);
      characters += json.length;
      total += json.length;
      // A short reference can stand for a long text, so that little XML gives much to deliver.
      if (total > limits.maxInflatedBytes) {
        throw failure('WORKBOOK_TOO_LARGE', `more than ${limits.maxInflatedBytes} characters in its cells`, {
          sheet,
        });
      }
    },
    between() {
      return rows.length >= BATCH_ROWS || characters >= BATCH_CHARACTERS ? deliver() : undefined;
    },
    async end() {
      await deliver();
      while (unanswered > 0) await takeAnswer();
    },
  };
}
