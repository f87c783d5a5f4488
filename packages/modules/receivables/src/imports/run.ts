import { CodedError, type DayNumber, dayInZone, type Month, monthOfDay } from '@backoffice/core';
import { type Counts, createSpool, inSpan, type Spool } from '@backoffice/platform';
import { mergeWarnings, type Warning } from '@backoffice/spreadsheet';
import { type Department, keyOf, type Pair, type Region, type RowError } from '../model.ts';
import type { ReceivablesRepository, StatementDocument } from '../repository.ts';
import { pastReservations } from '../reservations.ts';
import {
  type Cells,
  departmentOf,
  effectiveAssignments,
  type LedgerImport,
  type Slot,
  slotOf,
} from '../rollups/ledger.ts';
import { compareRows } from './compare.ts';
import { type Prior, readPrior } from './prior.ts';
import {
  assignmentsOf,
  confirmationNeeded,
  type Doubt,
  doubtsOf,
  doubtWarning,
  holdMs,
  importInForce,
  moveLedger,
  nameOfPair,
  newStatementId,
  unmentionedPairs,
} from './publish.ts';
import { type Resolution, type ResolvedCustomer, resolveRows, type SpooledRow } from './resolve.ts';
import { createSheetReader, type SheetResult } from './sheet.ts';

/** What was asked for with the file, read and checked. */
export interface StatementParams {
  month: Month;
  department: Department | null;
  covers: 'listed' | 'all';
  /** The day up to which ages are counted: fixed when the file came in, so that a later run gives the same. */
  asOf: DayNumber;
  confirm: boolean;
  /** Doubts that the user has seen a short while ago and answered with the same file again. */
  confirmed: string[];
}

export interface StatementInput {
  uploadId: string;
  /** What makes it the same import. */
  key: string;
  params: StatementParams;
  dryRun: boolean;
  onError: 'reject_rows' | 'reject_all';
  by: string;
  tempDir: string;
  /** Hands the workbook's sheets and rows to the reader, to the end. */
  readRows: (reader: ReturnType<typeof createSheetReader>, settle: () => Promise<void>) => Promise<void>;
  saveErrors: (errors: RowError[]) => Promise<void>;
  progress: (fraction: number) => Promise<void>;
}

export interface StatementResult {
  counts: Counts;
  /** The first ones by row; `errorCount` says how many there are. */
  errors: RowError[];
  errorCount: number;
  warnings: Warning[];
  pairs: Pair[];
  duplicateOf?: string;
}

export interface StatementContext {
  repository: ReceivablesRepository;
  clock: () => Date;
  zone: string;
  /** The user id of the one engineer of a region with that name (compared without case), else null. */
  engineerIds: () => Promise<(region: Region, name: string) => string | null>;
}

const errorsKept = 1_000;

interface ParsedFile extends SheetResult {
  spool: Spool<SpooledRow>;
  errors: RowError[];
  errorCount: number;
}

/**
 * Imports a statement: parse, check, compare with what stands, store, and put in force with one
 * compare-and-set of the ledger. Who loses the race validates again. Safe to run again at any point: nothing
 * of an unfinished run can be seen, and a finished one is found in the ledger.
 *
 * CodedError: NO_HEADER_ROW, NO_ROWS, ALL_ROWS_REJECTED, ROWS_REJECTED, CONFIRMATION_NEEDED (decisions 17–23).
 */
export async function runStatement(
  context: StatementContext,
  input: StatementInput,
): Promise<StatementResult> {
  const { repository } = context;
  const published = (await repository.findLedger()).imports.find((each) => each.uploadId === input.uploadId);
  if (published) return finishPublished(context, input, published);

  const duplicate = importInForce(await repository.findLedger(), input.key);
  if (duplicate) return duplicateResult(repository, duplicate);

  const file = await inSpan('parse', {}, () => parse(input));
  await input.progress(0.5);
  try {
    for (let attempt = 1; ; attempt += 1) {
      // Whoever loses twice asks the others to wait: many small changes must not starve a large import.
      if (attempt > 2 && !(await repository.holdLedger(input.uploadId, holdMs))) await pause();
      const outcome = await attemptImport(context, input, file, attempt);
      if (outcome !== null) return outcome;
      if (attempt === 20) throw new Error('The ledger kept moving; the import will be tried again.');
    }
  } finally {
    await repository.releaseLedger(input.uploadId);
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 200));

