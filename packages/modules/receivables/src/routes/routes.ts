import { type Platform, uploadRoutes } from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { statementTemplate } from '../imports/template.ts';
import { createRouteContext } from './context.ts';
import { customerRoutes } from './customers.ts';
import { dashboardRoutes } from './dashboard.ts';
import { uploadRoute } from './upload.ts';
import { userRoutes } from './users.ts';

/** All routes of receivables, under `/api`. */
export function receivablesRoutes(platform: Platform): FastifyPluginAsyncTypebox {
  const context = createRouteContext(platform);
  return async (app) => {
    await app.register(dashboardRoutes(context));
    await app.register(customerRoutes(context));
    await app.register(userRoutes(context));
    await app.register(uploadRoute(context));
    await app.register(
      uploadRoutes(platform, {
        system: 'receivables',
        permissions: { read: 'imports:read', undo: 'imports:write' },
        template: () => ({ fileName: 'statement-template.xlsx', sheets: statementTemplate() }),
      }),
    );
  };
}
