import type { ErrorCode } from '@backoffice/core';
import { regionCodes } from '../../src/model.ts';
import type { World } from './events.ts';
import { inForce, replacedSlots, slotsOf } from './standing.ts';

export type UndoOutcome = { code: ErrorCode | null };

/**
 * Decision 24. Brings back what stood before for every pair that is still the import's. Where it was
 * replaced, nothing may change: the import that came after it takes over what it had removed there.
 */
export function undoImport(world: World, uploadId: string): UndoOutcome {
  const undone = world.imports.find((imported) => imported.uploadId === uploadId);
  if (!undone) return { code: 'NOT_FOUND' };
  if (undone.undone) return { code: 'UPLOAD_ALREADY_UNDONE' };
  for (const region of regionCodes) {
    const written = slotsOf(undone, region);
    if (written.length === 0) continue;
    const cells = inForce(world, region, undone.month);
    const removed = [
      ...replacedSlots(written),
      ...undone.takenOver.filter((pair) => pair.region === region).map((pair) => pair.department),
    ].filter((slot) => cells.get(slot) !== undone);
    const next = world.imports.find(
      (imported) =>
        !imported.undone &&
        imported.month === undone.month &&
        imported.seq > undone.seq &&
        slotsOf(imported, region).length > 0,
    );
    next?.takenOver.push(...removed.map((department) => ({ region, department })));
  }
  undone.undone = true;
  return { code: null };
}
