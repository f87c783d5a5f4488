import type { SystemName } from '../http/module.ts';
import type { Migration } from '../mongo/migrations.ts';

/**
 * The migration for a system whose members see uploads by a parameter (`scope` of `uploadRoutes`): the list within
 * the scope, newest first, and how many there are. `name` as those of the module's other migrations.
 */
export function uploadScopeMigration(name: string, system: SystemName, param: string): Migration {
  const index = `${system}_${param}_newest`;
  return {
    name,
    async up(db) {
      await db.collection('uploads').createIndexes([
        // Of this system alone: no other has that parameter.
        {
          key: { system: 1, [`params.${param}`]: 1, _id: -1 },
          name: index,
          partialFilterExpression: { system },
        },
      ]);
    },
    async down(db) {
      const indexes = await db.collection('uploads').indexes();
      if (indexes.some((each) => each.name === index)) await db.collection('uploads').dropIndex(index);
    },
  };
}