async function parse(input: StatementInput): Promise<ParsedFile> {
  const { month, asOf, department } = input.params;
  const spool = createSpool<SpooledRow>(input.tempDir, 'rows');
  const errors: RowError[] = [];
  let unsaved: RowError[] = [];
  let errorCount = 0;
  const reader = createSheetReader({
    month,
    asOf,
    department,
    onRow: (row) => spool.add(keyOf(row.code), { row }),
    onRejected: (rejected) => {
      errorCount += 1;
      unsaved.push(rejected.error);
      if (errors.length < errorsKept) errors.push(rejected.error);
      if (rejected.code !== null) spool.add(keyOf(rejected.code), { rejected });
    },
  });
  await input.readRows(reader, async () => {
    await spool.settle();
    if (unsaved.length < 500) return;
    await input.saveErrors(unsaved);
    unsaved = [];
  });
  await input.saveErrors(unsaved);
  return { ...reader.finish(), spool, errors, errorCount };
}

async function attemptImport(
  context: StatementContext,
  input: StatementInput,
  file: ParsedFile,
  attempt: number,
): Promise<StatementResult | null> {
  const { repository } = context;
  const { params } = input;
  const ledger = await repository.findLedger();
  const duplicate = importInForce(ledger, input.key);
  if (duplicate) return duplicateResult(repository, duplicate);
  const prior = await readPrior(repository, ledger, params.month);
  if (prior === null) return null;

  const resolved = createSpool<ResolvedCustomer>(input.tempDir, `resolved-${attempt}`);
  const resolution = await inSpan('resolve', {}, () =>
    resolveRows(repository, ledger, file.sheet, params.asOf, file.spool, resolved),
  );
  await input.progress(0.65);
  const result = resultOf(file, resolution);
  await input.saveErrors(resolution.errors);
  refuseRejected(input, result, resolution);
  const warnings = [...file.warnings, ...resolution.warnings];
  const cells = coveredCells(prior, resolution.cells, params.covers, warnings);
  result.pairs = pairsOfCells(cells);

  const statementId = newStatementId();
  const unknown = new Set<string>();
  const engineerIds = await context.engineerIds();
  const entry = { month: runningMonth(context), at: context.clock(), by: input.by };
  const storeBatch = async (documents: StatementDocument[]) => {
    if (!input.dryRun) await repository.upsertCustomers(documents.map((each) => each.code));
    const named = documents.filter((each) => each.fill && each.fill.engineers.length > 0);
    const customers = await repository.listCustomers(named.map((each) => each.code));
    const current = (code: string) => {
      const { assignments } = repository.recordAt(ledger, code, customers.get(code));
      return effectiveAssignments(ledger, assignments).at(-1)?.engineerId ?? null;
    };
    const assignments = assignmentsOf(named, current, engineerIds, entry);
    for (const name of assignments.unknown) unknown.add(name);
    if (!input.dryRun) await store(repository, documents, assignments.filled);
  };
  let storing = Promise.resolve();
  try {
    const storeWhileComparing = async (documents: StatementDocument[], done: number) => {
      // Each batch is stored while the next one is compared; two are never under way.
      await storing;
      storing = storeBatch(documents);
      // A failure comes out where it is awaited; it must not end the process before that.
      storing.catch(() => undefined);
      await input.progress(0.65 + 0.2 * done);
    };
    const comparison = await inSpan('compare', {}, async () => {
      const compared = await compareRows(
        repository,
        prior,
        cells,
        statementId,
        resolved,
        storeWhileComparing,
      );
      await storing;
      return compared;
    });
    warnings.push(...comparison.warnings, ...unknownEngineers(unknown));
    Object.assign(result.counts, {
      inserted: comparison.inserted,
      updated: comparison.updated,
      unchanged: comparison.unchanged,
    });
    const doubts = doubtsOf(params.month, file, prior, cells, comparison);
    const open = openDoubts(input, doubts);
    if (open.length > 0 && !input.dryRun) {
      const { pairs, ...facts } = result;
      throw confirmationNeeded(open, { ...facts, warnings: mergeWarnings(warnings) });
    }
    if (open.length > 0) warnings.push(doubtWarning(open));
    result.warnings = mergeWarnings(warnings);
    if (input.dryRun) return result;

    // Before the ledger moves: a run after a crash must be able to say what this one gave.
    await repository.upsertImportRecord({ _id: input.uploadId, statementId, result });
    const { uploadId, key } = input;
    const seq = ledger.version + 1;
    const published: LedgerImport = { uploadId, statementId, key, month: params.month, seq, cells };
    const imports = [...ledger.imports, published];
    if (await moveLedger(repository, ledger, imports, published, input.uploadId)) {
      await input.progress(0.98);
      return finishPublished(context, input, published);
    }
  } catch (error) {
    await storing.catch(() => undefined);
    // What was thrown may have come after the ledger moved; then the documents are in force.
    const now = await repository.findLedger();
    if (!now.imports.some((each) => each.statementId === statementId)) {
      await repository.removeStatements(statementId);
    }
    throw error;
  }
  await repository.removeStatements(statementId);
  return null;
}

