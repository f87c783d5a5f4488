import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@backoffice/core';
import {
  createSpool,
  type ImportResult,
  type ImportWarning,
  inSpan,
  type RowError,
  type Spool,
  type UploadDocument,
} from '@backoffice/platform';
import { ObjectId } from 'mongodb';
import type { Actor } from '../model.ts';
import type { PersonnelRepository } from '../repository.ts';
import { type Applied, type Applying, applyRows, nothingApplied } from './apply.ts';
import type { RecordRowError } from './row-errors.ts';
import type { ParsedRow } from './rows.ts';
import { createSheetReader, type SheetReader, type SheetResult } from './sheet.ts';

/** What was asked for with the file, read and checked. */
export interface ImportParams {
  /** The db, hexadecimal; the scope of uploads goes by this name. */
  dbId: string;
  /** What becomes of a row whose number stands already, with other values. */
  onExisting: 'reject' | 'update';
}

export interface ImportInput {
  upload: Pick<
    UploadDocument<ImportParams>,
    | '_id'
    | 'params'
    | 'dedupeKey'
    | 'dryRun'
    | 'onError'
    | 'createdAt'
    | 'createdBy'
    | 'requestId'
    | 'attempts'
  >;
  tempDir: string;
  signal: AbortSignal;
  /** Hands the workbook's sheets and rows to the reader, to the end. */
  readRows: (reader: SheetReader, settle: () => Promise<void>) => Promise<void>;
  saveErrors: (errors: readonly RowError[]) => Promise<void>;
  progress: (fraction: number) => Promise<void>;
}

export interface ImportContext {
  repository: PersonnelRepository;
  /** Whether an upload was given up, or is not there any more. */
  isGivenUp: (upload: ObjectId) => Promise<boolean>;
}

/** What is kept of an import that is in force. */
type Kept = Omit<ImportResult, 'duplicateOf'>;

interface ParsedFile extends SheetResult {
  spool: Spool<ParsedRow>;
  errors: Errors;
}

const errorsKept = 1_000;
const waitMs = 30_000;

/**
 * Imports a sheet of records into a db: parse, check, compare with what stands, write out of sight, and publish
 * with one write. Safe to run again at any point: an unfinished run leaves nothing that anybody sees but records
 * that were updated, and a later one finds what it did.
 *
 * CodedError: NOT_FOUND, NO_HEADER_ROW, NO_ROWS, ALL_ROWS_REJECTED, ROWS_REJECTED.
 */
export async function runImport(context: ImportContext, input: ImportInput): Promise<ImportResult> {
  const { upload } = input;
  const { imports, dbs } = context.repository;
  const dbId = new ObjectId(upload.params.dbId);
  if (upload.dryRun) {
    const claim = await imports.findClaim<Kept>(upload.dedupeKey);
    if (claim?.result) return duplicate(claim.upload, claim.result);
    return work(context, input, dbId);
  }
  const claim = await claimed(context, input);
  if (!claim.upload.equals(upload._id)) return duplicate(claim.upload, claim.result!);
  if (claim.result) return publish(context, input, dbId, claim.result, null);
  // Before anything else, so that nobody who looks at the db now will see half of it.
  await dbs.hide(dbId, upload._id);
  try {
    return await work(context, input, dbId);
  } catch (error) {
    if (error instanceof CodedError) await withdraw(context, input, dbId);
    throw error;
  }
}

function duplicate(of: ObjectId, result: Kept): ImportResult {
  const message = 'This file is in force already; nothing was changed.';
  return { ...result, message, duplicateOf: of.toHexString() };
}

/** The claim on the file: this upload's, or one that has its result. Waits a while for another run to end. */
async function claimed(
  { repository: { imports }, isGivenUp }: ImportContext,
  { upload, signal }: ImportInput,
) {
  const until = performance.now() + waitMs;
  for (;;) {
    const claim = await imports.claim<Kept>(upload.dedupeKey, upload._id);
    if (claim.upload.equals(upload._id) || claim.result) return claim;
    if (await isGivenUp(claim.upload)) {
      await imports.takeOver(upload.dedupeKey, claim.upload, upload._id);
      continue;
    }
    if (performance.now() > until)
      throw new Error('The same file is still being imported; tried again later.');
    await delay(200, undefined, { signal });
  }
}

async function work(context: ImportContext, input: ImportInput, dbId: ObjectId): Promise<ImportResult> {
  const { upload } = input;
  const { dbs, records } = context.repository;
  const target = await dbs.findAny(dbId);
  if (target === null || target.deleted_at !== null) throw new CodedError('NOT_FOUND', 'DB not found');
  const file = await inSpan('parse', {}, () => parse(input));
  await input.progress(0.5);
  // What a status is today decides whether a row says something else.
  await records.settle();

  const by: Actor = { ...upload.createdBy, requestId: upload.requestId };
  const { onExisting } = upload.params;
  const facts = {
    repository: context.repository,
    importId: upload._id,
    at: upload.createdAt,
    dbId,
    by,
    onExisting,
  };
  const run: Applying = { ...facts, sheet: file.sheet, dryRun: upload.dryRun };
  const errors = await file.errors.copy();
  if (upload.onError === 'reject_all' && !upload.dryRun) {
    // All or nothing: what would be refused is known before anything is written.
    const trial = await file.errors.copy();
    const applied = await apply({ ...run, dryRun: true }, input, file, trial, 0.2);
    await trial.flush();
    refuse(upload, resultOf(file, applied, trial, upload));
  }
  const applied = await inSpan('apply', {}, () => apply(run, input, file, errors, 0.45));
  await errors.flush();
  const result = resultOf(file, applied, errors, upload);
  refuse(upload, result);
  if (upload.dryRun) return result;
  return publish(context, input, dbId, result, applied);
}

