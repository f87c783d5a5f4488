import { CodedError, errorCodes } from '@backoffice/core';
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/schema.ts';
import { hasEnded, type RowError, type UploadDocument } from './model.ts';

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const moment = Type.String({ format: 'date-time' });

export const RowErrorSchema = Type.Object({
  sheet: Type.String(),
  row: Type.Integer({ description: 'The sheet’s own row, from 1' }),
  column: Type.String({ description: 'The text of the header' }),
  cell: Type.String({ description: 'For example C7; empty when the whole row is meant' }),
  code: Type.String(),
  message: Type.String(),
  value: Type.String(),
});

export const CountsSchema = Type.Object({
  read: Type.Integer(),
  inserted: Type.Integer(),
  updated: Type.Integer(),
  unchanged: Type.Integer(),
  duplicates: Type.Integer(),
  rejected: Type.Integer(),
});

export const ImportWarningSchema = Type.Object(
  {
    code: Type.String(),
    message: Type.String(),
    count: Type.Optional(Type.Integer()),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { additionalProperties: true },
);

const StoredErrorSchema = Type.Object({
  code: Type.String(),
  message: Type.String(),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

/** An upload as callers see it; what its kind adds stands beside. */
export const UploadStatus = Type.Object(
  {
    uploadId: Type.String(),
    status: Type.Union([
      Type.Literal('queued'),
      Type.Literal('processing'),
      Type.Literal('completed'),
      Type.Literal('completed_with_errors'),
      Type.Literal('failed'),
    ]),
    progress: Type.Number({ minimum: 0, maximum: 1 }),
    fileName: Type.String(),
    createdAt: moment,
    finishedAt: Nullable(moment),
    createdBy: Type.String({ description: 'The name of the user' }),
    counts: Nullable(CountsSchema),
    errors: Type.Array(RowErrorSchema, { description: 'The first 20; 1,000 with errors=all' }),
    errorCount: Type.Integer(),
    warnings: Type.Array(ImportWarningSchema),
    duplicate: Type.Boolean(),
    duplicateOf: Nullable(Type.String()),
    dryRun: Type.Boolean(),
    message: Nullable(Type.String()),
    error: Type.Optional(StoredErrorSchema),
    undone: Type.Boolean(),
    undo: Type.Optional(
      Type.Object({
        state: Type.Union([Type.Literal('queued'), Type.Literal('done'), Type.Literal('failed')]),
        by: Type.String({ description: 'The name of the user' }),
        requestedAt: moment,
        finishedAt: Nullable(moment),
        error: Type.Optional(StoredErrorSchema),
        details: Type.Record(Type.String(), Type.Unknown()),
      }),
    ),
    fileRemoved: Type.Optional(
      Type.Object(
        { code: Type.Literal('UPLOAD_FILE_REMOVED'), message: Type.String(), at: moment },
        { description: 'File and row errors are gone, after the time for which they are kept' },
      ),
    ),
    statusUrl: Type.String(),
    errorsUrl: Type.Optional(Type.String({ description: 'All row errors as a workbook' })),
  },
  { additionalProperties: true },
);

/** The answer to an upload that still runs when the wait is over. */
export const UploadAccepted = Type.Object({
  uploadId: Type.String(),
  status: UploadStatus.properties.status,
  statusUrl: Type.String(),
});

/** How many row errors an answer carries unless all are asked for. */
export const shownErrors = 20;

/** `prefix`: what stands before `/upload` in the addresses, such as `/api`; empty where nothing does. */
export function statusUrlOf(prefix: string, upload: Pick<UploadDocument, '_id'>): string {
  return `${prefix}/upload/${upload._id.toHexString()}/status`;
}

/** An upload as it goes out. `details` of the kind come first, so that they can't hide what is common. */
export function uploadView(
  upload: UploadDocument,
  prefix: string,
  errors: readonly RowError[] = upload.errors.slice(0, shownErrors),
): Static<typeof UploadStatus> {
  const { undo } = upload;
  return {
    ...upload.details,
    uploadId: upload._id.toHexString(),
    status: upload.status,
    progress: upload.progress,
    fileName: upload.fileName,
    createdAt: upload.createdAt.toISOString(),
    finishedAt: upload.finishedAt?.toISOString() ?? null,
    createdBy: upload.createdBy.name,
    counts: upload.counts,
    errors: [...errors],
    errorCount: upload.errorCount,
    warnings: upload.warnings,
    duplicate: upload.duplicateOf !== null,
    duplicateOf: upload.duplicateOf,
    dryRun: upload.dryRun,
    message: upload.message ?? upload.error?.message ?? null,
    ...(upload.error === null ? {} : { error: upload.error }),
    undone: undo?.state === 'done',
    ...(undo === null ? {} : { undo: undoView(undo) }),
    statusUrl: statusUrlOf(prefix, upload),
    ...(upload.fileRemovedAt == null ? {} : { fileRemoved: removedView(upload.fileRemovedAt) }),
    ...(upload.errorCount === 0 || upload.fileRemovedAt != null
      ? {}
      : { errorsUrl: `${prefix}/upload/${upload._id.toHexString()}/errors.xlsx` }),
  };
}

function removedView(at: Date) {
  const code = 'UPLOAD_FILE_REMOVED' as const;
  return { code, message: errorCodes[code], at: at.toISOString() };
}

function undoView(undo: NonNullable<UploadDocument['undo']>) {
  return {
    state: undo.state,
    by: undo.by.name,
    requestedAt: undo.requestedAt.toISOString(),
    finishedAt: undo.finishedAt?.toISOString() ?? null,
    ...(undo.error === null ? {} : { error: undo.error }),
    details: undo.details,
  };
}

export function acceptedView(upload: UploadDocument, prefix: string): Static<typeof UploadAccepted> {
  return {
    uploadId: upload._id.toHexString(),
    status: upload.status,
    statusUrl: statusUrlOf(prefix, upload),
  };
}

/**
 * The fault of a failed upload as an error to be answered, with what was found on the way (counts, first
 * row errors, warnings). To be thrown only where `status` is `failed`.
 */
export function uploadFault(upload: UploadDocument): CodedError {
  const { code, message, details } = upload.error ?? { code: 'INTERNAL' as const, message: undefined };
  return new CodedError(code, message, {
    ...details,
    uploadId: upload._id.toHexString(),
    ...(upload.counts === null ? {} : { counts: upload.counts }),
    errors: upload.errors.slice(0, shownErrors),
    errorCount: upload.errorCount,
    warnings: upload.warnings,
  });
}

/** How long this request waits for the result: not at all when it says `Prefer: respond-async`. */
export function waitMsOf(
  request: Pick<FastifyRequest, 'headers'>,
  config: Pick<Config, 'UPLOAD_WAIT_MS'>,
): number {
  const preferences = [request.headers.prefer ?? []].flat().join(',').toLowerCase();
  const asynchronous = preferences.split(',').some((each) => each.trim() === 'respond-async');
  return asynchronous ? 0 : config.UPLOAD_WAIT_MS;
}

/** Whether there is something left to wait for: the import, or its undo. */
export function isUnderWay(upload: UploadDocument): boolean {
  return !hasEnded(upload) || upload.undo?.state === 'queued';
}
