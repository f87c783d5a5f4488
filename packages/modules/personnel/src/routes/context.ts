import { type Identity, type Platform, requireMember } from '@backoffice/platform';
import type { FastifyRequest } from 'fastify';
import type { Actor, Scope } from '../model.ts';
import { allowedOf } from '../people.ts';
import { createPersonnelRepository } from '../repository.ts';

export type RouteContext = ReturnType<typeof createRouteContext>;

/** What the handlers share: the module's data, who somebody is, the day in the business zone, and what a caller may see. */
export function createRouteContext(platform: Platform, identity: Identity) {
  const repository = createPersonnelRepository(platform);

  return {
    platform,
    identity,
    repository,
    clock: platform.clock,
    zone: platform.config.TIME_ZONE,
    today: repository.today,

    /** Made anew for every request, from the caller's record: a db that is taken from somebody is gone at once. */
    scopeOf: (request: FastifyRequest): Promise<Scope> =>
      repository.dbs.scope(allowedOf(requireMember(request).membership)),

    /** Every live db, for what administrators decide about dbs as such. */
    wholeScope: (): Promise<Scope> => repository.dbs.scope('all'),

    actorOf(request: FastifyRequest): Actor {
      const { userId, name } = requireMember(request);
      return { userId, name, requestId: request.id };
    },
  };
}
