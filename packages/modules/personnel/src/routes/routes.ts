import type { Identity, Platform } from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { analyticsRoutes } from './analytics.ts';
import { authRoutes } from './auth.ts';
import { bulkRoutes } from './bulk.ts';
import { createRouteContext } from './context.ts';
import { dbRoutes } from './dbs.ts';
import { exportRoutes } from './export.ts';
import { recordRoutes } from './records.ts';
import { recordUploadRoutes } from './upload.ts';
import { userRoutes } from './users.ts';

/** All routes of personnel; they lie at the root. */
export function personnelRoutes(platform: Platform, identity: Identity): FastifyPluginAsyncTypebox {
  const context = createRouteContext(platform, identity);
  return async (app) => {
    readBodies(app);
    await app.register(authRoutes(context));
    await app.register(userRoutes(context));
    await app.register(dbRoutes(context));
    await app.register(bulkRoutes(context));
    await app.register(recordRoutes(context));
    await app.register(exportRoutes(context), { prefix: '/personnels' });
    await app.register(recordUploadRoutes(context), { prefix: '/personnels' });
    await app.register(analyticsRoutes(context));
  };
}

/**
 * Existing front-ends name JSON as the type of every request, also of those without a body, such as a DELETE. An
 * empty body is none then; where one is needed, its schema says so. Plain text is taken nowhere.
 */
function readBodies(
  app: Pick<FastifyInstance, 'addContentTypeParser' | 'removeContentTypeParser' | 'getDefaultJsonParser'>,
): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, body, done);
  });
}
