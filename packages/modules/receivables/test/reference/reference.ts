import type { ErrorCode, FinancialYear, Month } from '@backoffice/core';
import type {
  CustomerHistoryRow,
  CustomerView,
  ExplainLine,
  Figure,
  Filter,
  InvoiceStatus,
  Remark,
  Scope,
  TrackerRow,
} from '../../src/model.ts';
import { regionCodes } from '../../src/model.ts';
import { customersOf, historyOf, isKnownCustomer } from './customers.ts';
import { type Engineer, monthOf, nextSeq, type Said, type World } from './events.ts';
import { dashboardOf, explainFigure, type ReferenceFigures, trackerOf } from './figures.ts';
import { type ImportInput, type ImportOutcome, importStatement } from './importing.ts';
import { writing } from './settled.ts';
import { isLineOf, linesInForce, regionAt, standingLines } from './standing.ts';
import { type UndoOutcome, undoImport } from './undo.ts';

/** What a mutation answered: a code, or whether it was recorded. */
export interface MutationOutcome {
  code: ErrorCode | null;
  recorded: boolean;
}

export interface Reference {
  import(input: ImportInput): ImportOutcome;
  undo(uploadId: string): UndoOutcome;
  mark(code: string, number: string, status: InvoiceStatus, at: string): MutationOutcome;
  assign(code: string, engineerId: string | null, at: string): MutationOutcome;
  remark(code: string, remark: Remark, at: string): MutationOutcome;
  notes(code: string, notes: string, at: string): MutationOutcome;
  /** Month left out: the newest month with a statement. */
  dashboard(filter: Filter, scope: Scope, month?: Month): ReferenceFigures;
  tracker(filter: Filter, scope: Scope, year: FinancialYear): TrackerRow[];
  customers(filter: Filter, scope: Scope, year: FinancialYear): CustomerView[];
  /** Null: not found. */
  history(code: string, scope: Scope): CustomerHistoryRow[] | null;
  explain(figure: Figure, filter: Filter, scope: Scope, month?: Month): ExplainLine[];
  /** What happened so far; for tests that look closer. */
  world: World;
}

/**
 * The receivables ledger as the contract says it (section 11), slowly: every answer is worked out from the
 * list of what happened, from the beginning. Amounts in paise, moments as ISO text, calendar days and months
 * in `zone`. The real engine is tested against this, so nothing of it is used here.
 */
export function createReference(options: {
  now: () => Date;
  zone: string;
  engineers?: readonly Engineer[];
}): Reference {
  const world: World = {
    now: options.now,
    zone: options.zone,
    engineers: options.engineers ?? [],
    seq: 0,
    imports: [],
    marks: [],
    assignments: [],
    remarks: [],
    notes: [],
  };

  const say = <T>(said: Said<T>[]) => {
    return (code: string, value: T, at: string): MutationOutcome => {
      if (!isKnownCustomer(world, code)) return { code: 'NOT_FOUND', recorded: false };
      const month = monthOf(world, new Date(at));
      writing(world, () => said.push({ seq: nextSeq(world), month, code, value, uploadId: null }));
      return { code: null, recorded: true };
    };
  };

  return {
    world,
    import: (input) => writing(world, () => importStatement(world, input)),
    undo: (uploadId) => writing(world, () => undoImport(world, uploadId)),
    mark: (code, number, status, at) => mark(world, code, number, status, at),
    assign: say(world.assignments),
    remark: say(world.remarks),
    notes: say(world.notes),
    dashboard: (filter, scope, month) => dashboardOf(world, filter, scope, month),
    tracker: (filter, scope, year) => trackerOf(world, filter, scope, year),
    customers: (filter, scope, year) => customersOf(world, filter, scope, year),
    history: (code, scope) => historyOf(world, code, scope),
    explain: (figure, filter, scope, month) => explainFigure(world, figure, filter, scope, month),
  };
}

/** Decision 6: a mark on an invoice that stands now; a settled one takes only `paid`, which changes nothing. */
function mark(
  world: World,
  code: string,
  number: string,
  status: InvoiceStatus,
  at: string,
): MutationOutcome {
  const listed = linesInForce(world, code, number).length > 0;
  if (!listed) return { code: 'NOT_FOUND', recorded: false };
  const running = monthOf(world, new Date(at));
  const stands = regionCodes.some((region) =>
    standingLines(regionAt(world, region, running), region).some((line) => isLineOf(line, code, number)),
  );
  if (!stands) return { code: status === 'paid' ? null : 'INVOICE_SETTLED', recorded: false };
  writing(world, () => world.marks.push({ seq: nextSeq(world), month: running, code, number, status }));
  return { code: null, recorded: true };
}
