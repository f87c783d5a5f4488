import type { Document, Filter, FindCursor } from 'mongodb';
import type { SystemName } from '../http/module.ts';
import type { Chain, ChainEntry } from './chain.ts';

/** What is asked for; everything left out means all. */
export interface AuditQuery {
  /** The id of a user, or a part of the name as it was then, in any case. */
  actor?: string;
  action?: string;
  objectType?: string;
  objectId?: string;
  /** Moments, the first one included, the second one not. */
  from?: Date;
  to?: Date;
  /** Only entries with a lower number: where the page before ended. */
  before?: number;
}

/** Finds entries of one system, newest first. */
export function createAuditSearch({ entries }: Chain) {
  async function filterOf(system: SystemName, query: AuditQuery): Promise<Filter<ChainEntry>> {
    const { actor, action, objectType, objectId, from, to, before } = query;
    const filter: Document = { system };
    // Numbers only: what somebody has put in by hand is for verify to find, and must not break an export.
    filter._id = before === undefined ? { $gte: 1 } : { $gte: 1, $lt: before };
    if (actor !== undefined) {
      filter.$or = [{ 'actor.userId': actor }, { 'actor.name': { $in: await namesWith(system, actor) } }];
    }
    if (action !== undefined) filter.action = action;
    if (objectType !== undefined) filter['object.type'] = objectType;
    if (objectId !== undefined) filter['object.id'] = objectId;
    if (from !== undefined || to !== undefined) {
      filter.at = { ...(from === undefined ? {} : { $gte: from }), ...(to === undefined ? {} : { $lt: to }) };
    }
    return filter as Filter<ChainEntry>;
  }

  /** There are few names, and an index that has them in order; so a part of a name never becomes a pattern. */
  async function namesWith(system: SystemName, part: string): Promise<string[]> {
    const names = await entries.distinct('actor.name', { system });
    const wanted = part.toLowerCase();
    return names.filter((name) => typeof name === 'string' && name.toLowerCase().includes(wanted));
  }

  return {
    async page(system: SystemName, query: AuditQuery, limit: number): Promise<ChainEntry[]> {
      return entries
        .find(await filterOf(system, query))
        .sort({ _id: -1 })
        .limit(limit)
        .toArray();
    },
    async all(system: SystemName, query: AuditQuery): Promise<FindCursor<ChainEntry>> {
      return entries
        .find(await filterOf(system, query))
        .sort({ _id: -1 })
        .batchSize(500);
    },
  };
}
