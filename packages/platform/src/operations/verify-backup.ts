import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readDump } from './dump.ts';
import { explainDisk, OperationError } from './errors.ts';
import { filesName, measureFile, readFileList } from './file-copies.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { createTeller, type Say } from './teller.ts';

/**
 * Reads the whole backup and compares it with its manifest. Changes nothing.
 * @param auditKey null: the seal is not asked, only the hashes
 * @throws OperationError naming the first thing that is missing, damaged or changed
 */
export async function verifyBackup(
  folder: string,
  auditKey: string | null,
  say: Say,
  signal: AbortSignal,
): Promise<Manifest> {
  try {
    const info = await stat(folder).catch(() => null);
    if (!info?.isDirectory()) throw new OperationError(`There is no backup ${folder}.`);
    const manifest = await readManifest(folder, auditKey);
    for (const { name, dump, documents, bytes, sha256 } of manifest.collections) {
      const tell = createTeller(say);
      const path = join(folder, dump);
      const content = await readDump(
        path,
        (n) => tell(() => `checking ${name}: ${n.toLocaleString('en')}`),
        signal,
      );
      const same = content.documents === documents && content.bytes === bytes && content.sha256 === sha256;
      if (!same) throw new OperationError(`${path} is not what the manifest says.`);
    }
    await verifyFiles(folder, manifest, say, signal);
    return manifest;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new OperationError(`${(error as NodeJS.ErrnoException).path} is missing in the backup.`);
    }
    throw explainDisk(error, folder);
  }
}

async function verifyFiles(folder: string, manifest: Manifest, say: Say, signal: AbortSignal): Promise<void> {
  const list = await measureFile(join(folder, filesName), signal);
  if (list.sha256 !== manifest.files.sha256)
    throw new OperationError(`${join(folder, filesName)} is not what the manifest says.`);
  const tell = createTeller(say);
  let count = 0;
  for await (const { key, size, sha256 } of readFileList(folder)) {
    const path = join(folder, 'files', key);
    const file = await measureFile(path, signal);
    if (file.size !== size || file.sha256 !== sha256)
      throw new OperationError(`${path} is not what the manifest says.`);
    count += 1;
    tell(() => `checking files: ${count.toLocaleString('en')}`);
  }
  if (count !== manifest.files.count) throw new OperationError(`${join(folder, filesName)} is cut off.`);
}
