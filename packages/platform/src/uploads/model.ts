import { createHash } from 'node:crypto';
import type { CodedError, ErrorCode } from '@backoffice/core';
import type { ObjectId } from 'mongodb';
import type { Logger } from 'pino';
import type { Audited } from '../audit/outbox.ts';
import type { Idempotency } from '../http/idempotency.ts';
import type { SystemName } from '../http/module.ts';

/** A row that was refused. `row` is the sheet's own, 1-based; `column` the header's text; `cell` its A1 reference. */
export interface RowError {
  sheet: string;
  row: number;
  column: string;
  cell: string;
  code: string;
  message: string;
  value: string;
}

/** Rows; the last five add up to `read`. */
export interface Counts {
  read: number;
  inserted: number;
  updated: number;
  unchanged: number;
  duplicates: number;
  rejected: number;
}

export interface ImportWarning {
  code: string;
  message: string;
  count?: number;
  details?: Record<string, unknown>;
}

export type UploadStatusName = 'queued' | 'processing' | 'completed' | 'completed_with_errors' | 'failed';

/** A fault as it is kept in a record and shown to callers. */
export interface StoredError {
  code: ErrorCode;
  message: string;
  details?: Record<string, unknown>;
}

/** Taking an import back: asked for by a user, done by a job. */
export interface UndoState {
  state: 'queued' | 'done' | 'failed';
  by: { userId: string; name: string };
  requestId: string;
  traceparent?: string;
  requestedAt: Date;
  finishedAt: Date | null;
  attempts: number;
  error: StoredError | null;
  /** What the kind says of it: what went, what came back. */
  details: Record<string, unknown>;
}

/** The record of one uploaded file; what the whole of its import hangs on. */
export interface UploadDocument<P = unknown> extends Audited {
  _id: ObjectId;
  kind: string;
  system: SystemName;
  status: UploadStatusName;
  /** 0 to 1. */
  progress: number;
  fileKey: string;
  /** As the caller named it, without folders and control characters; only to be shown. */
  fileName: string;
  /** Lower-case hexadecimal. */
  sha256: string;
  /** Bytes. */
  size: number;
  params: P;
  /** The same for the same file with the same parameters. */
  dedupeKey: string;
  dryRun: boolean;
  onError: 'reject_rows' | 'reject_all';
  /** Where the request carried an `Idempotency-Key`. */
  idempotency?: Idempotency;
  requestId: string;
  /** Where traces are on: the one that the job carries on, also when the sweeper enqueues it. */
  traceparent?: string;
  createdBy: { userId: string; name: string };
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  /** How often a worker has begun it. */
  attempts: number;
  /** Who works on it, and until when that holds without a sign of life. */
  lease: { token: string; until: Date } | null;
  counts: Counts | null;
  warnings: ImportWarning[];
  /** The first 1,000; the rest is in `upload_errors`. */
  errors: RowError[];
  errorCount: number;
  error: StoredError | null;
  duplicateOf: string | null;
  message: string | null;
  undo: UndoState | null;
  /** What the kind adds to the answer. */
  details: Record<string, unknown>;
  /** Since when its file and row errors are gone, after the time for which they are kept. */
  fileRemovedAt?: Date | null;
}

/** Which of a system's uploads somebody may see: those whose parameter `param` has one of these values. */
export interface UploadScope {
  param: string;
  values: readonly string[];
}

/** What an import is given. */
export interface ImportRun<P = unknown> {
  upload: UploadDocument<P>;
  /** The stored file; not to be changed. */
  path: string;
  /** Empty, for this run alone, and removed after it. */
  tempDir: string;
  /** Aborted when another worker has taken over or the process ends. */
  signal: AbortSignal;
  log: Logger;
  /** Says how far it is (0 to 1). Cheap: written twice a second at most. Throws when the run was aborted. */
  progress: (fraction: number, counts?: Counts) => Promise<void>;
  /** Keeps row errors for the downloadable list; the same row again is kept once. */
  saveErrors: (errors: readonly RowError[]) => Promise<void>;
}

export interface ImportResult {
  counts: Counts;
  warnings: ImportWarning[];
  errorCount: number;
  /** The first ones; the record keeps up to 1,000. Those beyond go through `saveErrors`. */
  errors: RowError[];
  /** The import in force that this one only repeats. */
  duplicateOf?: string;
  message?: string;
  /** Goes into the answer as it is. */
  details?: Record<string, unknown>;
}

export interface UndoRun<P = unknown> {
  upload: UploadDocument<P>;
  by: { userId: string; name: string };
  signal: AbortSignal;
  log: Logger;
}

/** What a module does with a kind of file. Runs in the worker only. */
export interface ImportKind<P = unknown> {
  /** `<system>.<what it imports>`. */
  name: string;
  /**
   * Parses and applies. Safe to run again after a crash at any point, and while an earlier run that has
   * lost its lease still goes on. A CodedError is the caller's fault and ends the import for good; its
   * details `{ counts, errors, errorCount, warnings }` are kept in the record, the others go into the
   * error's own details. Anything else is tried again.
   */
  run(job: ImportRun<P>): Promise<ImportResult>;
  /** Takes the import back. CodedError when that is not possible. Safe to repeat. */
  undo(job: UndoRun<P>): Promise<{ details?: Record<string, unknown> }>;
}

/** How often an import or an undo is begun before it is given up. */
export const maximumAttempts = 5;
/** How many row errors the record itself keeps. */
export const keptErrors = 1_000;

/** The same text for the same kind, file and parameters, in whatever order these were given. */
export function dedupeKeyOf(kind: string, sha256: string, params: Readonly<Record<string, unknown>>): string {
  const sorted = Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([kind, sha256, sorted]))
    .digest('hex');
}

export function hasEnded(upload: Pick<UploadDocument, 'status'>): boolean {
  return upload.status !== 'queued' && upload.status !== 'processing';
}

export function storedError(error: CodedError): StoredError {
  const { code, message, details } = error;
  return { code, message, ...(details === undefined ? {} : { details }) };
}
