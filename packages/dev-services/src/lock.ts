import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DevServicesError, explainFileFault } from './errors.ts';
import { isRunning, type ProcessMark, thisProcess } from './processes.ts';

/**
 * Takes a lock that one process at a time can hold; one left by a process that was killed counts for nothing.
 * @param what whose lock it is, for the sentence
 * @returns gives it back
 * @throws DevServicesError when a running process holds it, or its directory cannot be written
 */
export function takeLock(file: string, what: string): () => void {
  const mine = `${file}.${process.pid}`;
  try {
    writeFileSync(mine, JSON.stringify(thisProcess()), { mode: 0o600 });
    try {
      while (!linked(mine, file)) {
        const owner = ownerOf(file);
        if (owner && isRunning(owner)) {
          throw new DevServicesError(`${what} is already running (process ${owner.pid}).`);
        }
        removeStale(file, owner);
      }
    } finally {
      rmSync(mine, { force: true });
    }
  } catch (error) {
    throw explainFileFault(error, join(file, '..'));
  }
  return () => rmSync(file, { force: true });
}

/** A link appears at once, with what is in the file; a file that is created is empty for a moment. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // Some file systems know no links.
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) return copied(from, to);
    throw error;
  }
}

function copied(from: string, to: string): boolean {
  try {
    writeFileSync(to, readFileSync(from), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function ownerOf(file: string): ProcessMark | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessMark;
  } catch {
    return undefined;
  }
}

/** Moved before it is removed: another process may have replaced the stale one since it was read. */
function removeStale(file: string, stale: ProcessMark | undefined): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const owner = ownerOf(aside);
  if (owner && owner.pid !== stale?.pid) linked(aside, file);
  rmSync(aside, { force: true });
}
