import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explainFileFault } from './errors.ts';
import { isRunning, type ProcessMark, stopProcess } from './processes.ts';

export interface RunRecord {
  owner: ProcessMark;
  processes: ProcessMark[];
}

export function readRecord(file: string): RunRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as RunRecord;
  } catch {
    // None, or half of one: then there is nobody to stop.
    return undefined;
  }
}

/** Replaces the record at once: a kill while writing leaves the earlier one. */
export function writeRecord(file: string, record: RunRecord): void {
  try {
    writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    rmSync(`${file}.new`, { force: true });
    throw explainFileFault(error, join(file, '..'));
  }
}

/** Stops, last started first, what a starter that was killed has left running. Gives how many there were. */
export async function stopLeftovers(file: string, graceMs = 15_000): Promise<number> {
  const left = readRecord(file)?.processes.filter(isRunning) ?? [];
  for (const process of left.reverse()) await stopProcess(process, graceMs);
  return left.length;
}
