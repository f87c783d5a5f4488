import { createHash, timingSafeEqual } from 'node:crypto';
import { Type } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import type { Platform } from '../data.ts';
import { type Guard, permission } from './operator-pages.ts';
import { metricsText, type StateOptions } from './state.ts';

/** Whether the header carries the token. Compared by hash, so that the time says nothing of how much is right. */
export function carriesToken(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(.+)$/i.exec(authorization ?? '')?.[1];
  if (token === '' || given === undefined) return false;
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(token));
}

/** `/metrics` of an instance: for METRICS_TOKEN where one is set, and for administrators. */
export function registerMetrics(
  app: FastifyInstance,
  platform: Platform,
  state: StateOptions,
  guard: Guard,
): void {
  const { METRICS_TOKEN } = platform.config;
  app.get(
    '/metrics',
    {
      config: { permission },
      schema: {
        tags: ['operations'],
        summary: 'What this process measures, for Prometheus',
        security: [{ bearer: [] }],
        'x-permission': permission,
        response: {
          200: {
            description: 'The text form of Prometheus',
            content: { 'text/plain': { schema: Type.String() } },
          },
          '4xx': Type.Object(
            {},
            { additionalProperties: true, description: 'Not signed in; or nothing here' },
          ),
        },
      } as never,
      async onRequest(request, reply) {
        if (!carriesToken(request.headers.authorization, METRICS_TOKEN)) return guard(request, reply);
      },
    },
    async (_request, reply) => {
      const text = await metricsText(platform, state);
      return reply
        .type(platform.metrics.registry.contentType)
        .header('cache-control', 'no-store')
        .serializer((body: string) => body)
        .send(text);
    },
  );
}
