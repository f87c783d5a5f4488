import { Type } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import type { Migration, Platform } from '../data.ts';
import { pendingMigrations } from '../mongo/migrations.ts';
import { within } from '../within.ts';

/** Whoever asks how it goes asks often, and will not wait. */
const patienceMs = 1_000;

/** A database without its indexes would serve, slowly, and let one address in twice. */
async function mongoFault(platform: Platform, migrations: readonly Migration[]): Promise<string | null> {
  const pending = await within(pendingMigrations(platform.db, migrations), patienceMs);
  if (pending.length === 0) return null;
  return `${pending.length} migrations are missing, the first of them ${pending[0]}; run "pnpm migrate latest".`;
}

/** Asks for the policy too: with any other, a full Redis would throw jobs away without a word. */
async function redisFault(platform: Platform): Promise<string | null> {
  await within(platform.redis.ping(), patienceMs);
  const memory = await within(platform.redis.info('memory'), patienceMs);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
  return policy === 'noeviction' ? null : `Redis has maxmemory-policy ${policy}; it must be noeviction.`;
}

/** What keeps the platform from serving, in plain sentences; empty when nothing does. */
export async function readinessFaults(
  platform: Platform,
  migrations: readonly Migration[],
): Promise<string[]> {
  const checks: [string, () => Promise<string | null>][] = [
    ['MongoDB does not answer.', () => mongoFault(platform, migrations)],
    ['Redis does not answer.', () => redisFault(platform)],
  ];
  const faults = await Promise.all(
    checks.map(async ([sentence, check]) => {
      try {
        return await check();
      } catch (error) {
        platform.log.warn({ err: error }, sentence);
        return sentence;
      }
    }),
  );
  return faults.filter((fault) => fault !== null);
}

const Health = Type.Object({ status: Type.Literal('ok') });
const Ready = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('not ready')]),
  reasons: Type.Array(Type.String()),
});

/** `/health`: the process lives. `/ready`: it can serve, or says why not. */
export function registerHealth(
  app: FastifyInstance,
  platform: Platform,
  migrations: readonly Migration[],
): void {
  app.get(
    '/health',
    { schema: { tags: ['operations'], summary: 'The process lives', response: { 200: Health } } },
    async () => ({ status: 'ok' }),
  );
  app.get(
    '/ready',
    { schema: { tags: ['operations'], summary: 'Can serve', response: { 200: Ready, 503: Ready } } },
    async (_request, reply) => {
      const reasons = await readinessFaults(platform, migrations);
      const hold = platform.maintenance.seenOn('read');
      if (hold !== null) reasons.unshift(hold.reason);
      if (platform.state.ending) reasons.unshift('The process is ending.');
      if (reasons.length > 0) reply.code(503).header('retry-after', '5');
      return { status: reasons.length === 0 ? 'ready' : 'not ready', reasons };
    },
  );
}
