import { CodedError } from '@backoffice/core';
import type { ReceivablesRepository } from '../repository.ts';
import { pastReservations } from '../reservations.ts';
import { withoutImport } from '../rollups/ledger.ts';
import { holdMs, moveLedger } from './publish.ts';

/**
 * Takes an import out of the ledger, so that what stood before stands again for every pair whose statement
 * is still that import's; of a replaced one nothing but the history changes (decision 24). What its sheet
 * filled in goes too, unless somebody has changed it since. Safe to repeat.
 *
 * UPLOAD_NOT_UNDOABLE when there is no such import.
 */
export async function undoStatement(repository: ReceivablesRepository, uploadId: string): Promise<void> {
  const record = await repository.findImportRecord(uploadId);
  if (record === null) throw new CodedError('UPLOAD_NOT_UNDOABLE');
  try {
    for (let attempt = 1; ; attempt += 1) {
      const ledger = await repository.findLedger();
      const published = ledger.imports.find((each) => each.uploadId === uploadId);
      // Gone already: an earlier run was broken off before it could say so.
      if (published === undefined) break;
      const free = attempt <= 2 || (await repository.holdLedger(uploadId, holdMs));
      const imports = withoutImport(ledger.imports, published);
      if (free && (await moveLedger(repository, ledger, imports, published, uploadId))) break;
      if (attempt === 20) throw new Error('The ledger kept moving; the undo will be tried again.');
    }
  } finally {
    await repository.releaseLedger(uploadId);
  }
  const context = { repository };
  await pastReservations(context, () => repository.clearFills(uploadId));
  await pastReservations(context, () => repository.raiseAssigned(record.statementId));
}
