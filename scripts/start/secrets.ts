import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explainFileFault } from '@backoffice/dev-services';

/** A secret that is made once and kept, readable by its owner only, so that a second start knows it again. */
export function keptSecret(dataDir: string, name: string, bytes: number): string {
  const file = join(dataDir, name);
  try {
    mkdirSync(dataDir, { recursive: true });
    try {
      const kept = readFileSync(file, 'utf8').trim();
      if (kept) return kept;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const made = randomBytes(bytes).toString('base64url');
    // Whole or not at all: half a secret would be taken for one.
    writeFileSync(`${file}.new`, `${made}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return made;
  } catch (error) {
    throw explainFileFault(error, dataDir);
  }
}
