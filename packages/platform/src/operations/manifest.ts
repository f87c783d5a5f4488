import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { IndexDescriptionInfo } from 'mongodb';
import { syncPath } from './dump.ts';
import { OperationError } from './errors.ts';

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Count = Type.Integer({ minimum: 0 });

const ManifestSchema = Type.Object({
  format: Type.Literal(1),
  at: Type.String(),
  database: Type.String(),
  server: Type.String(),
  /** Names of the migrations that the database had. */
  migrations: Type.Array(Type.String()),
  collections: Type.Array(
    Type.Object({
      name: Type.String({ minLength: 1 }),
      /** Relative to the manifest. */
      dump: Type.String({ pattern: '^collections/[^/]+\\.bson\\.gz$' }),
      documents: Count,
      bytes: Count,
      sha256: Sha256,
      indexes: Type.Array(Type.Record(Type.String(), Type.Unknown())),
    }),
  ),
  files: Type.Object({
    count: Count,
    bytes: Count,
    /** Of `files.jsonl`, which lists them with their own. */
    sha256: Sha256,
    /** Files that a record names and that were not in the store. */
    missing: Type.Array(Type.String()),
  }),
});

/** What a backup holds. Everything in it can be checked by what stands here. */
export type Manifest = Static<typeof ManifestSchema>;
export type DumpedCollection = Manifest['collections'][number] & { indexes: IndexDescriptionInfo[] };

interface Seal {
  /** Of the manifest's bytes: a slip of the disk. */
  sha256: string;
  /** The same under AUDIT_KEY: a change by somebody who does not have it. */
  hmac: string;
  /** Tells a wrong key from a changed manifest. */
  keyId: string;
}

const manifestName = 'manifest.json';
const sealName = 'seal.json';

/** A key of its own, so that a seal says nothing about what else AUDIT_KEY signs. */
function keyOf(auditKey: string): Buffer {
  return createHmac('sha256', auditKey).update('backoffice backup 1').digest();
}

function sealOf(bytes: Buffer, auditKey: string): Seal {
  const key = keyOf(auditKey);
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    hmac: createHmac('sha256', key).update(bytes).digest('hex'),
    keyId: createHash('sha256').update(key).digest('hex').slice(0, 16),
  };
}

export async function writeManifest(folder: string, manifest: Manifest, auditKey: string): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  const seal = `${JSON.stringify(sealOf(bytes, auditKey), null, 1)}\n`;
  for (const [name, content] of [
    [manifestName, bytes],
    [sealName, seal],
  ] as const) {
    await writeFile(join(folder, name), content, { flag: 'wx', mode: 0o600 });
    await syncPath(join(folder, name));
  }
}

/**
 * The manifest of a backup, if it is as it was written. `auditKey` null: the seal is not asked, only the hash.
 * @throws OperationError when there is none, or it is damaged, changed or sealed with another key
 */
export async function readManifest(folder: string, auditKey: string | null): Promise<Manifest> {
  const [bytes, sealText] = await Promise.all(
    [manifestName, sealName].map((name) => readFile(join(folder, name)).catch(() => null)),
  );
  if (bytes == null || sealText == null) {
    throw new OperationError(
      `${folder} is no complete backup: it has no ${bytes == null ? manifestName : sealName}.`,
    );
  }
  const stated = parsed(sealText) as Partial<Seal> | null;
  const seal = sealOf(bytes, auditKey ?? '');
  if (!same(stated?.sha256, seal.sha256)) throw new OperationError(`The manifest of ${folder} is damaged.`);
  if (auditKey !== null && stated?.keyId !== seal.keyId) {
    throw new OperationError(
      `${folder} was sealed with another AUDIT_KEY than the one given. With --unsealed it is taken on its hashes alone.`,
    );
  }
  if (auditKey !== null && !same(stated?.hmac, seal.hmac)) {
    throw new OperationError(
      `The manifest of ${folder} was changed by somebody who does not have AUDIT_KEY.`,
    );
  }
  const manifest = parsed(bytes);
  if (!Value.Check(ManifestSchema, manifest)) {
    throw new OperationError(`The manifest of ${folder} has a form that this version does not know.`);
  }
  return manifest;
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

function same(stated: unknown, wanted: string): boolean {
  if (typeof stated !== 'string' || stated.length !== wanted.length) return false;
  return timingSafeEqual(Buffer.from(stated), Buffer.from(wanted));
}
