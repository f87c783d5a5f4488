import type { Db } from 'mongodb';
import { dropIfThere } from './drop-index.ts';
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
  {
    name: '20261125T1410_platform_upload_idempotency',
    async up(db) {
      await db.collection('uploads').createIndexes([
        {
          // One upload for each Idempotency-Key of a user, however many requests carry it at once.
          key: { 'idempotency.key': 1 },
          name: 'idempotency_unique',
          unique: true,
          partialFilterExpression: { 'idempotency.key': { $exists: true } },
        },
      ]);
    },
    async down(db) {
      await db.collection('uploads').dropIndex('idempotency_unique');
    },
  },
  {
    name: '20261125T1410_platform_identity',
    async up(db) {
      const users = db.collection('users');
      await users.updateMany({ version: { $exists: false } }, { $set: { version: 1 } });
      await users.createIndexes([
        {
          // A creation that is sent again finds what it created; two at once create one.
          key: { 'idempotency.key': 1 },
          name: 'idempotency_unique',
          unique: true,
          partialFilterExpression: { 'idempotency.key': { $type: 'string' } },
        },
      ]);
      // Counters are found by _id. They go by themselves once they no longer count.
      await db
        .collection('sign_in_failures')
        .createIndexes([{ key: { expiresAt: 1 }, name: 'expired', expireAfterSeconds: 0 }]);
      await db.collection('sign_ins').createIndexes([
        // The log of a system, newest first.
        { key: { system: 1, at: -1 }, name: 'system_newest' },
        // The log of one user, newest first.
        { key: { userId: 1, at: -1 }, name: 'user_newest' },
        // Whether a user has signed in from a network before.
        { key: { userId: 1, network: 1, outcome: 1 }, name: 'user_network' },
        // The end of an entry's time (SIGN_IN_RETENTION_DAYS).
        { key: { expiresAt: 1 }, name: 'expired', expireAfterSeconds: 0 },
      ]);
    },
    async down(db) {
      await dropIfThere(db, 'users', ['idempotency_unique']);
      await dropIfThere(db, 'sign_in_failures', ['expired']);
      await dropIfThere(db, 'sign_ins', ['system_newest', 'user_newest', 'user_network', 'expired']);
    },
  },
  {
    name: '20261125T1450_platform_operations',
    async up(db) {
      await db.collection('processes').createIndexes([
        // What has given no sign of life for a day is forgotten.
        { key: { until: 1 }, name: 'gone', expireAfterSeconds: 86_400 },
      ]);
      await db.collection('backups').createIndexes([
        // The newest one.
        { key: { kind: 1, at: -1 }, name: 'newest' },
      ]);
      await db.collection('uploads').createIndexes([
        // Whether a stored file has a record.
        { key: { fileKey: 1 }, name: 'file' },
        {
          // Files whose time is over, oldest first: those that are still there.
          key: { fileRemovedAt: 1, finishedAt: 1 },
          name: 'files_by_age',
        },
      ]);
    },
    async down(db) {
      await dropIfThere(db, 'processes', ['gone']);
      await dropIfThere(db, 'backups', ['newest']);
      await dropIfThere(db, 'uploads', ['file', 'files_by_age']);
    },
  },
  {
    name: '20261125T1440_platform_audit_chain',
    async up(db) {
      for (const collection of ['users', 'uploads']) await createOutboxIndex(db, collection);
      // Entries of before need nothing: whoever moves what waits finds them in `audit` and empties it.
      await db.collection('audit_chain').createIndexes([
        // An entry is in once, however often it is moved.
        { key: { entryId: 1 }, name: 'entry_unique', unique: true },
        // A system's entries, newest first.
        { key: { system: 1, _id: -1 }, name: 'system_newest' },
        // The same by user, by a name and for the list of names, by action, by object.
        { key: { system: 1, 'actor.userId': 1, _id: -1 }, name: 'user_newest' },
        { key: { system: 1, 'actor.name': 1, _id: -1 }, name: 'name_newest' },
        { key: { system: 1, action: 1, _id: -1 }, name: 'action_newest' },
        { key: { system: 1, 'object.id': 1, _id: -1 }, name: 'object_newest' },
        { key: { system: 1, 'object.type': 1, _id: -1 }, name: 'type_newest' },
        // By days; and the first entry that retention leaves.
        { key: { system: 1, at: -1 }, name: 'system_time' },
        { key: { at: 1, _id: 1 }, name: 'first_of_time' },
      ]);
    },
    async down(db) {
      for (const collection of ['users', 'uploads']) await dropIfThere(db, collection, ['outbox_waiting']);
      // The entries go back where they were, without their seals.
      const plain = [{ $set: { _id: '$entryId' } }, { $unset: ['entryId', 'prev', 'hash'] }];
      await db
        .collection('audit_chain')
        .aggregate([...plain, { $merge: { into: 'audit', whenMatched: 'keepExisting' } }])
        .toArray();
      for (const name of ['audit_chain', 'audit_head', 'audit_checkpoints']) await db.collection(name).drop();
    },
  },
  {
    name: '20261125T1740_platform_army_numbers',
    async up(db) {
      await db.collection('users').createIndexes([
        {
          // Sign-in by army number, and no two users with one. Those without a number are none of its business.
          key: { armyKey: 1 },
          name: 'army_number_unique',
          unique: true,
          partialFilterExpression: { armyKey: { $type: 'string' } },
        },
      ]);
    },
    async down(db) {
      await dropIfThere(db, 'users', ['army_number_unique']);
    },
  },
];

/** What carries entries that are not in the audit chain yet, oldest first: few, however many documents there are. */
async function createOutboxIndex(db: Db, collection: string): Promise<void> {
  await db.collection(collection).createIndexes([
    {
      key: { 'outbox.at': 1 },
      name: 'outbox_waiting',
      partialFilterExpression: { 'outbox.at': { $exists: true } },
    },
  ]);
}
