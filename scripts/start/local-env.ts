import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a command needs to work on the running system; the ports of its servers differ from start to start. */
const names = ['MONGODB_URI', 'REDIS_URL', 'JWT_SECRET', 'AUDIT_KEY', 'DATA_DIR'] as const;

const fileIn = (dataDir: string) => join(dataDir, 'env');

/** Leaves the settings of the running system where commands at the terminal, such as `npm run migrate`, look for them. */
export function writeLocalEnv(dataDir: string, env: NodeJS.ProcessEnv): void {
  const lines = names.map((name) => `${name}=${JSON.stringify(env[name] ?? '')}`);
  writeFileSync(fileIn(dataDir), `${lines.join('\n')}\n`, { mode: 0o600 });
}

export function removeLocalEnv(dataDir: string): void {
  rmSync(fileIn(dataDir), { force: true });
}
