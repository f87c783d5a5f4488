import { CodedError } from '@backoffice/core';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { answer, bare } from '../answers.ts';
import { readBulkIds } from '../asking.ts';
import { Bare, BulkBody, BulkRestored } from '../schemas.ts';
import type { RouteContext } from './context.ts';

const tags = ['personnel'];
/** So many are written at the same time. */
const atOnce = 8;

const isCoded = (error: unknown, code: CodedError['code']): error is CodedError =>
  error instanceof CodedError && error.code === code;

/** `/personnels/bulk-…`: many records, each by a write of its own; who is not there is passed over. */
export function bulkRoutes(context: RouteContext): FastifyPluginAsyncTypebox {
  const { records } = context.repository;

  async function forEach(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
    const waiting = ids.values();
    async function next(): Promise<void> {
      for (const id of waiting) {
        // Gone, or back, since it was looked at; or never there.
        await work(id).catch((error) => (isCoded(error, 'NOT_FOUND') ? undefined : Promise.reject(error)));
      }
    }
    await Promise.all(Array.from({ length: atOnce }, next));
  }

  /** NOT_FOUND where none was there. */
  async function removeAll(request: FastifyRequest, ids: readonly string[]): Promise<void> {
    const scope = await context.scopeOf(request);
    const by = context.actorOf(request);
    let removed = 0;
    await forEach(await records.existing(scope, ids), async (id) => {
      await records.remove(scope, id, by, null);
      removed += 1;
    });
    if (removed === 0) throw new CodedError('NOT_FOUND', 'No personnels found to delete');
  }

  /** NOT_FOUND where none was there; ARMY_NUMBER_TAKEN where no number was free. */
  async function restoreAll(request: FastifyRequest, ids: readonly string[]) {
    const scope = await context.scopeOf(request);
    const by = context.actorOf(request);
    const failed: { id: string; error: string }[] = [];
    let restored = 0;
    await forEach(ids, async (id) => {
      try {
        await records.restore(scope, id, by);
        restored += 1;
      } catch (error) {
        if (!isCoded(error, 'ARMY_NUMBER_TAKEN')) throw error;
        failed.push({ id, error: error.message });
      }
    });
    if (restored > 0) return { restored, failed };
    const [first] = failed;
    if (first === undefined) throw new CodedError('NOT_FOUND', 'No personnels found to restore');
    throw new CodedError('ARMY_NUMBER_TAKEN', first.error, {
      field: 'army_number',
      data: { restored, failed },
    });
  }

  return async (app) => {
    app.delete(
      '/personnels/bulk-delete',
      {
        config: { permission: 'records:write' },
        schema: {
          tags,
          summary: 'Delete up to 1,000 records',
          body: BulkBody,
          response: { 200: Bare },
        },
      },
      async (request) => {
        await removeAll(request, readBulkIds(request.body.personnels_id));
        return bare('Personnels deleted successfully');
      },
    );

    app.post(
      '/personnels/bulk-restore',
      {
        config: { permission: 'records:restore' },
        schema: {
          tags,
          summary:
            'Bring up to 1,000 deleted records back; those whose number was taken meanwhile stay deleted',
          body: BulkBody,
          response: { 200: BulkRestored, 207: BulkRestored },
        },
      },
      async (request, reply) => {
        const outcome = await restoreAll(request, readBulkIds(request.body.personnels_id));
        const status = outcome.failed.length === 0 ? 200 : 207;
        return reply.code(status).send(answer('Personnels restored successfully', outcome, status));
      },
    );
  };
}
