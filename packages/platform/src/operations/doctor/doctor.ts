import type { Platform } from '../../data.ts';
import { withoutSecrets } from '../../log.ts';
import { checkBackupPlace, checkFiles, checkRuntime } from './files.ts';
import { type Check, type Finding, fault, type Patient } from './finding.ts';
import { checkIndexes } from './indexes.ts';
import { checkAdministrators, checkAudit, checkBackups, checkProcesses, checkQueues } from './running.ts';
import { checkClocks, checkMigrations, checkMongo, checkRedis } from './servers.ts';
import { checkSettings } from './settings.ts';

/** The checks in the order in which one would mend what they find, and what each of them needs. */
const checks: readonly { name: string; needs: ('MongoDB' | 'Redis')[]; check: Check }[] = [
  { name: 'Node', needs: [], check: checkRuntime },
  { name: 'settings', needs: [], check: checkSettings },
  { name: 'MongoDB', needs: ['MongoDB'], check: checkMongo },
  { name: 'Redis', needs: ['Redis'], check: checkRedis },
  { name: 'clocks', needs: ['MongoDB', 'Redis'], check: checkClocks },
  { name: 'migrations', needs: ['MongoDB'], check: checkMigrations },
  { name: 'indexes', needs: ['MongoDB'], check: checkIndexes },
  { name: 'files', needs: ['MongoDB'], check: checkFiles },
  { name: 'processes', needs: ['MongoDB'], check: checkProcesses },
  { name: 'queues', needs: ['MongoDB', 'Redis'], check: checkQueues },
  { name: 'administrators', needs: ['MongoDB'], check: checkAdministrators },
  { name: 'audit', needs: ['MongoDB'], check: checkAudit },
  { name: 'backups', needs: ['MongoDB'], check: checkBackups },
  { name: 'backups', needs: [], check: checkBackupPlace },
];

/** Looks at everything that a deployment needs. Changes nothing that stays. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const away = await unreachable(patient.platform);
  const found = [...away];
  for (const { name, needs, check } of checks) {
    if (needs.some((server) => away.some((each) => each.check === server))) continue;
    try {
      found.push(...(await check(patient)));
    } catch (error) {
      const says = `Could not be looked at: ${withoutSecrets((error as Error).message)}`;
      found.push(fault(name, says, 'Mend that first, then ask again.'));
    }
  }
  return found;
}

/** Asked first, so that what needs a server that is away is not complained of a second time. */
async function unreachable({ db, redis }: Platform): Promise<Finding[]> {
  const [mongo, queues] = await Promise.allSettled([db.command({ ping: 1 }), redis.ping()]);
  const found: Finding[] = [];
  if (mongo.status === 'rejected') {
    const says = `Does not answer: ${withoutSecrets((mongo.reason as Error).message)}`;
    found.push(fault('MongoDB', says, 'Start it, or mend MONGODB_URI.'));
  }
  if (queues.status === 'rejected') {
    found.push(fault('Redis', 'Does not answer.', 'Start it, or mend REDIS_URL.'));
  }
  return found;
}

const signs = { ok: 'ok     ', note: 'note   ', fault: 'FAULT  ', skipped: '-      ' } as const;

/** For people: one line for each finding, and below it what to do. */
export function findingsText(found: readonly Finding[]): string {
  const width = Math.max(...found.map(({ check }) => check.length)) + 2;
  const lines = found.flatMap(({ check, state, says, advice }) => {
    const line = `${signs[state]}${check.padEnd(width)}${says}`;
    return advice === undefined ? [line] : [line, `${' '.repeat(7 + width)}→ ${advice}`];
  });
  const count = (state: Finding['state'], name: string) => {
    const number = found.filter((each) => each.state === state).length;
    return `${number} ${number === 1 ? name : `${name}s`}`;
  };
  return [...lines, '', `${count('fault', 'fault')}, ${count('note', 'note')}`].join('\n');
}
