import { createPlatform, loadConfig, runAuditCommand, useLocalSystem } from '@backoffice/platform';
import { systems } from './worker.ts';

try {
  useLocalSystem();
  const platform = await createPlatform(loadConfig(process.env, systems), { role: 'cli', systems });
  try {
    for (const { audited = [] } of systems) platform.audit.register(audited);
    process.exitCode = await runAuditCommand(platform.audit, process.argv.slice(2));
  } finally {
    await platform.close();
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
