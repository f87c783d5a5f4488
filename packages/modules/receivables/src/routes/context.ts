import {
  createUserRepository,
  type Person,
  type Platform,
  peopleOf,
  requireMember,
  settingsOf,
} from '@backoffice/platform';
import type { FastifyRequest } from 'fastify';
import { moved } from '../customers.ts';
import { type EngineerName, type Now, nowIn, readState, type State } from '../figures.ts';
import { engineersOf, readScope, writeScope } from '../people.ts';
import { createReceivablesRepository } from '../repository.ts';
import { receivablesSettings } from '../settings.ts';

export type RouteContext = ReturnType<typeof createRouteContext>;

/** What the handlers share: the module's data, the clock in the business zone, and what a caller may see. */
export function createRouteContext(platform: Platform) {
  const { config, clock } = platform;
  const { RECEIVABLES_READ_SCOPE: scope } = settingsOf(config, receivablesSettings);
  const repository = createReceivablesRepository(platform);
  let listed: { text: string; engineers: readonly EngineerName[] } = { text: '', engineers: [] };
  let minute = Number.NaN;
  let known: Now | undefined;

  /** The day in a zone is costly to find, and changes at the beginning of a minute only. */
  function now(): Now {
    const at = clock();
    const current = Math.floor(at.getTime() / 60_000);
    if (known === undefined || current !== minute) known = nowIn(at, config.TIME_ZONE);
    minute = current;
    return known;
  }

  /** Those whom figures name; the same list while none of them has changed. */
  const listEngineers = platform.reads.share(
    () => peopleOf('receivables'),
    (people: Person[]) => {
      const engineers = engineersOf(people);
      const text = JSON.stringify(engineers);
      if (text !== listed.text) listed = { text, engineers };
      return listed.engineers;
    },
  );

  return {
    platform,
    repository,
    users: createUserRepository(platform.db, clock),
    listEngineers,
    clock,
    zone: config.TIME_ZONE,
    now,
    readScope: (request: FastifyRequest) => readScope(requireMember(request), scope),
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
