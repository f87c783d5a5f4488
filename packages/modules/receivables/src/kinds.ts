import { wireMonth } from '@backoffice/core';
import {
  createUserRepository,
  type ImportKind,
  type ImportResult,
  type ImportRun,
  type Platform,
  readRows,
} from '@backoffice/platform';
import { runStatement, type StatementParams, type StatementResult } from './imports/run.ts';
import { undoStatement } from './imports/undo.ts';
import { engineersByName } from './people.ts';
import { createReceivablesRepository } from './repository.ts';

/** The import kind of monthly statements. */
export const statementKind = 'receivables.statement';

/** The month-end statement: how the worker imports one, and takes one back. */
export function statementImport(platform: Platform): ImportKind {
  const repository = createReceivablesRepository(platform);
  const users = createUserRepository(platform.db, platform.clock);
  const context = {
    repository,
    clock: platform.clock,
    zone: platform.config.TIME_ZONE,
    engineerIds: () => engineersByName(users),
  };

  async function run(job: ImportRun<StatementParams>): Promise<ImportResult> {
    const { upload } = job;
    const result = await runStatement(context, {
      uploadId: upload._id.toHexString(),
      key: upload.dedupeKey,
      params: upload.params,
      dryRun: upload.dryRun,
      onError: upload.onError,
      by: upload.createdBy.userId,
      tempDir: job.tempDir,
      saveErrors: job.saveErrors,
      progress: (fraction) => job.progress(fraction),
      readRows: (reader, settle) => readRows(job, reader, settle),
    });
    return importResult(result, upload.params, upload.dryRun);
  }

  return {
    name: statementKind,
    run: (job) => run(job as ImportRun<StatementParams>),
    async undo({ upload }) {
      await undoStatement(repository, upload._id.toHexString());
      return {};
    },
  };
}

function importResult(result: StatementResult, { month }: StatementParams, dryRun: boolean): ImportResult {
  const { counts, errorCount, duplicateOf } = result;
  const count = counts.inserted + counts.updated + counts.unchanged;
  const rejected =
    errorCount === 0 ? '' : ` ${errorCount} ${errorCount === 1 ? 'row was' : 'rows were'} rejected.`;
  const rows = `${count} ${count === 1 ? 'row' : 'rows'} for ${wireMonth(month)}.${rejected}`;
  const done = dryRun ? `Checked only, nothing was saved. ${rows}` : `Upload successful. ${rows}`;
  const message =
    duplicateOf === undefined
      ? done
      : `This file is in force already for ${wireMonth(month)}; nothing was changed.`;
  return {
    counts,
    errorCount,
    errors: result.errors,
    warnings: result.warnings,
    message,
    details: { count, month: wireMonth(month), pairs: result.pairs },
    ...(duplicateOf === undefined ? {} : { duplicateOf }),
  };
}
