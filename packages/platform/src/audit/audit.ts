import { type Collection, type Db, ObjectId } from 'mongodb';
import type { SystemName } from '../http/module.ts';
import type { AuditEntry } from './outbox.ts';

export interface Audit {
  /**
   * Writes one entry. With a `key` (for work that may run again) the same entry is written once, however
   * often it is recorded.
   */
  record: (entry: Omit<AuditEntry, 'id'>, key?: string) => Promise<void>;
  /** The history of an object, oldest first. */
  listOf: (system: SystemName, object: AuditEntry['object']) => Promise<Omit<AuditEntry, 'id'>[]>;
}

export function createAudit(db: Db): Audit {
  const entries: Collection<Omit<AuditEntry, 'id'> & { _id: string }> = db.collection('audit');

  return {
    async record(entry, key = new ObjectId().toHexString()) {
      await entries.updateOne({ _id: key }, { $setOnInsert: entry }, { upsert: true });
    },
    async listOf(system, { type, id }) {
      return entries
        .find({ system, 'object.type': type, 'object.id': id }, { projection: { _id: 0 } })
        .sort({ at: 1, _id: 1 })
        .toArray();
    },
  };
}
