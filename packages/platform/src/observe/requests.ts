import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SystemModule } from '../http/module.ts';
import type { Metrics } from './metrics.ts';
import { runIn, type Span } from './span.ts';
import type { Tracing } from './tracing.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Under the system's prefix: a call of the API, not of an operator's page or a health check. */
    ofSystem?: boolean;
  }
}

/** The pattern, never the address; all that have none share one label. */
const routeOf = (request: FastifyRequest) => request.routeOptions.url ?? 'unknown';
const statusOf = (reply: FastifyReply) => (reply.raw.writableFinished ? reply.statusCode : 'aborted');

/** Counts and times every request of the instance. */
export function countRequests(app: FastifyInstance, metrics: Metrics, system: string): void {
  const { inFlight } = metrics;
  const count = (change: 1 | -1) => inFlight.set(system, (inFlight.get(system) ?? 0) + change);

  app.addHook('onRequest', (request, reply, done) => {
    const { method } = request;
    count(1);
    // Not `onResponse`: that one never comes for a caller who hangs up.
    reply.raw.once('close', () => {
      const route = routeOf(request);
      count(-1);
      metrics.requests.inc({ system, method, route, status: statusOf(reply) });
      metrics.requestSeconds.observe({ system, method, route }, reply.elapsedTime / 1_000);
    });
    done();
  });
}

/** A span for each call of the system's own routes; health checks and unknown addresses make none. */
export function traceRequests(app: FastifyInstance, tracing: Tracing | null, module: SystemModule): void {
  if (tracing === null) return;
  const spans = new WeakMap<FastifyRequest, Span>();

  app.addHook('onRequest', (request, reply, done) => {
    const { url: route, config } = request.routeOptions;
    // By the mark, not by the address: a system may have its routes at the root, beside the health checks.
    if (route === undefined || config.ofSystem !== true) return done();
    const { traceparent } = request.headers;
    const span = tracing.start(`${request.method} ${route}`, {
      kind: 'server',
      parent: typeof traceparent === 'string' ? traceparent : undefined,
      facts: {
        system: module.name,
        'http.request.method': request.method,
        'http.route': route,
        'request.id': request.id,
      },
    });
    spans.set(request, span);
    request.log = request.log.child({ traceId: span.traceId });
    reply.log = request.log;
    reply.raw.once('close', () => {
      const status = statusOf(reply);
      span.set({ 'http.response.status_code': status });
      span.end(typeof status === 'number' && status >= 500);
    });
    runIn(span, done);
  });
  // The body comes in events of the socket, which know nothing of the request.
  app.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request);
    if (span === undefined) done();
    else runIn(span, done);
  });
}
