import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { keepPolicy } from '../observe/sign-in-page.ts';
import type { SystemModule } from './module.ts';

/** OpenAPI 3.1 from the routes' schemas. To be registered before any route, or it will not see them. */
export async function registerOpenApi(app: FastifyInstance, module: SystemModule): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: module.title, version: module.version },
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
    },
  });
}

/** In place of the plugin's, which lets other hosts in and asks for TLS where there may be none. */
const docsPolicy =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/** `/docs` and `/docs/json`; every asset comes from this server. With a guard only for whom it lets through. */
export async function registerDocsPages(
  app: FastifyInstance,
  guard?: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
): Promise<void> {
  await app.register(async (docs) => {
    if (guard !== undefined) {
      docs.addHook('onRoute', (route) => {
        route.config = { ...route.config, permission: 'operations:read' };
      });
      docs.addHook('onRequest', guard);
    }
    docs.addHook('onSend', async (_request, reply) => keepPolicy(reply, docsPolicy));
    await docs.register(fastifySwaggerUi, { routePrefix: '/docs' });
  });
}
