import type { Migration } from '@backoffice/platform';

/** Indexes of the module, each with the query that it serves. Self-contained: a later change of the code must not change it. */
export const personnelMigrations: readonly Migration[] = [
  {
    name: '20261125T1800_personnel_records',
    async up(db) {
      await db.collection('personnel_records').createIndexes([
        // One army number among the live records of a db, whoever comes first.
        {
          key: { db_id: 1, army_key: 1 },
          name: 'army_number_unique',
          unique: true,
          partialFilterExpression: { live: true },
        },
        // A db's list in order of creation; status and text are looked up in the index, without the records.
        {
          key: { db_id: 1, live: 1, created_at: 1, _id: 1, status: 1, search: 1 },
          name: 'list_and_search',
        },
        // Who was counted in a db around a day: behind headcounts and movements, and what a rebuild reads.
        { key: { 'spells.db': 1, 'spells.from': 1 }, name: 'spells' },
        // What the figures of a db do not hold yet.
        {
          key: { unfolded: 1 },
          name: 'unfolded',
          // Any text; written so that a search for one is seen to be covered.
          partialFilterExpression: { unfolded: { $gt: '' } },
        },
        // Planned changes that have come due.
        {
          key: { next_change: 1 },
          name: 'next_change',
          partialFilterExpression: { next_change: { $gt: '' } },
        },
        // What an import brought: to be published, taken back, listed.
        {
          key: { import_id: 1 },
          name: 'import',
          partialFilterExpression: { import_id: { $exists: true } },
        },
        {
          key: { 'idempotency.key': 1 },
          name: 'idempotency_unique',
          unique: true,
          partialFilterExpression: { 'idempotency.key': { $exists: true } },
        },
        // What carries entries that are not in the audit chain yet, oldest first.
        {
          key: { 'outbox.at': 1 },
          name: 'outbox_waiting',
          partialFilterExpression: { 'outbox.at': { $exists: true } },
        },
        // Records taken back that wait to be removed.
        { key: { erased: 1 }, name: 'erased', partialFilterExpression: { erased: true } },
      ]);
      await db.collection('personnel_dbs').createIndexes([
        {
          key: { short_code: 1 },
          name: 'short_code_unique',
          unique: true,
          partialFilterExpression: { deleted_at: null },
        },
        {
          key: { 'idempotency.key': 1 },
          name: 'idempotency_unique',
          unique: true,
          partialFilterExpression: { 'idempotency.key': { $exists: true } },
        },
        {
          key: { 'outbox.at': 1 },
          name: 'outbox_waiting',
          partialFilterExpression: { 'outbox.at': { $exists: true } },
        },
      ]);
    },
    async down(db) {
      for (const name of ['personnel_records', 'personnel_dbs']) {
        const collection = db.collection(name);
        const there = await collection.indexes().catch(() => []);
        for (const index of there) {
          if (index.name !== undefined && index.name !== '_id_') await collection.dropIndex(index.name);
        }
      }
    },
  },
  {
    name: '20261125T1840_personnel_imports',
    async up(db) {
      await db.collection('personnel_records').createIndexes([
        // What an import changed of records that stood: to be given back, and listed.
        {
          key: { 'imported.import_id': 1 },
          name: 'imported',
          partialFilterExpression: { 'imported.import_id': { $exists: true } },
        },
        // The untouched records of an import: to be taken back.
        {
          key: { pristine_import: 1 },
          name: 'pristine_import',
          partialFilterExpression: { pristine_import: { $exists: true } },
        },
      ]);
      // Answers of lists that came with an Idempotency-Key: what is old goes.
      await db.collection('personnel_requests').createIndexes([{ key: { at: 1 }, name: 'at' }]);
    },
    async down(db) {
      for (const [name, indexes] of [
        ['personnel_records', ['imported', 'pristine_import']],
        ['personnel_requests', ['at']],
      ] as const) {
        const collection = db.collection(name);
        const there = await collection.indexes().catch(() => []);
        for (const index of indexes) {
          if (there.some((each) => each.name === index)) await collection.dropIndex(index);
        }
      }
    },
  },
];
