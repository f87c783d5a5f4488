import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The test files under `dirs` (relative to the root) whose path contains one of `filters`, or all; sorted. */
export function findTestFiles(root: string, dirs: readonly string[], filters: readonly string[]): string[] {
  const found = dirs.flatMap((dir) => walk(root, dir)).sort();
  if (filters.length === 0) return found;
  const wanted = filters.map((filter) => filter.replace(/^\.\//, ''));
  return found.filter((file) => wanted.some((filter) => file.includes(filter)));
}

/** Which files take long, the longest first; by the names that they have in every system. */
const long = [
  /\/property\.test\.ts$/,
  /^test\/operations\/(drill|outages)/,
  /\/(fuzz|killed)\.test\.ts$/,
  /\/seed-demo\.test\.ts$/,
  /^test\/operations\//,
  /\/histories\.test\.ts$/,
  /^scripts\/test\/(bench|start)/,
  /^test\/contract\/|\/contract-[^/]+\.test\.ts$/,
  /^packages\/platform\/test\/(audit-chain|backup|worker-process)/,
];

/** The same files with the long ones first: none of them begins when all others have ended. */
export function longestFirst(files: readonly string[]): string[] {
  const rank = (file: string) => {
    const found = long.findIndex((pattern) => pattern.test(file));
    return found < 0 ? long.length : found;
  };
  return files.toSorted((a, b) => rank(a) - rank(b));
}

function walk(root: string, dir: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(join(root, dir), { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = join(dir, entry.name);
    // What lies under fixtures is there to be read by tests; among it are files that fail on purpose.
    if (entry.isDirectory()) return /^(node_modules|fixtures|\..*)$/.test(entry.name) ? [] : walk(root, path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}
