import { addMonths, type Month } from '@backoffice/core';
import { moved, walkRegions } from './customers.ts';
import { asOfDay, bucketOf, type Now, regionsIn, type State } from './figures.ts';
import type { ExplainLine, Figure, Filter, Scope } from './model.ts';
import type { ReceivablesRepository } from './repository.ts';
import { flowsOf, type Movement, openByKey, type Snapshot } from './rollups/fold.ts';
import { type Slot, slotOf } from './rollups/ledger.ts';
import { walkCustomers } from './rollups/walk.ts';

/** The lines behind a figure: those of one page, and what all of them sum to. */
export interface Explanation {
  /** Paise, or a count; exactly the figure of the dashboard. */
  figure: number;
  count: number;
  lines: ExplainLine[];
}

/** Explains a figure of a month (decision 14): every line that it is made of, page by page, in order of customer. */
export async function explainFigure(
  repository: ReceivablesRepository,
  state: State,
  figure: Figure,
  filter: Filter,
  scope: Scope,
  month: Month,
  now: Now,
  page: { offset: number; limit: number },
): Promise<Explanation | typeof moved> {
  const result: Explanation = { figure: 0, count: 0, lines: [] };
  if (month > now.running) return result;
  const start = addMonths(month, -1);
  const walks = await walkRegions(repository, state, regionsIn(filter, scope), start, month, 'month');
  if (walks === null) return moved;
  const slot = slotOf(filter.department);
  const asOf = asOfDay(month, now);
  await walkCustomers(repository, state.ledger, walks, ({ code, regions }) => {
    for (const { region, snapshots, documents } of regions) {
      const newest = documents.at(-1)!;
      const who = {
        region,
        customerCode: newest.shown || code,
        customerName: newest.name || newest.shown || code,
      };
      for (const line of linesOf(figure, snapshots[0]!, snapshots[1]!, slot, asOf)) {
        result.figure += line.amount;
        if (result.count >= page.offset && result.lines.length < page.limit)
          result.lines.push({ ...who, ...line });
        result.count += 1;
      }
    }
  });
  return result;
}

type Behind = Omit<ExplainLine, 'region' | 'customerCode' | 'customerName'>;

function linesOf(figure: Figure, before: Snapshot, after: Snapshot, slot: Slot, asOf: number): Behind[] {
  const open = openByKey(after.lines, slot);
  if (figure === 'customers') {
    return open.size === 0 ? [] : [{ invoiceNumber: null, amount: 1, from: null, to: null, kind: 'line' }];
  }
  if (figure === 'new' || figure === 'recovered') {
    return movementLines(
      figure,
      flowsOf(openByKey(before.lines, slot), open, after.lines, slot),
      before,
      after,
    );
  }
  const lines: Behind[] = [];
  for (const { lines: own } of open.values()) {
    for (const { line, status } of own) {
      const bucket = line.b ?? bucketOf(asOf - line.g!);
      if (figure.startsWith('age:') && figure !== `age:${bucket}`) continue;
      if (figure === 'disputed' && status !== 'dispute') continue;
      if ((figure === 'invoices' || figure === 'disputed') && line.n === null) continue;
      const amount = figure === 'invoices' || figure === 'disputed' ? 1 : line.a;
      lines.push({ invoiceNumber: line.s, amount, from: null, to: line.a, kind: 'line' });
    }
  }
  return lines;
}

function movementLines(
  figure: 'new' | 'recovered',
  flows: { movements: Movement[]; offset: number },
  before: Snapshot,
  after: Snapshot,
): Behind[] {
  const lines: Behind[] = [];
  const shown = (key: string) =>
    [...after.lines, ...before.lines].find(({ line }) => line.n === key)?.line.s ?? null;
  for (const movement of flows.movements) {
    const amount = movement[figure];
    if (amount === 0) continue;
    const { from, to } = movement;
    lines.push({ invoiceNumber: shown(movement.key), amount, from, to, kind: 'line' });
  }
  if (flows.offset > 0) {
    lines.push({ invoiceNumber: null, amount: -flows.offset, from: null, to: null, kind: 'offset' });
  }
  return lines;
}
