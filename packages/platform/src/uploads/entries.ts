import { type AuditEntry, auditEntry } from '../audit/outbox.ts';
import type { ImportEnd } from './claims.ts';
import type { UndoState, UploadDocument } from './model.ts';

/** What the audit says of uploads. Ids are made of what happens once, so that a repetition is the same entry. */

type Subject = Pick<UploadDocument, '_id' | 'system' | 'createdBy' | 'requestId'>;

function entryOf(
  { _id, system, createdBy, requestId }: Subject,
  facts: Partial<AuditEntry> & Pick<AuditEntry, 'action' | 'at'>,
  id: string,
): AuditEntry {
  const object = { type: 'upload', id: _id.toHexString() };
  return auditEntry({ system, actor: createdBy, object, before: null, after: null, requestId, ...facts }, id);
}

/** A file came in, with all that was asked for: confirmed doubts are among the parameters. */
export function submitEntry(upload: UploadDocument): AuditEntry {
  const { _id, kind, fileName, sha256, size, params, onError, createdAt } = upload;
  const after = { kind, fileName, sha256, size, params, onError };
  return entryOf(upload, { action: 'upload.submit', after, at: createdAt }, `submit-${_id.toHexString()}`);
}

/** An import has ended, in whatever way. A dry run changes nothing and is not told of. */
export function importEntry(
  upload: UploadDocument,
  end: Pick<ImportEnd, 'status' | 'counts' | 'errorCount' | 'error'>,
  at: Date,
): AuditEntry | null {
  if (upload.dryRun) return null;
  const { _id, kind, fileName, sha256 } = upload;
  const { status, counts, errorCount, error } = end;
  const after = { kind, fileName, sha256, status, counts, errorCount, error: error?.code ?? null };
  return entryOf(upload, { action: 'upload.import', after, at }, `import-${_id.toHexString()}`);
}

/** Somebody wants an import to be taken back. */
export function undoRequestEntry(upload: UploadDocument, undo: UndoState): AuditEntry {
  const { by: actor, requestId, requestedAt: at } = undo;
  const before = { status: upload.status };
  return entryOf(
    upload,
    { action: 'upload.undo-request', actor, before, requestId, at },
    undoId('undo-request', upload, undo),
  );
}

/** An import was taken back, or could not be. */
export function undoEntry(
  upload: UploadDocument,
  undo: UndoState,
  end: Pick<UndoState, 'state' | 'error'>,
  at: Date,
): AuditEntry {
  const { by: actor, requestId } = undo;
  const before = { status: upload.status };
  const after = { state: end.state, error: end.error?.code ?? null };
  return entryOf(
    upload,
    { action: 'upload.undo', actor, before, after, requestId, at },
    undoId('undo', upload, undo),
  );
}

function undoId(action: string, { _id }: Subject, { requestedAt }: UndoState): string {
  return `${action}-${_id.toHexString()}-${requestedAt.getTime()}`;
}
