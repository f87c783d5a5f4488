import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
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

/** `/docs` and `/docs/json`; every asset comes from this server. */
export async function registerDocsPages(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwaggerUi, { routePrefix: '/docs', staticCSP: true });
}
