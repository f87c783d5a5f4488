import type { SystemName } from '../http/module.ts';
import { dropIfThere } from './drop-index.ts';
import type { Migration } from './migrations.ts';

/**
 * The migration that gives a system the indexes of its members; every system has one among its own.
 * Like every migration it stays as it is: other indexes are another function.
 * @param stamp when it was made, as in the names of the other migrations: `20261125T0900`
 */
export function memberIndexes(stamp: string, system: SystemName): Migration {
  const members = `${system}_members`;
  const former = `${system}_former_members`;
  return {
    name: `${stamp}_${members}`,
    async up(db) {
      const role = `formerMemberships.${system}.role`;
      await db.collection('users').createIndexes([
        // The members of the system in order of name.
        { key: { [`memberships.${system}.role`]: 1, name: 1 }, name: members },
        {
          // Those who were members once: their names stay in figures and in the list of removed users.
          key: { [role]: 1, name: 1 },
          name: former,
          partialFilterExpression: { [role]: { $type: 'string' } },
        },
      ]);
    },
    async down(db) {
      await dropIfThere(db, 'users', [members, former]);
    },
  };
}
