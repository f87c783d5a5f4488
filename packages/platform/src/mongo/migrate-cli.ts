import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Db } from 'mongodb';
import { createMigrator, type Migration } from './migrations.ts';

/** Migrations of one owner, and the folder into which `make` writes new ones. */
export interface MigrationSet {
  owner: string;
  folder: string;
  migrations: readonly Migration[];
}

const usage = 'Usage: pnpm migrate latest | rollback | status | make <owner> <name_in_small_letters>';

/**
 * `latest`, `rollback`, `status` or `make` over the migrations of all owners. Gives the exit code; what it
 * did goes to `say`. `make` needs no database.
 */
export async function runMigrateCommand(
  db: Db,
  sets: readonly MigrationSet[],
  args: readonly string[],
  say: (sentence: string) => void = console.log,
): Promise<number> {
  const [command, ...rest] = args;
  const migrator = createMigrator(
    db,
    sets.flatMap((set) => set.migrations),
    { say },
  );
  switch (command) {
    case 'latest': {
      const names = await migrator.latest();
      if (names.length === 0) say('The database is up to date.');
      return 0;
    }
    case 'rollback': {
      if ((await migrator.rollback()) === null) say('Nothing to roll back.');
      return 0;
    }
    case 'status': {
      for (const { name, appliedAt } of await migrator.status()) {
        say(`${appliedAt === null ? 'missing' : appliedAt.toISOString()}  ${name}`);
      }
      return 0;
    }
    case 'make': {
      const set = sets.find((each) => each.owner === rest[0]);
      if (set === undefined || !/^[a-z][a-z0-9_]*$/.test(rest[1] ?? '')) break;
      say(`Wrote ${makeMigration(set, rest[1]!, new Date())}; add it to the list of ${set.owner}.`);
      return 0;
    }
  }
  say(`${usage}\nOwners: ${sets.map((set) => set.owner).join(', ')}`);
  return 2;
}

/** Writes an empty migration and gives its path. */
function makeMigration(set: MigrationSet, subject: string, at: Date): string {
  const stamp = at.toISOString().slice(0, 16).replace(/[-:]/g, '');
  const name = `${stamp}_${set.owner}_${subject}`;
  const path = join(set.folder, `${name}.ts`);
  const type = set.owner === 'platform' ? '../migrations.ts' : '@backoffice/platform';
  mkdirSync(set.folder, { recursive: true });
  writeFileSync(
    path,
    `import type { Migration } from '${type}';

/** Safe to repeat: it runs again when it was killed midway. */
export const migration: Migration = {
  name: '${name}',
  async up(db) {
    await db.collection('…').createIndexes([]);
  },
  async down(db) {
    await db.collection('…').dropIndexes();
  },
};
`,
    { flag: 'wx' },
  );
  return path;
}
