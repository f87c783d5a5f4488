import type { ErrorCode } from '@backoffice/core';
import { type Collection, type Db, type Filter, ObjectId } from 'mongodb';
import type { AuditEntry } from '../audit/outbox.ts';
import type { SystemName } from '../http/module.ts';
import type { RowError, UndoState, UploadDocument, UploadScope } from './model.ts';

type ErrorDocument = RowError & { uploadId: ObjectId };

/** A failed upload of the same file by the same user, not long ago. */
export interface RecentFailure {
  system: SystemName;
  dedupeKey: string;
  userId: string;
  code: ErrorCode;
  withinMs: number;
}

function filterOf(system: SystemName, scope: UploadScope | null): Filter<UploadDocument> {
  return { system, ...(scope === null ? {} : { [`params.${scope.param}`]: { $in: [...scope.values] } }) };
}

export type UploadRepository = ReturnType<typeof createUploadRepository>;

export function createUploadRepository(db: Db, clock: () => Date = () => new Date()) {
  const uploads: Collection<UploadDocument> = db.collection('uploads');
  const rowErrors: Collection<ErrorDocument> = db.collection('upload_errors');

  async function insert(upload: UploadDocument): Promise<void> {
    await uploads.insertOne(upload);
  }

  async function findById(id: ObjectId): Promise<UploadDocument | null> {
    return uploads.findOne({ _id: id });
  }

  /** The upload of that system and scope, or null; null too for text that is no id. */
  async function find(
    system: SystemName,
    id: string,
    scope: UploadScope | null,
  ): Promise<UploadDocument | null> {
    if (!/^[0-9a-f]{24}$/i.test(id)) return null;
    return uploads.findOne({ _id: new ObjectId(id), ...filterOf(system, scope) });
  }

  /** The upload that a request with that `Idempotency-Key` created. */
  async function findByIdempotencyKey(key: string): Promise<UploadDocument | null> {
    return uploads.findOne({ 'idempotency.key': key });
  }

  /** Newest first; of the row errors the first 20. `page` counts from 1. */
  async function list(
    system: SystemName,
    { page, limit }: { page: number; limit: number },
    scope: UploadScope | null = null,
  ): Promise<{ uploads: UploadDocument[]; total: number }> {
    const filter = filterOf(system, scope);
    const [found, total] = await Promise.all([
      uploads
        .find(filter, { projection: { errors: { $slice: 20 } } })
        .sort({ _id: -1 })
        .skip((page - 1) * limit)
        .limit(limit)
        .toArray(),
      uploads.countDocuments(filter),
    ]);
    return { uploads: found, total };
  }

  /** Real uploads of the same file and parameters that did not fail, newest first. */
  async function listSame(system: SystemName, dedupeKey: string): Promise<UploadDocument[]> {
    return uploads
      .find({ system, dedupeKey, dryRun: false, status: { $ne: 'failed' } })
      .sort({ _id: -1 })
      .limit(20)
      .toArray();
  }

  async function findRecentFailure(query: RecentFailure): Promise<UploadDocument | null> {
    const { system, dedupeKey, userId, code, withinMs } = query;
    const since = new Date(clock().getTime() - withinMs);
    return uploads.findOne(
      {
        system,
        dedupeKey,
        dryRun: false,
        status: 'failed',
        'error.code': code,
        'createdBy.userId': userId,
        createdAt: { $gte: since },
      },
      { sort: { _id: -1 } },
    );
  }

  /** Asks for the undo of a finished import; null when it can't be undone or somebody has asked already. */
  async function requestUndo(
    id: ObjectId,
    undo: UndoState,
    entry: AuditEntry,
  ): Promise<UploadDocument | null> {
    return uploads.findOneAndUpdate(
      {
        _id: id,
        dryRun: false,
        duplicateOf: null,
        status: { $in: ['completed', 'completed_with_errors'] },
        $or: [{ undo: null }, { 'undo.state': 'failed' }],
      },
      { $set: { undo }, $push: { outbox: entry } },
      { returnDocument: 'after' },
    );
  }

  async function upsertErrors(id: ObjectId, errors: readonly RowError[]): Promise<void> {
    if (errors.length === 0) return;
    await rowErrors.bulkWrite(
      errors.map((error) => ({
        updateOne: {
          filter: { uploadId: id, row: error.row },
          update: { $set: { ...error, uploadId: id } },
          upsert: true,
        },
      })),
      { ordered: false },
    );
  }

  async function removeErrors(id: ObjectId): Promise<void> {
    await rowErrors.deleteMany({ uploadId: id });
  }

  /** Every row error of the upload: those in its record, then the others in order of the rows. */
  async function* listErrors(upload: UploadDocument): AsyncGenerator<RowError> {
    yield* upload.errors;
    if (upload.errorCount <= upload.errors.length) return;
    const shown = new Set(upload.errors.map((error) => error.row));
    const others = rowErrors
      .find({ uploadId: upload._id }, { projection: { _id: 0, uploadId: 0 } })
      .sort({ row: 1 });
    for await (const error of others) {
      if (!shown.has(error.row)) yield error;
    }
  }

  return {
    insert,
    findById,
    find,
    findByIdempotencyKey,
    list,
    listSame,
    findRecentFailure,
    requestUndo,
    upsertErrors,
    removeErrors,
    listErrors,
  };
}
