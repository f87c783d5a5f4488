import { CodedError } from '@backoffice/core';
import { checkContainer } from '@backoffice/spreadsheet';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FileStore, StagedFile } from '../files/store.ts';
import { megabyte } from '../http/edge.ts';
import { type Idempotency, idempotencyOf } from '../http/idempotency.ts';
import { assertNoNestedNames } from '../http/strictness.ts';

/** A file that has come in and looks like a workbook, with what came along. Not yet kept. */
export interface ReceivedFile {
  /** As the caller named it, made harmless; only to be shown. */
  fileName: string;
  sha256: string;
  /** Bytes. */
  size: number;
  /** The form's fields and the address's parameters together. */
  fields: Record<string, string>;
  staged: StagedFile;
  /** Where the request carries an `Idempotency-Key`; of the file's bytes and of all fields. */
  idempotency: Idempotency | null;
}

/** Lets the instance, and what is registered on it, take forms with a file. Every request to it pays for that. */
export async function acceptForms(app: FastifyInstance): Promise<void> {
  await app.register(multipart, {
    limits: { files: 1, fileSize: 50 * megabyte, fields: 20, fieldSize: 10_000, parts: 21, headerPairs: 50 },
    throwFileSizeLimit: true,
  });
}

/**
 * Streams the one file `file` of the form into the store while hashing it, and reads the fields before and
 * after it. Parameters of the address count as fields. On any refusal nothing is left on the disk.
 *
 * FILE_MISSING, FILE_EMPTY, UPLOAD_TOO_LARGE, UPLOAD_MALFORMED, INVALID_REQUEST for a field that is given
 * twice, and what the check of the container says: NOT_A_WORKBOOK, WORKBOOK_BROKEN, WORKBOOK_ENCRYPTED,
 * WORKBOOK_TOO_LARGE.
 */
export async function receiveFile(files: FileStore, request: FastifyRequest): Promise<ReceivedFile> {
  const fields = new Map<string, string>();
  let staged: StagedFile | undefined;
  let fileName = '';
  let idempotency: Idempotency | null;
  try {
    for await (const part of request.parts()) {
      if (part.type === 'file') {
        if (part.fieldname !== 'file' || staged !== undefined) throw new CodedError('UPLOAD_MALFORMED');
        fileName = harmlessName(part.filename);
        staged = await files.stage(part.file);
        if (part.file.truncated) throw new CodedError('UPLOAD_TOO_LARGE');
      } else {
        if (part.fieldnameTruncated || part.valueTruncated) throw new CodedError('UPLOAD_MALFORMED');
        addField(fields, part.fieldname, part.value);
      }
    }
    for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
      if (typeof value !== 'string') throw givenTwice(name);
      addField(fields, name, value);
    }
    assertNoNestedNames(fields.keys(), knownFields(request), 'form');
    if (staged === undefined) throw new CodedError('FILE_MISSING', undefined, { field: 'file' });
    if (staged.size === 0) throw new CodedError('FILE_EMPTY', undefined, { field: 'file' });
    await checkContainer(staged.path);
    idempotency = idempotencyOf(request, { sha256: staged.sha256, fields: Object.fromEntries(fields) });
  } catch (error) {
    await staged?.discard();
    throw error;
  }
  const { size, sha256 } = staged;
  return { fileName, sha256, size, fields: Object.fromEntries(fields), staged, idempotency };
}

/** The same value twice (in the form and in the address) does no harm; two values would mean guessing. */
function addField(fields: Map<string, string>, name: string, value: unknown): void {
  if (typeof value !== 'string') throw new CodedError('UPLOAD_MALFORMED');
  const known = fields.get(name);
  if (known !== undefined && known !== value) throw givenTwice(name);
  fields.set(name, value);
}

function givenTwice(name: string): CodedError {
  const field = name.slice(0, 100);
  return new CodedError('INVALID_REQUEST', `"${field}" is given twice with different values.`, { field });
}

/** What the route documents as its form; other fields are none of its business and stay unread. */
function knownFields(request: FastifyRequest): Record<string, unknown> {
  const body = request.routeOptions.schema?.body as { properties?: Record<string, unknown> } | undefined;
  return body?.properties ?? {};
}

const longest = 200;

/** What may be shown of a file's name: no folders, nothing that is invisible or turns the text around. */
export function harmlessName(name: string | undefined): string {
  // Forms carry a quotation mark and line ends of a name in this disguise.
  const written = (name ?? '').replace(/%22/g, '"').replace(/%0[AD]/gi, '');
  const base = written.split(/[/\\]/).at(-1) ?? '';
  // Control and format characters, lone surrogates, line and paragraph separators.
  const visible = base.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '').trim();
  const short = [...visible].slice(0, longest).join('');
  return /^\.*$/.test(short) ? 'upload.xlsx' : short;
}

/** A `Content-Disposition` that no name can break out of (RFC 6266, RFC 8187). */
export function attachment(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9 ._()-]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
