import {
  acceptedView,
  acceptForms,
  dedupeKeyOf,
  hasEnded,
  IdempotencyHeaders,
  markReplayed,
  requireMember,
  UploadAccepted,
  uploadFault,
  uploadView,
  waitMsOf,
} from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { readUpload } from '../asking.ts';
import type { StatementParams } from '../imports/run.ts';
import { statementKind } from '../kinds.ts';
import { UploadAnswer, UploadBody } from '../schemas.ts';
import type { RouteContext } from './context.ts';

/** Within this time the same file again means: yes, I mean it (decision 23). */
const confirmMs = 15 * 60_000;

/** `POST /upload`: takes a statement in, and waits a while for what its import gives. */
export function uploadRoute(context: RouteContext): FastifyPluginAsyncTypebox {
  const { platform } = context;
  const { uploads, config } = platform;

  /**
   * The doubts that this user was asked about a short while ago, with this very file. Once the file has been
   * applied they are answered: after an undo the question comes again.
   */
  async function seenDoubts(dedupeKey: string, userId: string): Promise<string[]> {
    const asked = { system: 'receivables', dedupeKey, userId } as const;
    const code = 'CONFIRMATION_NEEDED';
    const refused = await uploads.findRecentFailure({ ...asked, code, withinMs: confirmMs });
    const [applied] = await uploads.listSame('receivables', dedupeKey);
    if (refused === null || (applied !== undefined && applied.createdAt > refused.createdAt)) return [];
    return (refused.error?.details?.reasons ?? []) as string[];
  }

  async function submit(request: FastifyRequest) {
    const by = requireMember(request);
    const received = await uploads.receive(request);
    try {
      const { params, dryRun, onError } = readUpload(received.fields, context.now());
      const { month, department, covers } = params;
      const same = { month, department, covers, onError };
      const dedupeKey = dedupeKeyOf(statementKind, received.sha256, same);
      const confirmed = await seenDoubts(dedupeKey, by.userId);
      return await uploads.submit<StatementParams>({
        kind: statementKind,
        system: 'receivables',
        received,
        params: { ...params, confirmed },
        dedupeKey,
        dryRun,
        onError,
        by,
        requestId: request.id,
      });
    } catch (error) {
      await uploads.discard(received);
      throw error;
    }
  }

  return async (app) => {
    await acceptForms(app);
    app.post(
      '/upload',
      {
        config: { permission: 'imports:write' },
        // The form is read as a stream; its schema is there for the documentation.
        validatorCompiler: () => () => true,
        schema: {
          tags: ['uploads'],
          summary: 'Upload the statement of a month',
          consumes: ['multipart/form-data'],
          headers: IdempotencyHeaders,
          body: UploadBody,
          response: { 200: UploadAnswer, 202: UploadAccepted },
        },
      },
      async (request, reply) => {
        const submitted = await submit(request);
        if (submitted.replayed) markReplayed(reply);
        const upload = await uploads.waitFor(submitted.upload._id, waitMsOf(request, config));
        if (upload.status === 'failed') throw uploadFault(upload);
        if (!hasEnded(upload)) {
          const accepted = acceptedView(upload, app.prefix);
          reply.header('retry-after', '2').header('location', accepted.statusUrl);
          return reply.code(202).send(accepted);
        }
        return uploadView(upload, app.prefix);
      },
    );
  };
}
