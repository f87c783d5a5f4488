import type { Migration } from './migrations.ts';

/** The collections that every system shares. Each index is followed by what it serves. */
export const platformMigrations: readonly Migration[] = [
  {
    name: '20261125T0900_platform_users',
    async up(db) {
      await db.collection('users').createIndexes([
        {
          // Sign-in, and no two users with one address. Users without an address are none of its business.
          key: { email: 1 },
          name: 'email_unique',
          unique: true,
          partialFilterExpression: { email: { $type: 'string' } },
        },
        // The members of a system in order of name.
        { key: { 'memberships.receivables.role': 1, name: 1 }, name: 'receivables_members' },
      ]);
    },
    async down(db) {
      await db.collection('users').dropIndexes();
    },
  },
  {
    name: '20261125T0901_platform_uploads',
    async up(db) {
      await db.collection('uploads').createIndexes([
        // The list of a system's uploads, newest first.
        { key: { system: 1, _id: -1 }, name: 'system_newest' },
        // The same file again, newest first.
        { key: { system: 1, dedupeKey: 1, _id: -1 }, name: 'system_dedupe' },
        {
          // The sweeper: what is not finished; few, however many uploads there have been.
          key: { system: 1, status: 1 },
          name: 'unfinished',
          partialFilterExpression: { status: { $in: ['queued', 'processing'] } },
        },
        {
          key: { system: 1, 'undo.state': 1 },
          name: 'undo_unfinished',
          partialFilterExpression: { 'undo.state': 'queued' },
        },
      ]);
      await db.collection('upload_errors').createIndexes([
        // One error for each row, however often the import is run; the list in order of the rows.
        { key: { uploadId: 1, row: 1 }, name: 'upload_row', unique: true },
      ]);
    },
    async down(db) {
      await db.collection('uploads').dropIndexes();
      await db.collection('upload_errors').dropIndexes();
    },
  },
  {
    name: '20261125T0902_platform_audit',
    async up(db) {
      await db.collection('audit').createIndexes([
        // What happened in a system, newest first.
        { key: { system: 1, at: -1 }, name: 'system_newest' },
        // The history of one object.
        { key: { 'object.type': 1, 'object.id': 1, at: 1 }, name: 'object_history' },
      ]);
    },
    async down(db) {
      await db.collection('audit').dropIndexes();
    },
  },
];
