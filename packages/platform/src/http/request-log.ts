import { type FastifyInstance, LogController } from 'fastify';

/** Fastify's own two lines per request are off: one line at the end says it all. */
export const requestLogging = new LogController({
  disableRequestLogging: true,
  requestIdLogLabel: 'requestId',
});

/**
 * One line per request. It names the route's pattern and never the query, the headers or the body: those
 * hold names, search words and tokens.
 */
export function registerRequestLog(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url ?? 'unknown',
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ...(request.member === null ? {} : { userId: request.member.userId }),
      },
      'request',
    );
    done();
  });
}
