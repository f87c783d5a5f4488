import type { RouteOptions } from 'fastify';
import type { Maintenance } from './maintenance.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Goes on while a backup is being made, for a write that stands for itself (a sign-in): whether the
     * backup has it or not, it is whole.
     */
    duringBackup?: boolean;
  }
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Lets the handler of a route that changes something run only while no hold covers it, and counts it while it runs:
 * until it has come to its end, also where the caller has gone away in the meantime. Who only reads is asked about
 * once, when the request comes in.
 */
export function guardRoute(route: RouteOptions, maintenance: Maintenance): void {
  const { handler } = route;
  if ([route.method].flat().every((each) => reading.has(each))) return;
  const kind = route.config?.duringBackup === true ? 'read' : 'write';
  route.handler = function guarded(request, reply) {
    return maintenance.run(kind, async () => handler.call(this, request, reply));
  };
}
