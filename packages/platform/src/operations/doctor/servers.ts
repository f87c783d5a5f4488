import type { Db } from 'mongodb';
import { pendingMigrations } from '../../mongo/migrations.ts';
import { type Check, duration, type Finding, fault, gigabytes, note, ok, skipped } from './finding.ts';

const oldestMongo = [6, 0];
/** What BullMQ asks for. */
const oldestRedis = [6, 2];
const lowDisk = 0.05;
const fullMemory = 0.8;

function isOlder(version: string, than: readonly number[]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < than[0]! || (major === than[0] && minor < than[1]!);
}

/** A command for which the user may have no right; null then. */
async function ifAllowed<T>(work: Promise<T>): Promise<T | null> {
  return work.catch((error: { code?: number }) => {
    // Unauthorized; not known on this kind of server.
    if (error.code === 13 || error.code === 59) return null;
    throw error;
  });
}

export const checkMongo: Check = async ({ platform: { db } }) => {
  const { version } = (await db.command({ buildInfo: 1 })) as unknown as { version: string };
  const hello = (await db.command({ hello: 1 })) as { setName?: string; msg?: string };
  const kind =
    hello.msg === 'isdbgrid'
      ? 'sharded cluster'
      : hello.setName
        ? `replica set ${hello.setName}`
        : 'standalone';
  const found: Finding[] = [ok('MongoDB', `${version}, ${kind}`)];
  if (isOlder(version, oldestMongo)) {
    found.push(
      fault('MongoDB', `${version} is too old.`, `Upgrade it to ${oldestMongo.join('.')} or newer.`),
    );
  }
  if (kind === 'standalone') {
    const says = 'It is one server alone: while it is down, so is the system.';
    found.push(note('MongoDB', says, 'A replica set of three goes on when one of them fails.'));
  }
  found.push(...(await journalFindings(db)));
  const stats = (await ifAllowed(db.stats())) as { fsTotalSize?: number; fsUsedSize?: number } | null;
  if (stats?.fsTotalSize) {
    const free = stats.fsTotalSize - (stats.fsUsedSize ?? 0);
    found.push(spaceFinding('MongoDB', 'Its disk', free, stats.fsTotalSize));
  }
  return found;
};

/** What was promised to a caller must survive a crash of the server. */
async function journalFindings(db: Db): Promise<Finding[]> {
  const status = await ifAllowed(db.admin().command({ serverStatus: 1 }));
  if (status === null) return [skipped('MongoDB', 'Whether it keeps a journal: its user may not ask.')];
  const options = await ifAllowed(db.admin().command({ getCmdLineOpts: 1 }));
  const off = options?.parsed?.storage?.journal?.enabled === false;
  if (status.storageEngine?.persistent === false || off) {
    const says = 'It keeps no journal: a crash loses what callers were promised.';
    return [fault('MongoDB', says, 'Start mongod with WiredTiger and without --nojournal.')];
  }
  return [];
}

export function spaceFinding(check: string, what: string, free: number, total: number): Finding {
  const says = `${what} has ${gigabytes(free)} free of ${gigabytes(total)}.`;
  if (free / total < lowDisk || free < 1024 ** 3)
    return fault(check, says, 'Make room, or give it a larger disk.');
  if (free / total < 3 * lowDisk) return note(check, says, 'Make room before it fills.');
  return ok(check, says);
}

export const checkRedis: Check = async ({ platform: { redis } }) => {
  const info = await redis.info();
  const of = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const valkey = of('valkey_version');
  const version = valkey ?? of('redis_version') ?? '0';
  const found: Finding[] = [ok('Redis', `${valkey === undefined ? 'Redis' : 'Valkey'} ${version}`)];
  if (isOlder(version, oldestRedis)) {
    found.push(fault('Redis', `${version} is too old.`, `Upgrade it to ${oldestRedis.join('.')} or newer.`));
  }
  const policy = of('maxmemory_policy');
  if (policy !== 'noeviction') {
    const says = `maxmemory-policy is ${policy}: when it is full it throws jobs away.`;
    found.push(fault('Redis', says, 'Set maxmemory-policy noeviction.'));
  }
  if (of('aof_enabled') !== '1') {
    const says =
      'It keeps nothing on disk: after a restart of it jobs come back late, and limits begin anew.';
    found.push(note('Redis', says, 'Set appendonly yes.'));
  }
  if (of('aof_enabled') === '1' && of('aof_last_write_status') === 'err') {
    found.push(fault('Redis', 'It could not write its file.', 'Look for a full disk there.'));
  }
  const [used, limit] = [Number(of('used_memory') ?? 0), Number(of('maxmemory') ?? 0)];
  if (limit > 0 && used / limit > fullMemory) {
    const says = `${Math.round((100 * used) / limit)} % of its memory is used; at 100 % it refuses jobs.`;
    found.push(fault('Redis', says, 'Raise maxmemory, or see why jobs stay (queues).'));
  }
  return found;
};

export const checkMigrations: Check = async ({ platform: { db }, migrations }) => {
  const pending = await pendingMigrations(db, migrations);
  if (pending.length > 0) {
    const says = `${pending.length} are missing, the first of them ${pending[0]}.`;
    return [fault('migrations', says, 'npm run migrate latest')];
  }
  const known = new Set(migrations.map((each) => each.name));
  const applied = await db.collection<{ _id: string }>('migrations').find().toArray();
  const unknown = applied.find(({ _id }) => !known.has(_id));
  if (unknown !== undefined) {
    const says = `The database is of a newer version: ${unknown._id} is not known here.`;
    return [fault('migrations', says, 'Run the newer version, or roll back with it.')];
  }
  return [ok('migrations', `all ${applied.length} are applied`)];
};

const skewMs = 2_000;

/** Whoever's clock is wrong: tokens, months and ages go by the processes' own. */
export const checkClocks: Check = async ({ platform: { db, redis } }) => {
  const found: Finding[] = [];
  const compare = async (name: string, ask: () => Promise<number>) => {
    const before = Date.now();
    const theirs = await ask();
    const off = theirs - (before + Date.now()) / 2;
    if (Math.abs(off) < skewMs) return;
    const says = `${name} is ${duration(Math.abs(off))} ${off > 0 ? 'ahead of' : 'behind'} this machine.`;
    found.push(fault('clocks', says, 'Keep all machines to one time (NTP).'));
  };
  await compare('The clock of MongoDB', async () => {
    const { localTime } = (await db.command({ hello: 1 })) as unknown as { localTime: Date };
    return localTime.getTime();
  });
  await compare('The clock of Redis', async () => {
    const [seconds, micros] = await redis.time();
    return Number(seconds) * 1_000 + Number(micros) / 1_000;
  });
  return found.length > 0 ? found : [ok('clocks', 'those of MongoDB, Redis and this machine agree')];
};
