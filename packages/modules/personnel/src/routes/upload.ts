import { randomBytes } from 'node:crypto';
import { CodedError } from '@backoffice/core';
import {
  acceptedView,
  acceptForms,
  assertSameRequest,
  CountsSchema,
  dedupeKeyOf,
  hasEnded,
  IdempotencyHeaders,
  ImportWarningSchema,
  idempotencyOf,
  markReplayed,
  requireMember,
  UploadAccepted,
  type UploadDocument,
  uploadFault,
  uploadRoutes,
  uploadView,
  waitMsOf,
} from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answer, answerOf, envelope } from '../answers.ts';
import { readDb } from '../asking.ts';
import type { RecordRowError } from '../imports/row-errors.ts';
import type { ImportParams } from '../imports/run.ts';
import { recordsTemplate } from '../imports/template.ts';
import { insertItems, type UploadOutcome } from '../items.ts';
import { recordsKind } from '../kinds.ts';
import type { Scope } from '../model.ts';
import { allowedOf } from '../people.ts';
import { CreateRecordBody } from '../schemas.ts';
import type { RouteContext } from './context.ts';

/** Beyond this many a workbook is the better way: a list is held in memory as a whole. */
const mostItems = 5_000;
/** Five thousand items with every field at some length. */
const mostBytes = 4 * 1024 * 1024;
const completed = 'Bulk upload completed';

const ListBody = Type.Array(
  Type.Object({ ...CreateRecordBody.properties, status: Type.Optional(Type.String()) }),
  {
    maxItems: mostItems,
    description: 'Records of the db of the first one; status is active where it is left out',
  },
);
const FormBody = Type.Object({
  file: Type.String({ format: 'binary', description: 'An .xlsx workbook; see the template' }),
  db_id: Type.String(),
  dryRun: Type.Optional(Type.String({ description: 'true: only says what would be done' })),
  onError: Type.Optional(Type.String({ description: 'reject_rows (left out) or reject_all' })),
  onExisting: Type.Optional(
    Type.String({ description: 'For a number that stands with other values: reject (left out) or update' }),
  ),
});
const Body = {
  description: `A list of at most ${mostItems} records and ${mostBytes / 1024 / 1024} MB, or a form with a workbook`,
  content: { 'application/json': { schema: ListBody }, 'multipart/form-data': { schema: FormBody } },
};

const Outcome = answerOf(
  Type.Object({
    inserted: Type.Integer(),
    failed: Type.Array(
      Type.Object({
        index: Type.Integer({ description: 'Among the items or data rows, from 0' }),
        error: Type.String(),
      }),
      { description: 'Of a workbook the first 1,000' },
    ),
    uploadId: Type.Optional(Type.String({ description: 'Of a workbook, as what follows' })),
    status: Type.Optional(Type.String()),
    counts: Type.Optional(CountsSchema),
    failedCount: Type.Optional(Type.Integer()),
    warnings: Type.Optional(Type.Array(ImportWarningSchema)),
    dryRun: Type.Optional(Type.Boolean()),
    duplicate: Type.Optional(Type.Boolean()),
    duplicateOf: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    statusUrl: Type.Optional(Type.String()),
    errorsUrl: Type.Optional(Type.String()),
  }),
);

function wrong(field: string, message: string): CodedError {
  return new CodedError('INVALID_REQUEST', message, { field });
}

/** The db that must be named: INVALID_REQUEST, NOT_FOUND, in the words of the contract. */
function requireDb(scope: Scope, given: unknown): string {
  if (given === undefined || given === null || given === '') throw wrong('db_id', 'db_id is required');
  // What is no text is no id either.
  return readDb(scope, typeof given === 'string' ? given : '');
}

function readChoice<const T extends readonly string[]>(
  fields: Readonly<Record<string, string>>,
  name: string,
  choices: T,
): T[number] {
  const text = (fields[name] ?? '').trim();
  if (text === '') return choices[0]!;
  if (!choices.includes(text)) throw wrong(name, `"${name}" is not one of ${choices.join(', ')}.`);
  return text;
}

