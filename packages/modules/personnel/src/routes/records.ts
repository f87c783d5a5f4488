import { CodedError } from '@backoffice/core';
import {
  createOnce,
  expectedVersion,
  IdempotencyHeaders,
  idempotencyOf,
  markReplayed,
  requireMember,
  sendVersion,
} from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Static } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answer, bare } from '../answers.ts';
import { metaOf, readDay, readDb, readFilter, readId, readPaging } from '../asking.ts';
import { readFields, readGivenFields } from '../fields.ts';
import type { IsoDay, RecordDocument, Scope } from '../model.ts';
import { deletedView, historyView, recordView } from '../presentation.ts';
import { notFound } from '../repository/record-state.ts';
import type { RecordPatch } from '../repository/records.ts';
import {
  Bare,
  Created,
  CreateRecordBody,
  DbListParams,
  DbListQuery,
  DeletedAnswer,
  DeletedQuery,
  HistoryAnswer,
  RecordAnswer,
  RecordPageAnswer,
  RecordParams,
  RecordsAnswer,
  RecordsQuery,
  UpdateRecordBody,
  VersionHeaders,
} from '../schemas.ts';
import type { RouteContext } from './context.ts';
import { sendList } from './send-list.ts';

const reading = { permission: 'records:read' };
const writing = { permission: 'records:write' };
const restoring = { permission: 'records:restore' };
const tags = ['personnel'];
const fetched = 'Personnels fetched successfully';

const recordId = (given: string) => readId(given, 'Invalid personnel ID', 'personnelId').toHexString();

