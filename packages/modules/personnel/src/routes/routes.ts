import type { Identity, Platform } from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { analyticsRoutes } from './analytics.ts';
import { authRoutes } from './auth.ts';
import { createRouteContext } from './context.ts';
import { dbRoutes } from './dbs.ts';
import { recordRoutes } from './records.ts';
import { userRoutes } from './users.ts';

/** All routes of personnel; they lie at the root. */
export function personnelRoutes(platform: Platform, identity: Identity): FastifyPluginAsyncTypebox {
  const context = createRouteContext(platform, identity);
  return async (app) => {
    await app.register(authRoutes(context));
    await app.register(userRoutes(context));
    await app.register(dbRoutes(context));
    await app.register(recordRoutes(context));
    await app.register(analyticsRoutes(context));
  };
}
