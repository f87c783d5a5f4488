import { setTimeout as delay } from 'node:timers/promises';
import type { Collection, Db } from 'mongodb';
import { acquireLease, type Lease } from './lease.ts';

/**
 * A step of the database's shape. Self-contained: it uses nothing of the application, which will have
 * changed by the time somebody runs it. `up` and `down` may be run again after a crash at any point in
 * them, so both must be safe to repeat.
 */
export interface Migration {
  /** `20261125T0900_platform_users`: when it was made, then what it is about. */
  name: string;
  up: (db: Db) => Promise<void>;
  down: (db: Db) => Promise<void>;
}

interface AppliedMigration {
  _id: string;
  appliedAt: Date;
  ms: number;
}

export interface MigrationState {
  name: string;
  appliedAt: Date | null;
}

export interface MigratorOptions {
  /** How long a killed run keeps others waiting. */
  leaseMs?: number;
  say?: (sentence: string) => void;
}

/** How long whoever changes everything at once keeps others waiting, when it was killed. */
export const migrationLeaseMs = 15_000;
export const migrationName = /^\d{8}T\d{4}_[a-z0-9_]+$/;
const pollMs = 100;

function applied(db: Db): Collection<AppliedMigration> {
  return db.collection('migrations');
}

/** The names of those that the database does not have yet, in order. */
export async function pendingMigrations(db: Db, migrations: readonly Migration[]): Promise<string[]> {
  const done = await applied(db)
    .find({}, { projection: { _id: 1 } })
    .toArray();
  const names = new Set(done.map((each) => each._id));
  return inOrder(migrations)
    .map((each) => each.name)
    .filter((name) => !names.has(name));
}

function inOrder(migrations: readonly Migration[]): Migration[] {
  const sorted = [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const [i, { name }] of sorted.entries()) {
    if (!migrationName.test(name)) throw new Error(`The migration ${name} is not named like the others.`);
    if (sorted[i + 1]?.name === name) throw new Error(`There are two migrations called ${name}.`);
  }
  return sorted;
}

/** Runs migrations, one process at a time however many are started at once. */
export function createMigrator(db: Db, migrations: readonly Migration[], options: MigratorOptions = {}) {
  const { leaseMs = migrationLeaseMs, say = () => undefined } = options;
  const sorted = inOrder(migrations);

  /** Does the work while it alone holds the lock; `stillOurs` fails when that is not so any more. */
  async function alone<T>(work: (stillOurs: () => void) => Promise<T>): Promise<T> {
    let lease: Lease | null = await acquireLease(db, 'migrations', leaseMs);
    if (lease === null) say('Another process migrates; waiting for it.');
    while (lease === null) {
      await delay(pollMs);
      lease = await acquireLease(db, 'migrations', leaseMs);
    }
    const held = lease;
    let lost = false;
    const renewal = setInterval(() => {
      held.renew().then(
        (ours) => {
          lost ||= !ours;
        },
        // MongoDB is away: the step under way will fail by itself.
        () => undefined,
      );
    }, leaseMs / 3);
    try {
      return await work(() => {
        if (lost) throw new Error('Another process has taken over the migration.');
      });
    } finally {
      clearInterval(renewal);
      await held.release();
    }
  }

  /** Applies all that are missing, oldest first; gives the names of those applied. */
  async function latest(): Promise<string[]> {
    return alone(async (stillOurs) => {
      const names: string[] = [];
      const pending = new Set(await pendingMigrations(db, sorted));
      for (const migration of sorted.filter((each) => pending.has(each.name))) {
        stillOurs();
        const began = performance.now();
        await migration.up(db);
        stillOurs();
        const ms = Math.round(performance.now() - began);
        await applied(db).updateOne(
          { _id: migration.name },
          { $set: { appliedAt: new Date(), ms } },
          { upsert: true },
        );
        say(`applied ${migration.name} (${ms} ms)`);
        names.push(migration.name);
      }
      return names;
    });
  }

  /** Takes back the newest that is applied; gives its name, or null when there is none. */
  async function rollback(): Promise<string | null> {
    return alone(async (stillOurs) => {
      const newest = await applied(db).findOne({}, { sort: { _id: -1 } });
      if (newest === null) return null;
      const migration = sorted.find((each) => each.name === newest._id);
      if (migration === undefined) throw new Error(`This version does not know the migration ${newest._id}.`);
      stillOurs();
      await migration.down(db);
      await applied(db).deleteOne({ _id: migration.name });
      say(`rolled back ${migration.name}`);
      return migration.name;
    });
  }

  /** Every known migration and when it was applied. */
  async function status(): Promise<MigrationState[]> {
    const done = await applied(db).find().toArray();
    const at = new Map(done.map((each) => [each._id, each.appliedAt]));
    return sorted.map(({ name }) => ({ name, appliedAt: at.get(name) ?? null }));
  }

  return { latest, rollback, status };
}
