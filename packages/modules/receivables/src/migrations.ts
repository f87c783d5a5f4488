import { type Migration, memberIndexes } from '@backoffice/platform';

/** Indexes of the module, each with the query that it serves. Self-contained: a later change of the code must not change it. */
export const receivablesMigrations: readonly Migration[] = [
  {
    name: '20261125T1000_receivables_statements',
    async up(db) {
      // One customer's part of some statements; and all of some statements in order of customer (merge of index scans).
      await db
        .collection('receivables_statements')
        .createIndex({ s: 1, code: 1, region: 1 }, { name: 'statement_customer', unique: true });
      // What an undo or a lost race takes back.
      const customers = db.collection('receivables_customers');
      await customers.createIndex({ 'assignments.statementId': 1 }, { name: 'assigned_by', sparse: true });
      await customers.createIndex({ remarkFrom: 1 }, { name: 'remark_from', sparse: true });
      await customers.createIndex({ notesFrom: 1 }, { name: 'notes_from', sparse: true });
    },
    async down(db) {
      await db.collection('receivables_statements').dropIndex('statement_customer');
      for (const name of ['assigned_by', 'remark_from', 'notes_from']) {
        await db.collection('receivables_customers').dropIndex(name);
      }
    },
  },
  {
    name: '20261125T1441_receivables_outboxes',
    async up(db) {
      for (const collection of ['receivables_customers', 'receivables_ledger']) {
        await db.collection(collection).createIndexes([
          {
            // What carries entries that are not in the audit chain yet, oldest first.
            key: { 'outbox.at': 1 },
            name: 'outbox_waiting',
            partialFilterExpression: { 'outbox.at': { $exists: true } },
          },
        ]);
      }
    },
    async down(db) {
      for (const collection of ['receivables_customers', 'receivables_ledger']) {
        const there = await db.collection(collection).indexes();
        if (there.some((index) => index.name === 'outbox_waiting')) {
          await db.collection(collection).dropIndex('outbox_waiting');
        }
      }
    },
  },
  memberIndexes('20261125T1800', 'receivables'),
];
