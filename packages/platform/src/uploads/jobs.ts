import type { Config } from '../config/schema.ts';
import type { Platform } from '../data.ts';
import type { SystemName } from '../http/module.ts';
import type { JobHandlers, Schedule } from '../jobs/worker.ts';
import { createUploadClaims } from './claims.ts';
import type { ImportKind } from './model.ts';
import { importJobId, undoJobId, uploadPayloads } from './payloads.ts';
import { createHousekeeping } from './retention.ts';
import { createImportRunner } from './run-import.ts';
import { createUndoRunner } from './run-undo.ts';

export function uploadSchedules(config: Config): Schedule[] {
  return [
    { job: 'upload.sweep', when: { every: config.SWEEP_EVERY_MS } },
    { job: 'upload.housekeeping', when: { every: 3_600_000 } },
  ];
}

/** @throws Error when two kinds have one name */
export function uploadHandlers(
  platform: Platform,
  system: SystemName,
  kinds: readonly ImportKind[],
): JobHandlers<typeof uploadPayloads> {
  const byName = new Map<string, ImportKind>();
  for (const kind of kinds) {
    if (byName.has(kind.name)) throw new Error(`There are two import kinds ${kind.name}.`);
    byName.set(kind.name, kind);
  }
  const claims = createUploadClaims(platform.db, platform.clock);

  // Younger ones are just being enqueued by the API.
  const olderThanMs = platform.config.SWEEP_EVERY_MS / 2;

  /** Enqueues what MongoDB says is not finished and Redis knows nothing of. */
  async function sweep(): Promise<number> {
    const queue = platform.jobs.of(system, uploadPayloads);
    const imports = await claims.listUnfinished(system, olderThanMs);
    for (const { _id, requestId, traceparent } of imports) {
      const uploadId = _id.toHexString();
      await queue.add('upload.import', { uploadId, requestId }, importJobId(uploadId), traceparent);
    }
    const undos = await claims.listUnfinishedUndos(system, olderThanMs);
    for (const { _id, requestId, undo } of undos) {
      const uploadId = _id.toHexString();
      await queue.add(
        'upload.undo',
        { uploadId, requestId: undo?.requestId ?? requestId },
        undoJobId(uploadId),
        undo?.traceparent,
      );
    }
    return imports.length + undos.length;
  }

  return {
    'upload.import': createImportRunner(platform, byName),
    'upload.undo': createUndoRunner(platform, byName),
    'upload.sweep': sweep,
    'upload.housekeeping': createHousekeeping(platform, system),
  };
}
