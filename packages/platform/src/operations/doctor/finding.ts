import type { Platform } from '../../data.ts';
import type { SystemModule } from '../../http/module.ts';
import type { Migration } from '../../mongo/migrations.ts';

/**
 * ok · note: works, and somebody should know · fault: does not work, or will not for long · skipped: could not
 * be looked at, for example without the right to.
 */
export type FindingState = 'ok' | 'note' | 'fault' | 'skipped';

export interface Finding {
  /** What was looked at, in a word or two. */
  check: string;
  state: FindingState;
  /** How it is. */
  says: string;
  /** What to do. */
  advice?: string;
}

export interface Patient {
  platform: Platform;
  systems: readonly SystemModule[];
  migrations: readonly Migration[];
}

export type Check = (patient: Patient) => Promise<Finding[]> | Finding[];

export const ok = (check: string, says: string): Finding => ({ check, state: 'ok', says });
export const note = (check: string, says: string, advice: string): Finding => ({
  check,
  state: 'note',
  says,
  advice,
});
export const fault = (check: string, says: string, advice: string): Finding => ({
  check,
  state: 'fault',
  says,
  advice,
});
export const skipped = (check: string, says: string): Finding => ({ check, state: 'skipped', says });

/** A fault where it counts, else only a note. */
export const serious = (
  really: boolean,
  ...[check, says, advice]: [check: string, says: string, advice: string]
): Finding => (really ? fault : note)(check, says, advice);

export function gigabytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GB`;
}

/** How long something took or is old, for people. */
export function duration(ms: number): string {
  const units: [number, string][] = [
    [24 * 3_600_000, 'days'],
    [3_600_000, 'hours'],
    [60_000, 'minutes'],
  ];
  const [size, name] = units.find(([each]) => ms >= 2 * each) ?? [1_000, 'seconds'];
  return `${Math.round(ms / size)} ${name}`;
}
