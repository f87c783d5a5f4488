import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { UploadDocument } from '../../uploads/model.ts';
import { databaseId } from '../../uploads/retention.ts';
import { backupFolder } from '../command.ts';
import { liveProcesses, nameOf } from '../presence.ts';
import { type Check, type Finding, fault, note, ok } from './finding.ts';
import { spaceFinding } from './servers.ts';

const looked = 200;

export const checkFiles: Check = async ({ platform }) => {
  const { config, files, db } = platform;
  const folder = resolve(config.DATA_DIR, 'files');
  const unwritable = await writeFault(folder);
  if (unwritable !== null) return [unwritable];
  const found: Finding[] = [];
  const { bsize, bavail, blocks } = await statfs(folder);
  found.push(spaceFinding('files', `The disk of ${config.DATA_DIR}`, bavail * bsize, blocks * bsize));

  const own = await files.identity();
  const elsewhere = (await liveProcesses(db)).filter(({ store }) => store !== null && store !== own);
  if (elsewhere.length > 0) {
    const says = `DATA_DIR of ${elsewhere.map(nameOf).join(', ')} is another folder than here.`;
    found.push(
      fault(
        'files',
        says,
        'All processes and commands need the same DATA_DIR/files, on several machines a shared one.',
      ),
    );
  }
  // Only where somebody owns them: to ask would make them this database's.
  const owned = existsSync(join(folder, 'database-id'));
  if (owned && !(await files.belongsTo(await databaseId(db)))) {
    const says = 'The files belong to another database; those without a record are left alone.';
    found.push(note('files', says, `If they are this one's, remove ${join(folder, 'database-id')}.`));
  }
  const missing = await missingFiles(platform);
  if (missing > 0) {
    const says = `Of the ${looked} newest uploads ${missing} have no file in the store.`;
    found.push(fault('files', says, 'Look for the right DATA_DIR, or put the files back from a backup.'));
  }
  return found;
};

async function writeFault(folder: string): Promise<Finding | null> {
  const probe = join(folder, `probe-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, 'x', { flag: 'wx' });
    await rm(probe);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const says = `${folder} cannot be written (${code}): uploads are refused.`;
    return fault('files', says, 'Give it to the user that runs API and worker, or set DATA_DIR.');
  }
}

async function missingFiles({ db, files }: Parameters<Check>[0]['platform']): Promise<number> {
  const newest = await db
    .collection<UploadDocument>('uploads')
    .find({ fileRemovedAt: null }, { projection: { fileKey: 1 }, sort: { _id: -1 }, limit: looked })
    .toArray();
  let missing = 0;
  for (const { fileKey } of newest) if (!existsSync(await files.localCopy(fileKey, ''))) missing += 1;
  return missing;
}

/** A disk that fails takes with it what lies on it. */
export const checkBackupPlace: Check = async ({ platform: { config } }) => {
  const backups = resolve(backupFolder(config));
  const [there, data] = await Promise.all(
    [backups, resolve(config.DATA_DIR)].map((path) => stat(path).catch(() => null)),
  );
  if (there == null || data == null || there.dev !== data.dev) return [];
  const says = `Backups (${backups}) lie on the same disk as the data.`;
  return [note('backups', says, 'Copy them to another machine, or set BACKUP_DIR to another disk.')];
};

export const checkRuntime: Check = ({ platform: { config } }) => {
  const found: Finding[] = [];
  const { node, icu, tz } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    found.push(fault('Node', `${node} is too old.`, 'Install 20.19 or newer.'));
  }
  // A build without the whole of ICU knows the name and gives the wrong offset, or none.
  const shown = new Intl.DateTimeFormat('en', {
    timeZone: config.TIME_ZONE,
    timeZoneName: 'longOffset',
  }).format(0);
  if (config.TIME_ZONE === 'Asia/Kolkata' && !shown.includes('GMT+05:30')) {
    found.push(fault('Node', 'Its time zone data are wrong.', 'Take an official build of Node.'));
  }
  return found.length > 0
    ? found
    : [ok('Node', `${node}, time zones ${tz ?? 'of the system'} (ICU ${icu ?? 'none'})`)];
};
