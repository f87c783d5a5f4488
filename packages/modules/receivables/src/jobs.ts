import type { Platform } from '@backoffice/platform';
import { Type } from '@sinclair/typebox';
import { createReceivablesRepository } from './repository.ts';

/** Jobs beside the imports, by name, with what they carry. */
export const receivablesJobs = { 'receivables.tidy': Type.Object({}) };

const hour = 3_600_000;

/**
 * Removes what nothing refers to any more: rollups of earlier states of the ledger, and statement documents
 * of imports that were undone or never came into force. Young ones stay: a reader, or an import that is
 * under way, may still need them.
 */
export function tidyHandler(platform: Platform): () => Promise<{ rollups: number; statements: number }> {
  const repository = createReceivablesRepository(platform);
  return async () => {
    const now = platform.clock().getTime();
    const ledger = await repository.findLedger();
    const used = ledger.imports.map((each) => each.statementId);
    return {
      rollups: await repository.removeUnusedRollups(ledger, new Date(now - hour)),
      statements: await repository.removeUnusedStatements(used, new Date(now - 24 * hour)),
    };
  };
}
