import type { UploadDocument } from '@backoffice/platform';
import { ObjectId } from 'mongodb';
import type { PersonnelRepository } from '../repository.ts';
import { foldAll, type ImportParams } from './run.ts';

/** Of the records that an undo leaves, so many are named. */
const namedRecords = 1_000;

export interface UndoDetails extends Record<string, unknown> {
  /** Inserted by the import and gone now. */
  removed: number;
  /** Updated by the import and as before now. */
  restored: number;
  /** Changed by somebody since, and so left as they are; the first thousand of them. */
  keptCount: number;
  kept: { id: string; army_number: string }[];
}

/**
 * Takes an import back: what it inserted is gone for everybody at once, what it updated is as it was before.
 * Records that somebody has changed since stay, and are listed. Safe to repeat.
 */
export async function undoImport(
  repository: PersonnelRepository,
  upload: Pick<UploadDocument<ImportParams>, '_id' | 'params' | 'dedupeKey' | 'counts' | 'requestId'>,
  by: { userId: string; name: string },
  signal?: AbortSignal,
): Promise<UndoDetails> {
  const { imports, dbs, series } = repository;
  const dbId = new ObjectId(upload.params.dbId);
  // The figures hold its records by themselves now, and can let go of each.
  await series.settleImport(dbId.toHexString(), upload._id);
  await imports.beginErasing(dbId, upload._id);
  // Gone for everybody at once, by this one write.
  await dbs.hide(dbId, upload._id);
  await imports.erase(dbId, upload._id);
  await imports.revert(upload._id, { ...by, requestId: upload.requestId }, signal);
  const { inserted, updated, kept } = await imports.listKept(upload._id, namedRecords);
  // From here on the file may be imported again.
  await imports.release(upload.dedupeKey, upload._id);
  await dbs.show(dbId, upload._id);
  await foldAll(repository, dbId, signal);
  const { counts } = upload;
  return {
    removed: Math.max(0, (counts?.inserted ?? 0) - inserted),
    restored: Math.max(0, (counts?.updated ?? 0) - updated),
    keptCount: inserted + updated,
    kept,
  };
}
