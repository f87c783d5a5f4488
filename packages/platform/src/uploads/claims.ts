import type { Collection, Db, Document, ObjectId } from 'mongodb';
import type { AuditEntry } from '../audit/outbox.ts';
import type { SystemName } from '../http/module.ts';
import {
  type Counts,
  maximumAttempts,
  type StoredError,
  type UndoState,
  type UploadDocument,
} from './model.ts';

/** What an import leaves in its record when it ends. */
export type ImportEnd = Pick<
  UploadDocument,
  'counts' | 'warnings' | 'errors' | 'errorCount' | 'error' | 'duplicateOf' | 'message' | 'details'
> & { status: 'completed' | 'completed_with_errors' | 'failed' };

const unfinished = ['queued', 'processing'] as const;
/** By the server's clock: it does not matter whose own is wrong. */
const leaseEnded = { $expr: { $lt: ['$lease.until', '$$NOW'] } };

function leaseUntil(token: string, leaseMs: number) {
  return { token, until: { $add: ['$$NOW', leaseMs] } };
}

/** The audit's entry, in the very write that it tells of. */
function told(entry: AuditEntry | null) {
  return entry === null ? {} : { $push: { outbox: entry } };
}

export type UploadClaims = ReturnType<typeof createUploadClaims>;

/**
 * The worker's side of the records: who works on what, and how it ends. Every write is a compare-and-set
 * on the lease's token, so that a worker that was slow can't overwrite what its successor has done.
 */
