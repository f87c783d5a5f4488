import type { JobRun, Platform, UploadDocument } from '@backoffice/platform';
import { Type } from '@sinclair/typebox';
import type { ObjectId } from 'mongodb';
import { foldAll, type ImportParams } from './imports/run.ts';
import { undoImport } from './imports/undo.ts';
import { createPersonnelRepository, type PersonnelRepository } from './repository.ts';

/** Jobs beside the imports, by name, with what they carry. */
export const personnelJobs = {
  'personnel.fold': Type.Object({}),
  'personnel.tidy': Type.Object({}),
};

const minute = 60_000;
const day = 24 * 60 * minute;
/** What is younger may still be written to, by a run that does not know yet that it was given up. */
const quietMs = 10 * minute;
const requestDays = 30;

export function personnelHandlers(platform: Platform) {
  const repository = createPersonnelRepository(platform);
  return {
    'personnel.fold': (_payload: unknown, { signal }: JobRun) => foldEvery(repository, signal),
    'personnel.tidy': (_payload: unknown, { signal }: JobRun) => tidy(platform, repository, signal),
  };
}

/** Lets planned changes that are due take effect, and folds what is open into the figures of every db, deleted ones too. */
export async function foldEvery(repository: PersonnelRepository, signal?: AbortSignal): Promise<void> {
  await repository.records.settle();
  for (const { _id } of await repository.dbs.listAny()) await foldAll(repository, _id, signal);
}

/** Removes what nothing refers to any more, and ends what was given up half-way. Safe to repeat. */
export async function tidy(
  platform: Pick<Platform, 'db' | 'clock'>,
  repository: PersonnelRepository,
  signal?: AbortSignal,
): Promise<{ withdrawn: number; removed: number; requests: number }> {
  const { imports, dbs } = repository;
  const now = platform.clock().getTime();
  let withdrawn = 0;
  for (const { _id, hidden_imports } of await dbs.listAny()) {
    for (const importId of hidden_imports) {
      if (await endImport(platform, repository, _id, importId, now, signal)) withdrawn += 1;
    }
  }
  return {
    withdrawn,
    removed: await imports.removeErased(),
    requests: await imports.removeRequests(new Date(now - requestDays * day)),
  };
}

/** Ends a hidden import that nobody works on any more; false where somebody may. */
async function endImport(
  { db }: Pick<Platform, 'db'>,
  repository: PersonnelRepository,
  dbId: ObjectId,
  importId: ObjectId,
  now: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const { imports, dbs, series } = repository;
  const uploads = db.collection<UploadDocument<ImportParams>>('uploads');
  const upload = await uploads.findOne({ _id: importId });
  const quiet = (at: Date | null | undefined) => (at?.getTime() ?? 0) < now - quietMs;
  const undo = upload?.undo ?? null;
  if (upload !== null && undo?.state === 'failed' && quiet(undo.finishedAt)) {
    // Half of it may be gone, so the rest goes too.
    await undoImport(repository, upload, undo.by, signal);
    return true;
  }
  if (upload !== null && !(upload.status === 'failed' && quiet(upload.finishedAt))) return false;
  const by = { userId: '', name: '', ...upload?.createdBy, requestId: upload?.requestId ?? '' };
  await imports.revert(importId, by, signal);
  await imports.discard(importId);
  await series.dropImport(dbId.toHexString(), importId);
  if (upload !== null) await imports.release(upload.dedupeKey, importId);
  await dbs.show(dbId, importId);
  return true;
}