async function store(
  repository: ReceivablesRepository,
  documents: StatementDocument[],
  filled: Parameters<ReceivablesRepository['insertAssignments']>[0],
): Promise<void> {
  await repository.insertStatements(documents);
  await repository.insertAssignments(filled);
}

function runningMonth({ clock, zone }: StatementContext): Month {
  return monthOfDay(dayInZone(clock(), zone));
}

function resultOf(file: ParsedFile, resolution: Resolution): StatementResult {
  const rejected = file.errorCount + resolution.errors.length;
  const errors = [...file.errors, ...resolution.errors].sort((a, b) => a.row - b.row).slice(0, errorsKept);
  const { duplicates, accepted } = resolution;
  const counts = { read: accepted + duplicates + rejected, inserted: 0, updated: 0, unchanged: 0 };
  return {
    counts: { ...counts, duplicates, rejected },
    errors,
    errorCount: rejected,
    warnings: mergeWarnings([...file.warnings, ...resolution.warnings]),
    pairs: [],
  };
}

/** Nothing is saved when nothing is left, or when the user wants all or nothing (decision 22). */
function refuseRejected(input: StatementInput, result: StatementResult, resolution: Resolution): void {
  const { pairs, ...facts } = result;
  if (input.onError === 'reject_all' && result.errorCount > 0) {
    const rejected = result.counts.read - result.counts.duplicates;
    const counts = { ...result.counts, rejected };
    throw new CodedError('ROWS_REJECTED', undefined, { ...facts, counts });
  }
  if (resolution.accepted === 0) throw new CodedError('ALL_ROWS_REJECTED', undefined, facts);
}

/** With `covers=all`, pairs that the file does not mention have nothing open: an empty statement says so. */
function coveredCells(
  prior: Prior,
  listed: Cells,
  covers: StatementParams['covers'],
  warnings: Warning[],
): Cells {
  const missing = unmentionedPairs(prior, listed);
  if (missing.length === 0) return listed;
  const names = missing.map(nameOfPair).join(', ');
  if (covers === 'listed') {
    const message = `The file does not mention these, which have open amounts; their earlier statements stand: ${names}. Send covers=all if they have nothing open.`;
    warnings.push({
      code: 'PAIRS_NOT_MENTIONED',
      message,
      count: missing.length,
      details: { pairs: missing },
    });
    return listed;
  }
  const message = `The file does not mention these; as it covers all, they have nothing open now: ${names}.`;
  warnings.push({ code: 'PAIRS_EMPTIED', message, count: missing.length, details: { pairs: missing } });
  const cells: Cells = Object.fromEntries(
    Object.entries(listed).map(([region, given]) => [region, [...given]]),
  );
  for (const { region, department } of missing) {
    cells[region] = [...(cells[region] ?? []), slotOf(department)].sort();
  }
  return cells;
}

function pairsOfCells(cells: Cells): Pair[] {
  return (Object.entries(cells) as [Region, Slot[]][]).flatMap(([region, given]) =>
    given.map((slot) => ({ region, department: departmentOf(slot) })),
  );
}

function unknownEngineers(names: ReadonlySet<string>): Warning[] {
  if (names.size === 0) return [];
  const some = [...names].slice(0, 10).join(', ');
  const message = `No engineer of the region has this name, or more than one: ${some}. Nobody was assigned.`;
  return [{ code: 'ENGINEER_UNKNOWN', message, count: names.size }];
}

function openDoubts(input: StatementInput, doubts: Doubt[]): Doubt[] {
  const { confirm, confirmed } = input.params;
  return confirm || doubts.every((each) => confirmed.includes(each.id)) ? [] : doubts;
}

async function duplicateResult(
  repository: ReceivablesRepository,
  published: LedgerImport,
): Promise<StatementResult> {
  const record = await repository.findImportRecord<StatementResult>(published.uploadId);
  if (record === null) throw new Error(`The record of import ${published.uploadId} is missing.`);
  return { ...record.result, duplicateOf: published.uploadId };
}

/** What follows the ledger, and is repeated after a crash: the follow-up that the sheet fills in. */
async function finishPublished(
  context: StatementContext,
  input: StatementInput,
  published: LedgerImport,
): Promise<StatementResult> {
  const { repository } = context;
  let fills: Parameters<ReceivablesRepository['fillFollowUps']>[1][number][] = [];
  for await (const { code, fill } of repository.listFills(published.statementId)) {
    fills.push({ code, remark: fill!.remark, notes: fill!.notes });
    if (fills.length < 1_000) continue;
    await pastReservations(context, () => repository.fillFollowUps(input.uploadId, fills));
    fills = [];
  }
  await pastReservations(context, () => repository.fillFollowUps(input.uploadId, fills));
  await pastReservations(context, () => repository.raiseAssigned(published.statementId));
  const { duplicateOf, ...result } = await duplicateResult(repository, published);
  return result;
}
