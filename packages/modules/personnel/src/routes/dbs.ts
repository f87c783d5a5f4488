import { CodedError } from '@backoffice/core';
import {
  type AuditEntry,
  auditEntry,
  createOnce,
  expectedVersion,
  IdempotencyHeaders,
  idempotencyOf,
  markReplayed,
  sendVersion,
} from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ObjectId } from 'mongodb';
import { answer, nothing } from '../answers.ts';
import { metaOf, readId, readPaging } from '../asking.ts';
import { longest, readText } from '../fields.ts';
import { type DbDocument, foldCase } from '../model.ts';
import { dbView } from '../presentation.ts';
import type { DbFields } from '../repository/dbs.ts';
import {
  CreateDbBody,
  Created,
  DbAnswer,
  DbParams,
  DbsAnswer,
  Done,
  SearchQuery,
  UpdateDbBody,
  VersionHeaders,
} from '../schemas.ts';
import type { RouteContext } from './context.ts';

const tags = ['dbs'];
const administering = { permission: 'dbs:administer' };
const notFound = () => new CodedError('NOT_FOUND', 'Database not found');

/** The texts of a db that are given, trimmed. INVALID_REQUEST. */
function readDbFields(given: Partial<DbFields>): Partial<DbFields> {
  const found: Partial<DbFields> = {};
  for (const field of ['name', 'short_code', 'description'] as const) {
    const max = field === 'description' ? longest.remark : longest.text;
    if (given[field] !== undefined) found[field] = readText(field, given[field], { max });
  }
  return found;
}

/** `/admin/dbs`: the logical databases. */
export function dbRoutes(context: RouteContext): FastifyPluginAsyncTypebox {
  const { repository, identity } = context;
  const { dbs } = repository;

  function entryOf(
    request: FastifyRequest,
    action: string,
    object: { type: string; id: string },
    before: Record<string, unknown> | null,
    after: Record<string, unknown> | null,
  ): AuditEntry {
    const { userId, name, requestId } = context.actorOf(request);
    const actor = { userId, name };
    const at = context.clock();
    return auditEntry({ system: 'personnel', actor, action, object, before, after, requestId, at });
  }

  const entryOfDb = (
    request: FastifyRequest,
    action: string,
    id: ObjectId,
    before: object | null,
    after: object | null,
  ) =>
    entryOf(
      request,
      action,
      { type: 'db', id: id.toHexString() },
      before as Record<string, unknown> | null,
      after as Record<string, unknown> | null,
    );

  function sendDb(reply: FastifyReply, message: string, db: DbDocument) {
    sendVersion(reply, db.version);
    return answer(message, dbView(db));
  }

  /** Nobody is to reach a db that is gone. Safe to repeat. */
  async function takeFromEverybody(request: FastifyRequest, dbId: ObjectId): Promise<void> {
    const id = dbId.toHexString();
    await identity.users.pullFromMemberships('personnel', 'allowedDbs', id, (user) =>
      entryOf(
        request,
        'user.lose-db',
        { type: 'user', id: user.toHexString() },
        { allowedDbs: [id] },
        { allowedDbs: [] },
      ),
    );
  }

  /** What is the same already changes nothing. NOT_FOUND, ALREADY_EXISTS, STALE. */
  async function update(request: FastifyRequest, id: ObjectId, fields: Partial<DbFields>) {
    const expected = expectedVersion(request);
    const seen = await dbs.find(await context.wholeScope(), id.toHexString());
    if (seen === null) throw notFound();
    if (expected !== null && seen.version !== expected) throw new CodedError('STALE');
    const changed = Object.entries(fields).filter(([name, text]) => seen[name as keyof DbFields] !== text);
    if (changed.length === 0) return seen;
    const before = Object.fromEntries(changed.map(([name]) => [name, seen[name as keyof DbFields]]));
    const after = Object.fromEntries(changed);
    const updated = await dbs.update(id, after, expected, entryOfDb(request, 'db.update', id, before, after));
    if (updated === null) throw expected === null ? notFound() : new CodedError('STALE');
    return updated;
  }

  return async (app) => {
    app.get(
      '/admin/dbs',
      {
        config: { permission: 'dbs:read' },
        schema: {
          tags,
          summary: 'The dbs that the caller reaches',
          querystring: SearchQuery,
          response: { 200: DbsAnswer },
        },
      },
      async (request) => {
        const paging = readPaging(request.query);
        const part = foldCase((request.query.search ?? '').trim());
        const found = (await dbs.list(await context.scopeOf(request))).filter(
          ({ name, short_code }) => foldCase(name).includes(part) || foldCase(short_code).includes(part),
        );
        const data = found.slice(paging.skip, paging.skip + paging.limit).map(dbView);
        return answer('Databases fetched successfully', { data, meta: metaOf(found.length, paging) });
      },
    );

    app.post(
      '/admin/dbs',
      {
        config: administering,
        schema: {
          tags,
          summary: 'Create a db; an Idempotency-Key makes a repetition safe',
          headers: IdempotencyHeaders,
          body: CreateDbBody,
          response: { 201: Created },
        },
      },
      async (request, reply) => {
        const fields = readDbFields(request.body) as DbFields;
        const idempotency = idempotencyOf(request);
        const { made, replayed } = await createOnce(idempotency, dbs.findByIdempotencyKey, () =>
          dbs.insert(fields, idempotency, (id) => entryOfDb(request, 'db.create', id, null, fields)),
        );
        if (replayed) markReplayed(reply);
        const data = { id: made._id.toHexString() };
        return reply.code(201).send(answer('Database created successfully', data, 201));
      },
    );

    app.patch(
      '/admin/dbs/:dbId',
      {
        config: administering,
        schema: {
          tags,
          summary: 'Change texts of a db; If-Match is heeded',
          params: DbParams,
          headers: VersionHeaders,
          body: UpdateDbBody,
          response: { 200: DbAnswer },
        },
      },
      async (request, reply) => {
        const id = readDbId(request.params.dbId);
        const updated = await update(request, id, readDbFields(request.body));
        return sendDb(reply, 'Database updated successfully', updated);
      },
    );

    app.delete(
      '/admin/dbs/:dbId',
      {
        config: administering,
        schema: {
          tags,
          summary: 'Remove a db with its personnel; it can be restored',
          params: DbParams,
          response: { 200: Done },
        },
      },
      async (request) => {
        const id = readDbId(request.params.dbId);
        const removed = await dbs.remove(id, entryOfDb(request, 'db.delete', id, null, null));
        // Broken off after the removal, it is carried on by whoever repeats it.
        if (removed !== null || (await dbs.findDeleted(id)) !== null) await takeFromEverybody(request, id);
        if (removed === null) throw notFound();
        return answer('Database deleted successfully', nothing);
      },
    );

    app.post(
      '/admin/dbs/:dbId/restore',
      {
        config: administering,
        schema: {
          tags,
          summary: 'Bring a removed db back with the personnel that went with it',
          params: DbParams,
          response: { 200: DbAnswer },
        },
      },
      async (request, reply) => {
        const id = readDbId(request.params.dbId);
        if ((await dbs.findDeleted(id)) === null) throw notFound();
        // Before it is back: nobody must reach it again who was not given it anew.
        await takeFromEverybody(request, id);
        const restored = await dbs.restore(id, entryOfDb(request, 'db.restore', id, null, null));
        if (restored === null) throw notFound();
        return sendDb(reply, 'Database restored successfully', restored);
      },
    );
  };
}

const readDbId = (given: string) => readId(given, 'Invalid database ID', 'dbId');
