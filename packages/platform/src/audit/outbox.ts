import { ObjectId } from 'mongodb';
import type { SystemName } from '../http/module.ts';

/** Who did what to which object, and how it looked before and after. */
export interface AuditEntry {
  /** Of its own for every deed; work that may run again gives the same id again. */
  id: string;
  system: SystemName;
  actor: { userId: string; name: string };
  /** For example `customer.remark`. */
  action: string;
  object: { type: string; id: string };
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  requestId: string;
  at: Date;
}

/**
 * A document that carries entries about itself until they are in the chain. A change and its entry are one
 * write (`$push: { outbox: entry }`), so neither can be there without the other.
 */
export interface Audited {
  outbox?: AuditEntry[];
}

/** An entry for the outbox. Never a password, a hash or a token in `before` and `after`. */
export function auditEntry(facts: Omit<AuditEntry, 'id'>, id = new ObjectId().toHexString()): AuditEntry {
  return { id, ...facts };
}