async function parse(input: ImportInput): Promise<ParsedFile> {
  const spool = createSpool<ParsedRow>(input.tempDir, 'rows');
  const errors = createErrors(input.saveErrors);
  const reader = createSheetReader(
    (row) => spool.add(row.key, row),
    (error) => errors.add(error),
  );
  await input.readRows(reader, async () => {
    await spool.settle();
    await errors.settle();
  });
  await errors.flush();
  return { ...reader.finish(), spool, errors };
}

async function apply(
  run: Applying,
  input: ImportInput,
  file: ParsedFile,
  errors: Errors,
  share: number,
): Promise<Applied> {
  const applied = nothingApplied();
  for await (const { records: rows, done } of file.spool.batches()) {
    input.signal.throwIfAborted();
    for (const error of await applyRows(run, rows, applied)) errors.add(error);
    await errors.settle();
    await input.progress(0.95 - share * (1 - done));
  }
  return applied;
}

function resultOf(
  { rowsRead: read, warnings, sheet }: ParsedFile,
  { counts }: Applied,
  errors: Errors,
  upload: ImportInput['upload'],
): Kept {
  const rejected = errors.count();
  const { inserted, updated, unchanged } = counts;
  const rows = inserted + updated + unchanged;
  const rejects = rejected === 0 ? '' : ` ${rejected} ${rejected === 1 ? 'row was' : 'rows were'} rejected.`;
  const saved = upload.dryRun ? 'Checked only, nothing was saved.' : 'Bulk upload completed.';
  return {
    counts: { read, ...counts, rejected },
    errors: errors.first(),
    errorCount: rejected,
    warnings: warnings as ImportWarning[],
    message: `${saved} ${rows} ${rows === 1 ? 'row' : 'rows'}.${rejects}`,
    details: { sheet },
  };
}

/** Nothing is saved when nothing is left, or when the user wants all or nothing. */
function refuse(
  { onError }: ImportInput['upload'],
  { message: _message, details: _details, ...facts }: Kept,
): void {
  const { counts } = facts;
  const rejected = counts.read - counts.duplicates;
  if (onError === 'reject_all' && facts.errorCount > 0) {
    const none = { ...counts, inserted: 0, updated: 0, unchanged: 0, rejected };
    throw new CodedError('ROWS_REJECTED', undefined, { ...facts, counts: none });
  }
  if (counts.inserted + counts.updated + counts.unchanged === 0) {
    throw new CodedError('ALL_ROWS_REJECTED', undefined, { ...facts });
  }
}

/** Puts it in force. `applied`: null where an earlier run has got so far and only what follows may be missing. */
async function publish(
  { repository }: ImportContext,
  { upload, signal, progress }: ImportInput,
  dbId: ObjectId,
  result: Kept,
  applied: Applied | null,
): Promise<ImportResult> {
  const { imports, dbs, series } = repository;
  const id = dbId.toHexString();
  if (applied !== null) {
    signal.throwIfAborted();
    if (applied.counts.inserted > 0) await series.bring(id, upload._id, applied.figures);
    // From here on a run after a crash says what this one gave, whatever has happened since.
    await imports.keepResult(upload.dedupeKey, upload._id, result);
  }
  await dbs.show(dbId, upload._id);
  await progress(0.98);
  await foldAll(repository, dbId, signal);
  return result;
}

/** Folds what is open into the figures of a db. What is hidden is looked up anew each time: it changes. */
export async function foldAll(
  { dbs, series }: PersonnelRepository,
  dbId: ObjectId,
  signal?: AbortSignal,
): Promise<void> {
  for (let more = true; more; ) {
    signal?.throwIfAborted();
    const target = await dbs.findAny(dbId);
    more = target !== null && (await series.foldSome(target));
  }
}

/** Leaves nothing of an import that was refused. */
async function withdraw(
  { repository: { imports, dbs, series } }: ImportContext,
  { upload }: ImportInput,
  dbId: ObjectId,
): Promise<void> {
  await imports.revert(upload._id, { ...upload.createdBy, requestId: upload.requestId });
  await imports.discard(upload._id);
  await series.dropImport(dbId.toHexString(), upload._id);
  await imports.release(upload.dedupeKey, upload._id);
  // A run that has lost its lease may still write: what it writes stays hidden, and is removed later.
  if (upload.attempts === 1 && !(await imports.hasAny(upload._id))) await dbs.show(dbId, upload._id);
}

interface Errors {
  add(error: RecordRowError): void;
  /** Saves them when there are many. */
  settle(): Promise<void>;
  flush(): Promise<void>;
  count(): number;
  /** The first ones by row. */
  first(): RecordRowError[];
  /** A list that goes on from here. */
  copy(): Promise<Errors>;
}

/** Row errors: the first thousand in memory, all of them saved. */
function createErrors(
  save: (errors: readonly RowError[]) => Promise<void>,
  kept: RecordRowError[] = [],
  before = 0,
): Errors {
  let count = before;
  let unsaved: RecordRowError[] = [];
  async function flush(): Promise<void> {
    const saving = unsaved;
    unsaved = [];
    await save(saving);
  }
  return {
    add(error) {
      count += 1;
      unsaved.push(error);
      if (kept.length < errorsKept) kept.push(error);
    },
    async settle() {
      if (unsaved.length >= 500) await flush();
    },
    flush,
    count: () => count,
    first: () => [...kept].sort((a, b) => a.row - b.row),
    async copy() {
      await flush();
      return createErrors(save, [...kept], count);
    },
  };
}