/** `POST /upload` below the records' prefix, and what belongs to an upload: status, errors, undo, template. */
export function recordUploadRoutes(context: RouteContext): FastifyPluginAsyncTypebox {
  const { platform, repository } = context;
  const { uploads, config } = platform;

  async function insertList(request: FastifyRequest): Promise<{ outcome: UploadOutcome; replayed: boolean }> {
    const items = request.body;
    if (!Array.isArray(items)) throw wrong('body', 'Payload must be an array of Personnel');
    if (items.length > mostItems) {
      throw wrong('body', `More than ${mostItems} items at once; upload them in parts, or as a workbook.`);
    }
    const first = items[0] as Record<string, unknown> | null | undefined;
    const db = requireDb(await context.scopeOf(request), first?.db_id);
    const by = context.actorOf(request);
    const idempotency = idempotencyOf(request);
    if (idempotency === null) {
      const seed = randomBytes(12).toString('hex');
      const outcome = await insertItems(repository, db, items, by, context.clock(), seed);
      return { outcome, replayed: false };
    }
    const {
      bodyHash,
      at,
      answer: before,
    } = await repository.imports.beginRequest<UploadOutcome>(idempotency);
    assertSameRequest({ key: idempotency.key, bodyHash }, idempotency);
    if (before !== null) return { outcome: before, replayed: true };
    const outcome = await insertItems(repository, db, items, by, at, idempotency.key);
    await repository.imports.endRequest(idempotency.key, outcome);
    return { outcome, replayed: false };
  }

  async function submitWorkbook(request: FastifyRequest) {
    const by = requireMember(request);
    const received = await uploads.receive(request);
    try {
      const { fields } = received;
      const params: ImportParams = {
        dbId: requireDb(await context.scopeOf(request), fields.db_id?.trim()),
        onExisting: readChoice(fields, 'onExisting', ['reject', 'update']),
      };
      const onError = readChoice(fields, 'onError', ['reject_rows', 'reject_all']);
      return await uploads.submit<ImportParams>({
        kind: recordsKind,
        system: 'personnel',
        received,
        params,
        dedupeKey: dedupeKeyOf(recordsKind, received.sha256, { ...params, onError }),
        dryRun: readChoice(fields, 'dryRun', ['false', 'true']) === 'true',
        onError,
        by,
        requestId: request.id,
      });
    } catch (error) {
      await uploads.discard(received);
      throw error;
    }
  }

  /** The answer to a workbook, as to a list (decision 12). */
  async function sendWorkbookAnswer(request: FastifyRequest, reply: FastifyReply, prefix: string) {
    const submitted = await submitWorkbook(request);
    if (submitted.replayed) markReplayed(reply);
    const upload = await uploads.waitFor(submitted.upload._id, waitMsOf(request, config));
    if (!hasEnded(upload)) {
      const accepted = acceptedView(upload, prefix);
      reply.code(202).header('retry-after', '2').header('location', accepted.statusUrl);
      return answer('Bulk upload accepted', accepted, 202);
    }
    if (upload.status === 'failed' && upload.error?.code !== 'ALL_ROWS_REJECTED') throw faultOf(upload);
    return sendOutcome(reply, outcomeOf(upload, prefix));
  }

  return async (app) => {
    const { prefix } = app;
    await acceptForms(app);
    app.post(
      '/upload',
      {
        config: { permission: 'imports:write' },
        bodyLimit: mostBytes,
        // Of a list each item is judged by itself, and the form is read as a stream; the schema is the documentation.
        validatorCompiler: () => () => true,
        schema: {
          tags: ['uploads'],
          summary: 'Create many records: a list, or a workbook',
          headers: IdempotencyHeaders,
          body: Body,
          response: { 201: Outcome, 207: Outcome, 202: answerOf(UploadAccepted) },
        },
      },
      async (request, reply) => {
        if (/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) {
          return sendWorkbookAnswer(request, reply as FastifyReply, prefix) as never;
        }
        const { outcome, replayed } = await insertList(request);
        if (replayed) markReplayed(reply);
        return sendOutcome(reply as FastifyReply, outcome) as never;
      },
    );

    await app.register(
      uploadRoutes(platform, {
        system: 'personnel',
        permissions: { read: 'imports:read', undo: 'imports:write' },
        template: () => ({ fileName: 'personnel-template.xlsx', sheets: recordsTemplate() }),
        scope: ({ membership }) => {
          const values = allowedOf(membership);
          return values === 'all' ? null : { param: 'dbId', values };
        },
        envelope,
      }),
    );
  };
}

/** 201, or 207 when some or all failed. */
function sendOutcome(reply: FastifyReply, outcome: UploadOutcome) {
  const status = outcome.failed.length === 0 ? 201 : 207;
  return reply.code(status).send(answer(completed, outcome, status));
}

function outcomeOf(upload: UploadDocument, prefix: string) {
  const view = uploadView(upload, prefix);
  const { uploadId, status, counts, errorCount, warnings, dryRun, duplicate, duplicateOf, statusUrl } = view;
  const failed = (upload.errors as RecordRowError[]).map(({ index, column, cell, code, message }) => ({
    index,
    // What a list says in the same case, or what is wrong with which cell.
    error: code === 'NUMBER_EXISTS' || code === 'NUMBER_TWICE' ? message : `${column} (${cell}): ${message}`,
  }));
  return {
    inserted: counts?.inserted ?? 0,
    failed,
    ...{ uploadId, status, ...(counts === null ? {} : { counts }), failedCount: errorCount, warnings },
    ...{ dryRun, duplicate, duplicateOf, statusUrl },
    ...(view.errorsUrl === undefined ? {} : { errorsUrl: view.errorsUrl }),
  };
}

/** The fault of a failed upload; what was found on the way stands in `data`. */
function faultOf(upload: UploadDocument): CodedError {
  const { code, message, details } = uploadFault(upload);
  return new CodedError(code, message, { data: details });
}
