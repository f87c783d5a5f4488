import type { ImportEnd } from '../uploads/claims.ts';
import type { ImportKind, UploadDocument } from '../uploads/model.ts';
import type { Metrics } from './metrics.ts';

const rowResults = ['inserted', 'updated', 'unchanged', 'duplicates', 'rejected'] as const;

/** Counts an upload at its end; its rows only when they are in force, for a trial run leaves none. */
export function countUpload(
  metrics: Metrics,
  upload: Pick<UploadDocument, 'system' | 'kind' | 'dryRun'>,
  kinds: ReadonlyMap<string, ImportKind>,
  { status, counts, duplicateOf }: Pick<ImportEnd, 'status' | 'counts' | 'duplicateOf'>,
): void {
  const { system, dryRun } = upload;
  const kind = kinds.has(upload.kind) ? upload.kind : 'unknown';
  const end = duplicateOf === null ? status : 'duplicate';
  metrics.uploads.inc({ system, kind, mode: dryRun ? 'dry_run' : 'real', end });
  if (dryRun || end === 'failed' || end === 'duplicate' || counts === null) return;
  for (const result of rowResults) metrics.importRows.inc({ system, kind, result }, counts[result]);
}
