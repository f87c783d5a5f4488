import type { Platform } from '../data.ts';
import { AuditChainError } from './chain.ts';

/** A tick is not to be held up for longer by a long queue; the next one goes on. */
const moveMs = 5_000;

/**
 * What a worker does for the audit with every tick: moves what waits into the chain, and removes what is too old.
 * A backup stops it like any job. A chain that does not fit its seals is left as it is, and complained of each time.
 */
export async function keepAudit(platform: Platform, signal: AbortSignal): Promise<void> {
  const { audit, config, log, maintenance } = platform;
  try {
    await maintenance.run('job', async () => {
      await audit.move({ signal, ms: moveMs });
      const removed = await audit.retain(config.AUDIT_RETENTION_DAYS);
      if (removed > 0) log.info({ removed, days: config.AUDIT_RETENTION_DAYS }, 'removed old audit entries');
    });
  } catch (error) {
    if (!(error instanceof AuditChainError)) throw error;
    log.error({ fault: error.message }, 'the audit chain is damaged; run pnpm audit:verify');
  }
}
