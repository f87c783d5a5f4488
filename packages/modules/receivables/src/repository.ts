import type { Platform } from '@backoffice/platform';
import { createCustomerRepository } from './repository/customers.ts';
import { createLedgerRepository } from './repository/ledger.ts';
import { createRollupRepository } from './repository/rollups.ts';
import { createStatementRepository } from './repository/statements.ts';

export {
  type CustomerDocument,
  customerId,
  type EnteredField,
  enteredFields,
  versionOf,
} from './repository/customers.ts';
export type { StatementDocument } from './repository/statements.ts';

/** Those whose documents carry an outbox. */
export const auditedCollections = ['receivables_customers', 'receivables_ledger'] as const;

export type ReceivablesRepository = ReturnType<typeof createReceivablesRepository>;

/** All that touches the module's collections. */
export function createReceivablesRepository({ db, clock, reads }: Pick<Platform, 'db' | 'clock' | 'reads'>) {
  return {
    ...createLedgerRepository(db, clock, reads),
    ...createStatementRepository(db),
    ...createCustomerRepository(db),
    ...createRollupRepository(db, clock),
  };
}
