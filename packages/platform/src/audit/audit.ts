import type { Db, FindCursor } from 'mongodb';
import type { SystemName } from '../http/module.ts';
import {
  type Chain,
  type ChainEntry,
  type ChainHead,
  chainOf,
  noHash,
  signedHead,
  storedHead,
} from './chain.ts';
import { createMover, type MoveOptions } from './mover.ts';
import type { AuditEntry } from './outbox.ts';
import { createOutboxes } from './outboxes.ts';
import { applyRetention } from './retention.ts';
import { type AuditQuery, createAuditSearch } from './search.ts';
import { type ChainReport, type VerifyOptions, verifyChain } from './verify.ts';

export interface Audit {
  /** Names collections whose documents carry an outbox, beside those of the platform. */
  register: (collections: readonly string[]) => void;
  /** The history of an object, oldest first: what is in the chain, then what still waits. */
  listOf: (system: SystemName, object: AuditEntry['object']) => Promise<AuditEntry[]>;
  /** Entries of a system in the chain, newest first. */
  search: (system: SystemName, query: AuditQuery, limit: number) => Promise<ChainEntry[]>;
  /** The same without a limit, to be streamed. */
  stream: (system: SystemName, query: AuditQuery) => Promise<FindCursor<ChainEntry>>;
  /** How many entries wait to be moved into the chain. */
  waiting: (system?: SystemName) => Promise<number>;
  /** Where the chain ends, signed; number 0 before the first entry. */
  head: () => Promise<ChainHead>;
  /** Moves what waits into the chain. AuditChainError when it does not fit its head. Any number at once. */
  move: (options?: MoveOptions) => Promise<number>;
  /** Goes on where `move` refuses to, for that reason; the fault, or null where there is none. */
  accept: (reason: string) => Promise<string | null>;
  /** Removes what is older than that, for a signed checkpoint; 0 days: nothing. Gives how many. */
  retain: (days: number) => Promise<number>;
  verify: (options?: VerifyOptions) => Promise<ChainReport>;
}

const platformCollections = ['users', 'uploads'];

/** `systems`: the names of all, each of which is told when a loss of entries is accepted. */
export function createAudit(db: Db, key: string, clock: () => Date, systems: readonly SystemName[]): Audit {
  const chain: Chain = chainOf(db);
  const collections = new Set(platformCollections);
  const outboxes = createOutboxes(db, () => [...collections]);
  const search = createAuditSearch(chain);

  return {
    register(names) {
      for (const name of names) collections.add(name);
    },
    async listOf(system, object) {
      // In this order: an entry only ever goes from an outbox into the chain.
      const waiting = await outboxes.listOf(system, object);
      const own = { system, 'object.type': object.type, 'object.id': object.id };
      const moved = await chain.entries.find(own).sort({ _id: 1 }).toArray();
      const known = new Set(moved.map((each) => each.entryId));
      return [...moved.map(entryOf), ...waiting.filter(({ id }) => !known.has(id))];
    },
    search: (system, query, limit) => search.page(system, query, limit),
    stream: (system, query) => search.all(system, query),
    waiting: (system) => outboxes.count(system),
    async head() {
      return (await storedHead(chain)) ?? signedHead(key, { seq: 0, hash: noHash }, clock());
    },
    ...createMover({ chain, outboxes, key, clock, systems }),
    retain: (days) => applyRetention(db, chain, key, days, clock()),
    verify: (options) => verifyChain(chain, key, options),
  };
}

function entryOf({ _id, entryId, prev, hash, ...facts }: ChainEntry): AuditEntry {
  return { id: entryId, ...facts };
}
