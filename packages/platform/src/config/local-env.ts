import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * For commands at the terminal: without a MONGODB_URI of its own, the settings of the system that
 * `npm start` runs on this checkout, which it leaves in `DATA_DIR/env`. What is set already stays.
 */
export function useLocalSystem(): void {
  const file = join(process.env.DATA_DIR || '.local', 'env');
  if (!process.env.MONGODB_URI && existsSync(file)) process.loadEnvFile(file);
}
