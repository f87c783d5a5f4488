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
 * Lets a route's handler run only while no hold covers it, and counts it while it runs: until it has come
 * to its end, also where the caller has gone away in the meantime.
 */
export function guardRoute(route: RouteOptions, maintenance: Maintenance): void {
  const { handler } = route;
  const reads =
    route.config?.duringBackup === true || [route.method].flat().every((each) => reading.has(each));
  route.handler = function guarded(request, reply) {
    return maintenance.run(reads ? 'read' : 'write', async () => handler.call(this, request, reply));
  };
}
