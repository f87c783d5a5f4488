import { Readable } from 'node:stream';
import { CodedError } from '@backoffice/core';
import type { SheetContent } from '@backoffice/spreadsheet';
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Member, requireMember } from '../auth/member.ts';
import type { Platform } from '../data.ts';
import { type Envelope, wrapAnswers } from '../http/envelope.ts';
import type { SystemName } from '../http/module.ts';
import { sendWorkbook, Workbook } from '../http/send-sheets.ts';
import { errorSheet } from './error-workbook.ts';
import { uploadEvents } from './events.ts';
import { keptErrors, type UploadScope } from './model.ts';
import { acceptedView, isUnderWay, UploadAccepted, UploadStatus, uploadView, waitMsOf } from './view.ts';

export interface UploadRouteOptions {
  system: SystemName;
  /** The module's permissions: for seeing uploads and their reports, and for taking one back. */
  permissions: { read: string; undo: string };
  /** The workbook that a user fills in. */
  template: () => { fileName: string; sheets: SheetContent[] };
  /** Which uploads a member may see and take back; all others look as if they did not exist. Null: all of them. */
  scope?: (member: Member) => UploadScope | null;
  /** Where the system wraps its answers: its own `envelope`. Events and workbooks go out as they are. */
  envelope?: Envelope | undefined;
}

const tags = ['uploads'];
const UploadParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) });
const ListQuery = Type.Object({
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
});
const StatusQuery = Type.Object({ errors: Type.Optional(Type.Literal('all')) });

/**
 * What every kind of upload has: the list, status (to be polled, or followed as server-sent events), all
 * row errors as a workbook, undo, and the template. `POST /upload` is the module's own.
 *
 * Their addresses, and those that answers name, begin with the prefix of the instance they are registered on.
 */
export function uploadRoutes(platform: Platform, options: UploadRouteOptions): FastifyPluginAsyncTypebox {
  const { uploads, config } = platform;
  const { system, permissions } = options;
  const reading = { permission: permissions.read };
  const scopeOf = (request: FastifyRequest) => options.scope?.(requireMember(request)) ?? null;

  return async (app) => {
    const { prefix } = app;
    wrapAnswers(app, options.envelope);
    let closing = false;
    app.addHook('preClose', async () => {
      closing = true;
    });

    app.get(
      '/upload',
      {
        config: reading,
        schema: {
          tags,
          summary: 'Uploads, newest first; X-Total-Count says how many there are',
          querystring: ListQuery,
          response: { 200: Type.Array(UploadStatus) },
        },
      },
      async (request, reply) => {
        const { page = 1, limit = 20 } = request.query;
        const found = await uploads.list(system, { page, limit }, scopeOf(request));
        reply.header('x-total-count', found.total);
        return found.uploads.map((upload) => uploadView(upload, prefix));
      },
    );

    app.get(
      '/upload/template',
      {
        config: reading,
        schema: { tags, summary: 'The template to fill in', response: { 200: Workbook } },
      },
      async (_request, reply) => {
        const { fileName, sheets } = options.template();
        return sendWorkbook(reply, fileName, sheets);
      },
    );

    app.get(
      '/upload/:id/status',
      {
        config: reading,
        schema: {
          tags,
          summary: 'How far an upload is; with Accept: text/event-stream as server-sent events',
          params: UploadParams,
          querystring: StatusQuery,
          response: {
            200: {
              description: 'The upload; Retry-After says when to ask again while it runs',
              content: {
                'application/json': { schema: UploadStatus },
                'text/event-stream': { schema: Type.String() },
              },
            },
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const upload = await uploads.get(system, id, scopeOf(request));
        if (/\btext\/event-stream\b/i.test(request.headers.accept ?? '')) {
          const events = uploadEvents(
            upload,
            () => uploads.get(system, id),
            (each) => uploadView(each, prefix),
            () => closing,
          );
          reply.type('text/event-stream').header('cache-control', 'no-store, no-transform');
          return (reply as FastifyReply).send(Readable.from(events));
        }
        if (isUnderWay(upload)) reply.header('retry-after', '1');
        reply.header('cache-control', 'no-store').type('application/json; charset=utf-8');
        const errors = request.query.errors === 'all' ? upload.errors.slice(0, keptErrors) : undefined;
        return uploadView(upload, prefix, errors);
      },
    );

    app.get(
      '/upload/:id/errors.xlsx',
      {
        config: reading,
        schema: { tags, summary: 'All row errors', params: UploadParams, response: { 200: Workbook } },
      },
      async (request, reply) => {
        const upload = await uploads.get(system, request.params.id, scopeOf(request));
        if (upload.fileRemovedAt != null) throw new CodedError('UPLOAD_FILE_REMOVED');
        const name = `errors ${upload.fileName.replace(/\.[^.]{1,5}$/, '')}.xlsx`;
        return sendWorkbook(reply, name, [errorSheet(uploads.errorsOf(upload))]);
      },
    );

    // Creates nothing and is safe to repeat by itself (a second one is 409), so it takes no Idempotency-Key.
    app.post(
      '/upload/:id/undo',
      {
        config: { permission: permissions.undo },
        schema: {
          tags,
          summary: 'Take an import back',
          params: UploadParams,
          response: { 200: UploadStatus, 202: UploadAccepted },
        },
      },
      async (request, reply) => {
        const member = requireMember(request);
        const { id } = request.params;
        const asked = await uploads.requestUndo(system, id, member, request.id, scopeOf(request));
        const upload = await uploads.waitForUndo(asked._id, waitMsOf(request, config));
        if (upload.undo?.state === 'queued') return sendAccepted(reply, acceptedView(upload, prefix));
        const fault = upload.undo?.error;
        if (fault != null) throw new CodedError(fault.code, fault.message, fault.details);
        return uploadView(upload, prefix);
      },
    );
  };
}

/** 202: it runs on, and the answer says where to ask. */
export function sendAccepted<T extends { statusUrl: string }>(reply: FastifyReply, body: T): T {
  reply.code(202).header('location', body.statusUrl).header('retry-after', '1');
  return body;
}
