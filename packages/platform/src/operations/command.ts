import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../config/schema.ts';
import type { Migration, Platform } from '../data.ts';
import { createBackup } from './backup.ts';
import { OperationError } from './errors.ts';
import { restoreBackup } from './restore.ts';
import type { Say } from './teller.ts';
import { verifyBackup } from './verify-backup.ts';

const backupUsage = `Usage: pnpm backup [--into FOLDER] [--keep N] [--wait SECONDS]
       pnpm backup --verify FOLDER

  --into    where backups are kept; each becomes a folder of its own (BACKUP_DIR)
  --keep    removes all but the newest N backups of this database afterwards
  --wait    how long to wait for imports under way (120)
  --verify  reads a backup and compares it with its manifest; changes nothing`;

const restoreUsage = `Usage: pnpm restore FOLDER [--replace] [--force] [--unsealed] [--wait SECONDS]

  --replace   gives up what the database holds
  --force     while processes run; they stand still meanwhile
  --unsealed  takes a backup sealed with another AUDIT_KEY, on its hashes alone
  --wait      how long to wait for them to stand still (120)`;

const longestWait = 3_600;

/** `--help`, or something that is not understood: the usage, and an exit code. */
class Usage extends Error {}

/** `pnpm backup`. Gives the exit code. */
export async function runBackupCommand(
  platform: Platform,
  args: readonly string[],
  say: Say,
  signal: AbortSignal,
): Promise<number> {
  return withUsage(backupUsage, say, async () => {
    const options = { into: text, keep: text, wait: text, verify: text };
    const { values } = parsed(args, options, false);
    if (values.verify !== undefined) {
      const manifest = await verifyBackup(values.verify as string, platform.config.AUDIT_KEY, say, signal);
      say(`The backup of ${manifest.at} is whole: ${summary(manifest)}.`);
      return 0;
    }
    const { folder, manifest, heldMs, ms, removed } = await createBackup(platform, {
      into: (values.into as string | undefined) ?? backupFolder(platform.config),
      keep: values.keep === undefined ? undefined : wholeNumber(values.keep as string, 1, 10_000),
      waitMs: waitMs(values.wait),
      say,
      signal,
    });
    for (const each of removed) say(`removed ${each}`);
    for (const key of manifest.files.missing.slice(0, 10))
      say(`Not in the store, so not in the backup: ${key}`);
    const { missing } = manifest.files;
    if (missing.length > 0)
      say(`${missing.length} files that records name are missing or damaged in the store.`);
    say(
      `${folder}\n${summary(manifest)}, in ${seconds(ms)}; nothing could be changed for ${seconds(heldMs)} of it.`,
    );
    return 0;
  });
}

/** `pnpm restore`. Gives the exit code. */
export async function runRestoreCommand(
  platform: Platform,
  migrations: readonly Migration[],
  args: readonly string[],
  say: Say,
  signal: AbortSignal,
): Promise<number> {
  return withUsage(restoreUsage, say, async () => {
    const { values, positionals } = parsed(
      args,
      { replace: flag, force: flag, unsealed: flag, wait: text },
      true,
    );
    const [folder] = positionals;
    if (folder === undefined || positionals.length > 1) throw new Usage();
    const result = await restoreBackup(platform, {
      folder,
      replace: values.replace === true,
      force: values.force === true,
      unsealed: values.unsealed === true,
      waitMs: waitMs(values.wait),
      migrations,
      say,
      signal,
    });
    const { manifest, filesPutBack, ms } = result;
    say(`${summary(manifest)} of ${manifest.at} are back, read back and equal, in ${seconds(ms)}.`);
    say(
      `${counted(filesPutBack, 'file')} put back; the others were there. The queues were emptied and fill themselves.`,
    );
    say(
      'Sign-ins that were ended since that backup are valid again until they expire: change JWT_SECRET to end them all.',
    );
    return 0;
  });
}

/** Where backups lie unless a command says otherwise. */
export function backupFolder(config: Pick<Config, 'BACKUP_DIR' | 'DATA_DIR'>): string {
  return config.BACKUP_DIR === '' ? join(config.DATA_DIR, 'backups') : config.BACKUP_DIR;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

function parsed(
  args: readonly string[],
  options: Record<string, typeof text | typeof flag>,
  allowPositionals: boolean,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals, strict: true });
  } catch {
    throw new Usage();
  }
}

async function withUsage(usage: string, say: Say, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    say(usage);
    return 2;
  }
}

function wholeNumber(given: string, minimum: number, maximum: number): number {
  const value = /^\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
  if (!(value >= minimum && value <= maximum))
    throw new OperationError(`"${given}" must be a whole number from ${minimum} to ${maximum}.`);
  return value;
}

function waitMs(given: unknown): number {
  return (typeof given === 'string' ? wholeNumber(given, 0, longestWait) : 120) * 1_000;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function summary({
  collections,
  files,
}: {
  collections: { documents: number }[];
  files: { count: number };
}): string {
  const documents = collections.reduce((sum, each) => sum + each.documents, 0);
  return `${counted(documents, 'document')} in ${collections.length} collections and ${counted(files.count, 'file')}`;
}

function counted(count: number, name: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? name : `${name}s`}`;
}
