import { createUserRepository, type Platform, requireMember } from '@backoffice/platform';
import type { FastifyRequest } from 'fastify';
import { moved } from '../customers.ts';
import { type Now, nowIn, readState, type State } from '../figures.ts';
import { readScope, writeScope } from '../people.ts';
import { createReceivablesRepository } from '../repository.ts';

export type RouteContext = ReturnType<typeof createRouteContext>;

/** What the handlers share: the module's data, the clock in the business zone, and what a caller may see. */
export function createRouteContext(platform: Platform) {
  const { config, clock } = platform;
  const repository = createReceivablesRepository(platform.db, clock);
  return {
    platform,
    repository,
    users: createUserRepository(platform.db, clock),
    clock,
    zone: config.TIME_ZONE,
    now: (): Now => nowIn(clock(), config.TIME_ZONE),
    readScope: (request: FastifyRequest) => readScope(requireMember(request), config.RECEIVABLES_READ_SCOPE),
    writeScope: (request: FastifyRequest) => writeScope(requireMember(request)),

    /** Gives an answer from one state of the ledger; from the next one when this was replaced meanwhile. */
    async fromOneState<T>(read: (state: State) => Promise<T | typeof moved>): Promise<T> {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const answer = await read(await readState(repository));
        if (answer !== moved) return answer;
      }
      throw new Error('The ledger kept moving while an answer was read.');
    },
  };
}
