import { randomBytes } from 'node:crypto';
import { CodedError, errorCodes } from '@backoffice/core';
import { UnrecoverableError } from 'bullmq';
import { ObjectId } from 'mongodb';
import type { Platform } from '../data.ts';
import type { JobRun } from '../jobs/worker.ts';
import { createUploadClaims } from './claims.ts';
import { undoEntry } from './entries.ts';
import { holdLease, orAbandoned } from './held-lease.ts';
import {
  type ImportKind,
  maximumAttempts,
  type StoredError,
  storedError,
  type UndoState,
  type UploadDocument,
} from './model.ts';
import { createUploadRepository } from './repository.ts';

const stalled: StoredError = { code: 'UPLOAD_STALLED', message: errorCodes.UPLOAD_STALLED };

/** The job that takes an import back, once, however often it is started. */
export function createUndoRunner(platform: Platform, kinds: ReadonlyMap<string, ImportKind>) {
  const { config } = platform;
  const claims = createUploadClaims(platform.db, platform.clock);
  const uploads = createUploadRepository(platform.db, platform.clock);

  return async function runUndo({ uploadId }: { uploadId: string }, run: JobRun): Promise<string> {
    const id = new ObjectId(uploadId);
    const token = randomBytes(12).toString('hex');
    const upload = await claims.claimUndo(id, token, config.JOB_LEASE_MS);
    const undo = upload?.undo;
    if (upload === null || undo == null) {
      const given = await uploads.findById(id);
      if (given !== null && (await stall(given))) throw new UnrecoverableError('UPLOAD_STALLED');
      return 'nothing to do, or another worker has it';
    }

    const kind = kinds.get(upload.kind);
    const lease = holdLease(
      () => claims.renewLease(id, token, config.JOB_LEASE_MS),
      config.JOB_LEASE_MS,
      run.signal,
    );
    try {
      if (kind === undefined) throw new Error(`There is no import kind ${upload.kind}.`);
      const { signal } = lease;
      const log = run.log.child({ uploadId });
      const { details } = await orAbandoned(kind.undo({ upload, by: undo.by, signal, log }), signal);
      await finish(upload, undo, token, { state: 'done', error: null, details: details ?? {} });
      return 'done';
    } catch (error) {
      if (lease.isLost()) return 'another worker has it';
      if (error instanceof CodedError) {
        await finish(upload, undo, token, { state: 'failed', error: storedError(error), details: {} });
        throw error;
      }
      run.log.error({ err: error, attempt: undo.attempts }, 'the undo broke off');
      await claims.handBackUndo(id, token, run.signal.aborted).catch(() => undefined);
      if (!run.signal.aborted && undo.attempts >= maximumAttempts) {
        await stall(upload);
        throw new UnrecoverableError('UPLOAD_STALLED');
      }
      throw error;
    } finally {
      lease.end();
    }
  };

  /** Gives up an undo that was begun too often; false when that is not so. */
  async function stall(upload: UploadDocument): Promise<boolean> {
    if (upload.undo === null) return false;
    const end = { state: 'failed', error: stalled } as const;
    return claims.stallUndo(upload._id, stalled, undoEntry(upload, upload.undo, end, platform.clock()));
  }

  async function finish(
    upload: UploadDocument,
    undo: UndoState,
    token: string,
    end: Pick<UndoState, 'state' | 'error' | 'details'>,
  ): Promise<void> {
    const entry = undoEntry(upload, undo, end, platform.clock());
    if (!(await claims.finishUndo(upload._id, token, end, entry))) {
      throw new Error('Another worker has taken over.');
    }
  }
}