export function createUploadClaims(db: Db, clock: () => Date = () => new Date()) {
  const uploads: Collection<UploadDocument> = db.collection('uploads');

  /** Makes the import this worker's own: null when it has ended, is another's, or was begun too often. */
  async function claimImport(id: ObjectId, token: string, leaseMs: number): Promise<UploadDocument | null> {
    return uploads.findOneAndUpdate(
      {
        _id: id,
        attempts: { $lt: maximumAttempts },
        $or: [{ status: 'queued' }, { status: 'processing', ...leaseEnded }],
      } as Document,
      [
        {
          $set: {
            status: 'processing',
            progress: 0,
            attempts: { $add: ['$attempts', 1] },
            startedAt: { $ifNull: ['$startedAt', '$$NOW'] },
            lease: leaseUntil(token, leaseMs),
          },
        },
      ],
      { returnDocument: 'after' },
    );
  }

  async function claimUndo(id: ObjectId, token: string, leaseMs: number): Promise<UploadDocument | null> {
    return uploads.findOneAndUpdate(
      {
        _id: id,
        'undo.state': 'queued',
        'undo.attempts': { $lt: maximumAttempts },
        $or: [{ lease: null }, leaseEnded],
      } as Document,
      [{ $set: { 'undo.attempts': { $add: ['$undo.attempts', 1] }, lease: leaseUntil(token, leaseMs) } }],
      { returnDocument: 'after' },
    );
  }

  /** Whether the lease is still ours; extends it. */
  async function renewLease(id: ObjectId, token: string, leaseMs: number): Promise<boolean> {
    const renewed = await uploads.updateOne({ _id: id, 'lease.token': token }, [
      { $set: { lease: leaseUntil(token, leaseMs) } },
    ]);
    return renewed.matchedCount === 1;
  }

  async function updateProgress(
    id: ObjectId,
    token: string,
    progress: number,
    counts: Counts | null,
  ): Promise<void> {
    await uploads.updateOne(
      { _id: id, 'lease.token': token },
      { $set: { progress, ...(counts === null ? {} : { counts }) } },
    );
  }

  /** The last write of an import; false when it is not ours any more, and then nothing is written. */
  async function finishImport(
    id: ObjectId,
    token: string,
    end: ImportEnd,
    entry: AuditEntry | null,
  ): Promise<boolean> {
    const finished = await uploads.updateOne(
      { _id: id, 'lease.token': token, status: 'processing' },
      { $set: { ...end, progress: 1, lease: null, finishedAt: clock() }, ...told(entry) },
    );
    return finished.matchedCount === 1;
  }

  async function finishUndo(
    id: ObjectId,
    token: string,
    end: Pick<UndoState, 'state' | 'error' | 'details'>,
    entry: AuditEntry,
  ): Promise<boolean> {
    const finished = await uploads.updateOne(
      { _id: id, 'lease.token': token, 'undo.state': 'queued' },
      {
        $set: {
          'undo.state': end.state,
          'undo.error': end.error,
          'undo.details': end.details,
          'undo.finishedAt': clock(),
          lease: null,
        },
        ...told(entry),
      },
    );
    return finished.matchedCount === 1;
  }

  /** Lets another run begin at once. `uncounted`: it was our own end that broke it off, not the file. */
  async function handBack(id: ObjectId, token: string, uncounted: boolean): Promise<void> {
    const change = uncounted ? { $inc: { attempts: -1 } } : {};
    await uploads.updateOne(
      { _id: id, 'lease.token': token, status: 'processing' },
      { $set: { status: 'queued', lease: null }, ...change },
    );
  }

  async function handBackUndo(id: ObjectId, token: string, uncounted: boolean): Promise<void> {
    const change = uncounted ? { $inc: { 'undo.attempts': -1 } } : {};
    await uploads.updateOne({ _id: id, 'lease.token': token }, { $set: { lease: null }, ...change });
  }

  /** Gives up an import that was begun too often and that nobody works on; false when that is not so. */
  async function stallImport(id: ObjectId, error: StoredError, entry: AuditEntry | null): Promise<boolean> {
    const stalled = await uploads.updateOne(
      {
        _id: id,
        attempts: { $gte: maximumAttempts },
        $or: [{ status: 'queued' }, { status: 'processing', ...leaseEnded }],
      } as Document,
      { $set: { status: 'failed', error, lease: null, finishedAt: clock() }, ...told(entry) },
    );
    return stalled.matchedCount === 1;
  }

  async function stallUndo(id: ObjectId, error: StoredError, entry: AuditEntry): Promise<boolean> {
    const stalled = await uploads.updateOne(
      {
        _id: id,
        'undo.state': 'queued',
        'undo.attempts': { $gte: maximumAttempts },
        $or: [{ lease: null }, leaseEnded],
      } as Document,
      {
        $set: { 'undo.state': 'failed', 'undo.error': error, 'undo.finishedAt': clock(), lease: null },
        ...told(entry),
      },
    );
    return stalled.matchedCount === 1;
  }

  /** Imports older than `olderThanMs` that wait, or whose worker gives no sign of life; oldest first. */
  async function listUnfinished(system: SystemName, olderThanMs: number): Promise<UploadDocument[]> {
    const before = new Date(clock().getTime() - olderThanMs);
    return uploads
      .find(
        {
          system,
          status: { $in: [...unfinished] },
          $or: [
            { status: 'queued', createdAt: { $lt: before } },
            { status: 'processing', ...leaseEnded },
          ],
        } as Document,
        { projection: { errors: 0 } },
      )
      .sort({ _id: 1 })
      .limit(500)
      .toArray();
  }

  async function listUnfinishedUndos(system: SystemName, olderThanMs: number): Promise<UploadDocument[]> {
    const before = new Date(clock().getTime() - olderThanMs);
    return uploads
      .find(
        {
          system,
          'undo.state': 'queued',
          'undo.requestedAt': { $lt: before },
          $or: [{ lease: null }, leaseEnded],
        } as Document,
        { projection: { errors: 0 } },
      )
      .sort({ _id: 1 })
      .limit(500)
      .toArray();
  }

  /** Whether a worker with that token still works on the upload. */
  async function isLeased(id: ObjectId, token: string): Promise<boolean> {
    const live = { _id: id, 'lease.token': token, $expr: { $gte: ['$lease.until', '$$NOW'] } };
    return (await uploads.countDocuments(live as Document, { limit: 1 })) === 1;
  }

  return {
    claimImport,
    claimUndo,
    renewLease,
    updateProgress,
    finishImport,
    finishUndo,
    handBack,
    handBackUndo,
    stallImport,
    stallUndo,
    listUnfinished,
    listUnfinishedUndos,
    isLeased,
  };
}