/** `/personnels`: the records. Out of scope, deleted and unknown look alike. */
export function recordRoutes(context: RouteContext): FastifyPluginAsyncTypebox {
  const { records } = context.repository;

  /** A deleted record that a change brings back, for administrators (decision 3). NOT_FOUND. */
  async function findToBringBack(request: FastifyRequest, scope: Scope, id: string): Promise<RecordDocument> {
    const deleted = requireMember(request).role === 'admin' ? await records.findDeleted(scope, id) : null;
    if (deleted === null) throw notFound();
    return deleted;
  }

  /** What a body changes of a record as it stands. INVALID_REQUEST, NOT_FOUND. */
  function patchOf(
    { db_id, status, effective_date, ...given }: Static<typeof UpdateRecordBody>,
    found: RecordDocument,
    scope: Scope,
    today: IsoDay,
  ): RecordPatch {
    const fields = readGivenFields(given);
    const db = db_id === undefined ? undefined : readDb(scope, db_id);
    // Existing front-ends send the whole record back: the same db is no move.
    const moves = db !== undefined && db !== found.db_id.toHexString();
    const dated = effective_date !== undefined && (moves || status !== undefined);
    const effective = dated ? readDay('effective_date', effective_date) : undefined;
    if (moves && effective !== undefined && effective > today) {
      const field = 'effective_date';
      throw new CodedError('INVALID_REQUEST', 'A move to another db cannot lie in the future.', { field });
    }
    return {
      fields,
      ...(moves ? { db } : {}),
      ...(status === undefined ? {} : { status }),
      ...(effective === undefined ? {} : { effective }),
    };
  }

  async function update(
    request: FastifyRequest,
    id: string,
    body: Static<typeof UpdateRecordBody>,
  ): Promise<RecordDocument> {
    const scope = await context.scopeOf(request);
    const by = context.actorOf(request);
    const live = await records.find(scope, id);
    if (live !== null) {
      const patch = patchOf(body, live, scope, context.today());
      return records.update(scope, id, patch, by, expectedVersion(request));
    }
    if (body.isDeleted !== false) throw notFound();
    const deleted = await findToBringBack(request, scope, id);
    const patch = patchOf(body, deleted, scope, context.today());
    return records.restore(scope, id, by, patch, expectedVersion(request));
  }

  function sendRecord(reply: FastifyReply, message: string, record: RecordDocument) {
    sendVersion(reply, record.version);
    return answer(message, recordView(record));
  }

  return async (app) => {
    // Both are in use; a redirection would lose the body of some clients.
    for (const url of ['/personnels/', '/personnels']) {
      app.post(
        url,
        {
          config: writing,
          schema: {
            tags,
            summary: 'Create a record; an Idempotency-Key makes a repetition safe',
            headers: IdempotencyHeaders,
            body: CreateRecordBody,
            response: { 201: Created },
          },
        },
        async (request, reply) => {
          const fields = readFields(request.body);
          const scope = await context.scopeOf(request);
          const db = readDb(scope, request.body.db_id);
          const idempotency = idempotencyOf(request);
          const given = { fields, db, status: null, ...(idempotency === null ? {} : { idempotency }) };
          const { made, replayed } = await createOnce(idempotency, records.findByIdempotencyKey, () =>
            records.insert(scope, given, context.actorOf(request)),
          );
          if (replayed) markReplayed(reply);
          const data = { id: made._id.toHexString() };
          return reply.code(201).send(answer('Personnel created successfully', data, 201));
        },
      );

      app.get(
        url,
        {
          config: reading,
          schema: {
            tags,
            summary: 'All records of a db, or of every db within reach; streamed',
            querystring: RecordsQuery,
            response: { 200: RecordsAnswer },
          },
        },
        async (request, reply) => {
          const db = request.query.db_id?.trim() || undefined;
          const found = records.stream(await context.scopeOf(request), db);
          return sendList(reply as FastifyReply, fetched, found, recordView) as never;
        },
      );
    }

    app.get(
      '/personnels/db/:db_id',
      {
        config: reading,
        schema: {
          tags,
          summary: 'A page of the records of a db',
          params: DbListParams,
          querystring: DbListQuery,
          response: { 200: RecordPageAnswer },
        },
      },
      async (request) => {
        const paging = readPaging(request.query);
        const query = { search: request.query.search ?? '', status: readFilter(request.query.filter) };
        const scope = await context.scopeOf(request);
        const { total, records: found } = await records.page(scope, request.params.db_id, query, paging);
        return answer(fetched, { data: found.map(recordView), meta: metaOf(total, paging) });
      },
    );

    app.get(
      '/personnels/deleted',
      {
        config: restoring,
        schema: {
          tags,
          summary: 'Deleted records, the latest first',
          querystring: DeletedQuery,
          response: { 200: DeletedAnswer },
        },
      },
      async (request) => {
        const paging = readPaging(request.query);
        const db = request.query.db_id?.trim() || undefined;
        const { total, records: found } = await records.listDeleted(
          await context.scopeOf(request),
          db,
          paging,
        );
        return answer('Deleted personnels fetched successfully', {
          data: found.map(deletedView),
          meta: metaOf(total, paging),
        });
      },
    );

    app.get(
      '/personnels/:personnelId',
      {
        config: reading,
        schema: { tags, summary: 'One record', params: RecordParams, response: { 200: RecordAnswer } },
      },
      async (request, reply) => {
        const id = recordId(request.params.personnelId);
        const found = await records.find(await context.scopeOf(request), id);
        if (found === null) throw notFound();
        return sendRecord(reply, 'Personnel fetched successfully', found);
      },
    );

    app.patch(
      '/personnels/:personnelId',
      {
        config: writing,
        schema: {
          tags,
          summary: 'Change a record, its status or its db, from a day on; If-Match is heeded',
          params: RecordParams,
          headers: VersionHeaders,
          body: UpdateRecordBody,
          response: { 200: Bare },
        },
      },
      async (request, reply) => {
        const id = recordId(request.params.personnelId);
        const { version } = await update(request, id, request.body);
        sendVersion(reply, version);
        return bare('Personnel updated successfully');
      },
    );

    app.delete(
      '/personnels/:personnelId',
      {
        config: writing,
        schema: {
          tags,
          summary: 'Delete a record; it can be restored. If-Match is heeded',
          params: RecordParams,
          headers: VersionHeaders,
          response: { 200: Bare },
        },
      },
      async (request) => {
        const id = recordId(request.params.personnelId);
        const scope = await context.scopeOf(request);
        await records.remove(scope, id, context.actorOf(request), expectedVersion(request));
        return bare('Personnel deleted successfully');
      },
    );

    app.post(
      '/personnels/:personnelId/restore',
      {
        config: restoring,
        schema: {
          tags,
          summary: 'Bring a deleted record back',
          params: RecordParams,
          response: { 200: RecordAnswer },
        },
      },
      async (request, reply) => {
        const id = recordId(request.params.personnelId);
        const scope = await context.scopeOf(request);
        const restored = await records.restore(scope, id, context.actorOf(request));
        return sendRecord(reply, 'Personnel restored successfully', restored);
      },
    );

    app.get(
      '/personnels/:personnelId/history',
      {
        config: reading,
        schema: {
          tags,
          summary: 'What was recorded of somebody, oldest first',
          params: RecordParams,
          response: { 200: HistoryAnswer },
        },
      },
      async (request) => {
        const id = recordId(request.params.personnelId);
        const scope = await context.scopeOf(request);
        const found = await records.find(scope, id);
        if (found === null) throw notFound();
        return answer('Personnel history fetched successfully', historyView(found, scope));
      },
    );
  };
}
