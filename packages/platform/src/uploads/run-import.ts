import { randomBytes } from 'node:crypto';
import { CodedError, errorCodes } from '@backoffice/core';
import { UnrecoverableError } from 'bullmq';
import { ObjectId } from 'mongodb';
import type { Platform } from '../data.ts';
import type { JobRun } from '../jobs/worker.ts';
import { countUpload } from '../observe/uploads.ts';
import { createUploadClaims, type ImportEnd } from './claims.ts';
import { importEntry } from './entries.ts';
import { holdLease, orAbandoned } from './held-lease.ts';
import {
  type Counts,
  hasEnded,
  type ImportKind,
  type ImportResult,
  type ImportRun,
  type ImportWarning,
  keptErrors,
  maximumAttempts,
  type RowError,
  type StoredError,
  storedError,
  type UploadDocument,
} from './model.ts';
import { createUploadRepository } from './repository.ts';
import { makeTempDir, removeTempDir } from './temp-dirs.ts';

const progressMs = 500;
const stalled: StoredError = { code: 'UPLOAD_STALLED', message: errorCodes.UPLOAD_STALLED };

/**
 * The job behind an upload. Claims the record by compare-and-set, so that of any number of runs one
 * applies; leaves result or fault in the record.
 */
export function createImportRunner(platform: Platform, kinds: ReadonlyMap<string, ImportKind>) {
  const { config } = platform;
  const claims = createUploadClaims(platform.db, platform.clock);
  const uploads = createUploadRepository(platform.db, platform.clock);

  return async function runImport({ uploadId }: { uploadId: string }, run: JobRun): Promise<string> {
    const id = new ObjectId(uploadId);
    const token = randomBytes(12).toString('hex');
    const upload = await claims.claimImport(id, token, config.JOB_LEASE_MS);
    if (upload === null) return notClaimed(id);

    const kind = kinds.get(upload.kind);
    const lease = holdLease(
      () => claims.renewLease(id, token, config.JOB_LEASE_MS),
      config.JOB_LEASE_MS,
      run.signal,
    );
    const tempDir = await makeTempDir(platform, id, token);
    try {
      if (kind === undefined) throw new Error(`There is no import kind ${upload.kind}.`);
      // An earlier attempt may have found other rows wrong: what stands there may have changed.
      await uploads.removeErrors(id);
      const path = await platform.files.localCopy(upload.fileKey, tempDir);
      const work = kind.run(importRun(upload, token, path, tempDir, lease.signal, run));
      const end = endOf(await orAbandoned(work, lease.signal));
      await finish(upload, token, end);
      return end.status;
    } catch (error) {
      return await afterFault(upload, token, error, lease.isLost(), run);
    } finally {
      lease.end();
      await removeTempDir(tempDir);
    }
  };

  /** Ended already, another's, or begun too often: then it is given up here. */
  async function notClaimed(id: ObjectId): Promise<string> {
    const upload = await uploads.findById(id);
    if (upload === null) throw new UnrecoverableError('There is no such upload.');
    if (await stall(upload)) throw new UnrecoverableError('UPLOAD_STALLED');
    // Where the other worker is dead, the sweeper enqueues anew once its lease has ended.
    return hasEnded(upload) ? upload.status : 'another worker has it';
  }

  function importRun(
    upload: UploadDocument,
    token: string,
    path: string,
    tempDir: string,
    signal: AbortSignal,
    { log }: JobRun,
  ): ImportRun {
    let written = 0;
    return {
      upload,
      path,
      tempDir,
      signal,
      log: log.child({ uploadId: upload._id.toHexString() }),
      async progress(fraction, counts) {
        signal.throwIfAborted();
        if (performance.now() - written < progressMs) return;
        written = performance.now();
        await claims.updateProgress(upload._id, token, Math.min(Math.max(fraction, 0), 1), counts ?? null);
      },
      async saveErrors(errors) {
        signal.throwIfAborted();
        await uploads.upsertErrors(upload._id, errors);
      },
    };
  }

  async function finish(upload: UploadDocument, token: string, end: ImportEnd): Promise<void> {
    const entry = importEntry(upload, end, platform.clock());
    if (!(await claims.finishImport(upload._id, token, end, entry))) {
      throw new Error('Another worker has taken over.');
    }
    countUpload(platform.metrics, upload, kinds, end);
  }

  /** Gives up an import that was begun too often; false when that is not so. */
  async function stall(upload: UploadDocument): Promise<boolean> {
    const { counts, errorCount } = upload;
    const end = { status: 'failed', counts, errorCount, error: stalled } as const;
    return claims.stallImport(upload._id, stalled, importEntry(upload, end, platform.clock()));
  }

  async function afterFault(
    upload: UploadDocument,
    token: string,
    error: unknown,
    lost: boolean,
    { log, signal }: JobRun,
  ): Promise<string> {
    if (lost) {
      log.warn({ err: error }, 'lost the import to another worker');
      return 'another worker has it';
    }
    if (error instanceof CodedError) {
      await finish(upload, token, failedEnd(error));
      throw error;
    }
    log.error({ err: error, attempt: upload.attempts }, 'the import broke off');
    // When MongoDB is away too, the lease ends by itself and the sweeper sees to the rest.
    await claims.handBack(upload._id, token, signal.aborted).catch(() => undefined);
    if (!signal.aborted && upload.attempts >= maximumAttempts) {
      await stall(upload);
      throw new UnrecoverableError('UPLOAD_STALLED');
    }
    throw error;
  }
}

function endOf(result: ImportResult): ImportEnd {
  const { counts, warnings, errorCount, errors, duplicateOf, message, details } = result;
  return {
    status: errorCount > 0 ? 'completed_with_errors' : 'completed',
    counts,
    warnings,
    errors: errors.slice(0, keptErrors),
    errorCount,
    error: null,
    duplicateOf: duplicateOf ?? null,
    message: message ?? null,
    details: details ?? {},
  };
}

/** A refused import keeps what was found on the way: the counts and the row errors say what to mend. */
function failedEnd(fault: CodedError): ImportEnd {
  const { counts, warnings, errors, errorCount, ...rest } = (fault.details ?? {}) as {
    counts?: Counts;
    warnings?: ImportWarning[];
    errors?: RowError[];
    errorCount?: number;
  };
  const details = Object.keys(rest).length === 0 ? undefined : (rest as Record<string, unknown>);
  return {
    status: 'failed',
    counts: counts ?? null,
    warnings: warnings ?? [],
    errors: (errors ?? []).slice(0, keptErrors),
    errorCount: errorCount ?? errors?.length ?? 0,
    error: storedError(new CodedError(fault.code, fault.message, details)),
    duplicateOf: null,
    message: null,
    details: {},
  };
}
