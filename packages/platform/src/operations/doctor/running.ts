import { isHeadOf } from '../../audit/chain.ts';
import type { SystemName } from '../../http/module.ts';
import type { BackupRecord } from '../backup.ts';
import { holdsOf, inForce } from '../maintenance.ts';
import { liveProcesses, nameOf, processesOf } from '../presence.ts';
import { type Check, duration, type Finding, fault, note, ok, serious } from './finding.ts';

const hour = 3_600_000;
const skewMs = 2_000;

export const checkProcesses: Check = async ({ platform: { db } }) => {
  const live = await liveProcesses(db);
  const found: Finding[] = [];
  for (const role of ['api', 'worker'] as const) {
    if (live.some((each) => each.role === role)) continue;
    const says = `No ${role === 'api' ? 'API' : 'worker'} gives a sign of life.`;
    found.push(fault('processes', says, `Start one: node --import tsx apps/${role}/src/main.ts`));
  }
  for (const each of live) {
    const off = each.clock.getTime() - each.seenAt.getTime();
    if (Math.abs(off) < skewMs) continue;
    const says = `The clock of ${nameOf(each)} is ${duration(Math.abs(off))} ${off > 0 ? 'ahead of' : 'behind'} MongoDB's.`;
    found.push(fault('processes', says, 'Keep all machines to one time (NTP).'));
  }
  if (new Set(live.map(({ node }) => node)).size > 1) {
    found.push(note('processes', 'They run on different versions of Node.', 'Give all the same one.'));
  }
  const lost = await processesOf(db).countDocuments({
    $expr: { $and: [{ $lt: ['$until', '$$NOW'] }, { $gt: ['$until', { $subtract: ['$$NOW', hour] }] }] },
  });
  if (lost > 0) {
    const says = `${lost} ended within the last hour without saying so: killed, or crashed.`;
    found.push(note('processes', says, 'Look for the reason in their logs, and for too little memory.'));
  }
  const hold = await holdsOf(db).findOne({ _id: 'hold', ...inForce });
  if (hold?.lasting === true) {
    const says = `A restore (${hold.holder}, since ${hold.since.toISOString()}) keeps everybody out.`;
    found.push(fault('processes', says, 'Where it does not run any more, run the restore again.'));
  }
  if (found.some(({ state }) => state === 'fault')) return found;
  return [ok('processes', live.map(nameOf).join(', ')), ...found];
};

const slowMs = 10 * 60_000;

export const checkQueues: Check = async ({ platform, systems }) => {
  const found: Finding[] = [];
  for (const { name } of systems) {
    const queue = platform.jobs.bullQueue(name);
    const { failed = 0 } = await queue.getJobCounts('failed');
    const [oldest] = await queue.getJobs(['waiting', 'prioritized'], 0, 0, true);
    const waited = oldest === undefined ? 0 : Date.now() - oldest.timestamp;
    if (await queue.isPaused()) {
      found.push(fault('queues', `${name} is paused: no job begins.`, 'Resume it at /admin/queues.'));
    }
    if (waited > slowMs) {
      const says = `The oldest job of ${name} has waited for ${duration(waited)}.`;
      found.push(fault('queues', says, 'See whether a worker runs, and what it does; start more of them.'));
    }
    if (failed > 0) {
      const says = `${failed} jobs of ${name} have failed within the last ${platform.config.JOB_RETENTION_DAYS} days.`;
      found.push(note('queues', says, 'Each says why at /admin/queues.'));
    }
    found.push(...(await stuckUploads(platform, name)));
  }
  return found.length > 0 ? found : [ok('queues', 'nothing waits for long, nothing has failed')];
};

async function stuckUploads(
  { db, clock }: Parameters<Check>[0]['platform'],
  system: SystemName,
): Promise<Finding[]> {
  const before = new Date(clock().getTime() - slowMs);
  const stuck = await db.collection('uploads').countDocuments({
    system,
    status: { $in: ['queued', 'processing'] },
    createdAt: { $lt: before },
    $or: [{ lease: null }, { $expr: { $lt: ['$lease.until', '$$NOW'] } }],
  });
  if (stuck === 0) return [];
  const says = `${stuck} uploads of ${system} are not finished, and nobody works on them.`;
  return [fault('queues', says, 'They go on when a worker runs that reaches MongoDB, Redis and the files.')];
}

export const checkAdministrators: Check = async ({ platform: { db }, systems }) => {
  const found: Finding[] = [];
  for (const { name, title, administrators } of systems) {
    const role = `memberships.${name}.role`;
    const active = { status: 'active', [role]: { $in: [...administrators] } };
    const count = await db.collection('users').countDocuments(active);
    if (count === 0) {
      const says = `${title} has no active administrator.`;
      found.push(fault('administrators', says, 'npm run first-admin'));
    } else if (count === 1) {
      const says = `${title} has one administrator only.`;
      found.push(note('administrators', says, 'A second one helps when the first forgets the password.'));
    }
  }
  return found.length > 0 ? found : [ok('administrators', 'every system has more than one')];
};

const manyWaiting = 1_000;

export const checkAudit: Check = async ({ platform: { audit, config } }) => {
  const [head, waiting] = await Promise.all([audit.head(), audit.waiting()]);
  if (!isHeadOf(config.AUDIT_KEY, head)) {
    const says = 'The head of the chain was sealed with another AUDIT_KEY, or has been changed.';
    return [fault('audit', says, 'Find the key that was in use; npm run audit:verify tells more.')];
  }
  if (waiting > manyWaiting) {
    const says = `${waiting.toLocaleString('en')} entries wait to be moved into the chain.`;
    return [fault('audit', says, 'A worker does so every few seconds; its log says what keeps it.')];
  }
  const says = `the chain ends with entry ${head.seq.toLocaleString('en')} of ${head.at.toISOString()}; ${waiting} wait`;
  return [ok('audit', says)];
};

const lateMs = 36 * hour;

export const checkBackups: Check = async ({ platform: { db, config, clock } }) => {
  const production = config.NODE_ENV === 'production';
  const backups = db.collection<BackupRecord>('backups');
  const last = await backups.findOne({ kind: 'backup' }, { sort: { at: -1 } });
  if (last === null) {
    return [
      serious(
        production,
        'backups',
        'None was ever made.',
        'npm run backup, every night; and try a restore once.',
      ),
    ];
  }
  const age = clock().getTime() - last.at.getTime();
  const says = `The last one is ${duration(age)} old (${last.folder}).`;
  if (age > lateMs) return [serious(production, 'backups', says, 'npm run backup, every night.')];
  return [ok('backups', says)];
};
