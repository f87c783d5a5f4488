import {
  type ImportKind,
  type ImportRun,
  type Platform,
  readRows,
  type UndoRun,
  type UploadDocument,
} from '@backoffice/platform';
import type { ObjectId } from 'mongodb';
import { type ImportParams, runImport } from './imports/run.ts';
import { undoImport } from './imports/undo.ts';
import { createPersonnelRepository } from './repository.ts';

/** The import kind of sheets of records. */
export const recordsKind = 'personnel.records';

/** Sheets of records: how the worker imports one, and takes one back. */
export function recordsImport(platform: Platform): ImportKind {
  const repository = createPersonnelRepository(platform);
  const context = { repository, isGivenUp: givenUpIn(platform) };

  return {
    name: recordsKind,
    run(job) {
      const { upload, tempDir, signal, saveErrors, progress } = job as ImportRun<ImportParams>;
      return runImport(context, {
        upload,
        tempDir,
        signal,
        saveErrors,
        progress: (fraction) => progress(fraction),
        readRows: (reader, settle) => readRows(job, reader, settle),
      });
    },
    async undo(job) {
      const { upload, by, signal } = job as UndoRun<ImportParams>;
      return { details: await undoImport(repository, upload, by, signal) };
    },
  };
}

/** Whether an upload failed, or is not there any more. */
export function givenUpIn({ db }: Pick<Platform, 'db'>) {
  const uploads = db.collection<UploadDocument>('uploads');
  return async (_id: ObjectId): Promise<boolean> => {
    const upload = await uploads.findOne({ _id }, { projection: { status: 1 } });
    return upload === null || upload.status === 'failed';
  };
}
