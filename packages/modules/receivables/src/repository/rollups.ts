import type { Db } from 'mongodb';
import type { Region } from '../model.ts';
import type { Ledger, Slot } from '../rollups/ledger.ts';
import type { AgeSums, Head, Node, StatusChunk, StatusEntry } from '../rollups/totals.ts';

/** Heads kept in memory: those of a few versions of all regions. */
const headsKept = 200;
/** Amounts by date kept in memory: those of a few months, or filters, of all regions; some 30 KB each. */
const agesKept = 200;

/** What was asked for last is thrown away last. */
function keep<T>(cache: Map<string, T>, id: string, value: T): void {
  cache.delete(id);
  cache.set(id, value);
}

function shrink(cache: Map<string, unknown>, size: number): void {
  for (const id of cache.keys()) {
    if (cache.size <= size) return;
    cache.delete(id);
  }
}

/** Rollups: documents whose ids are made from their content. */
export function createRollupRepository(db: Db, clock: () => Date) {
  const heads = db.collection<Head & { computedAt: Date }>('receivables_heads');
  const nodes = db.collection<Node & { computedAt: Date }>('receivables_nodes');
  const chunks = db.collection<StatusChunk & { computedAt: Date }>('receivables_statuses');
  const cachedHeads = new Map<string, Head>();
  const cachedAges = new Map<string, AgeSums>();

  /** Stores rollups. One that is there already (same content, same id) is made young again, so that it stays. */
  async function upsertRollups(made: { heads: Head[]; nodes: Node[]; chunks: StatusChunk[] }): Promise<void> {
    const computedAt = clock();
    for (const [collection, documents] of [
      [chunks, made.chunks],
      [nodes, made.nodes],
      [heads, made.heads],
    ] as const) {
      if (documents.length === 0) continue;
      await (collection as typeof heads).bulkWrite(
        (documents as Head[]).map(({ _id, ...content }) => ({
          updateOne: {
            filter: { _id },
            update: { $set: { computedAt }, $setOnInsert: content },
            upsert: true,
          },
        })),
        { ordered: false },
      );
    }
  }

  /** The heads of a ledger's regions. Null when one is gone: the ledger has moved on since it was read. */
  async function listHeads(ledger: Ledger, regions?: readonly Region[]): Promise<Map<Region, Head> | null> {
    const wanted = Object.entries(ledger.heads).filter(
      ([region]) => regions === undefined || regions.includes(region as Region),
    ) as [Region, string][];
    const missing = wanted.filter(([, id]) => !cachedHeads.has(id)).map(([, id]) => id);
    if (missing.length > 0) {
      for await (const { computedAt, ...head } of heads.find({ _id: { $in: missing } })) {
        cachedHeads.set(head._id, head);
      }
    }
    const found = new Map<Region, Head>();
    for (const [region, id] of wanted) {
      const head = cachedHeads.get(id);
      if (head === undefined) return null;
      found.set(region, head);
      keep(cachedHeads, id, head);
    }
    shrink(cachedHeads, headsKept);
    return found;
  }

  async function listNodes(ids: readonly string[]): Promise<Map<string, Node>> {
    const found = new Map<string, Node>();
    if (ids.length === 0) return found;
    for await (const { computedAt, ...node } of nodes.find({ _id: { $in: [...ids] } })) {
      found.set(node._id, node);
    }
    return found;
  }

  /** The amounts by date of some nodes, for one filter. Kept in memory: what an id stands for never changes. */
  async function listAges(ids: readonly string[], slot: Slot): Promise<Map<string, AgeSums>> {
    const keyOf = (id: string) => `${slot} ${id}`;
    const missing = ids.filter((id) => !cachedAges.has(keyOf(id)));
    if (missing.length > 0) {
      const projection = { ages: { $slice: [slot, 1] }, statuses: 0 };
      for await (const { _id, ages } of nodes.find({ _id: { $in: missing } }, { projection })) {
        cachedAges.set(keyOf(_id), ages[0]!);
      }
    }
    const found = new Map<string, AgeSums>();
    for (const id of ids) {
      const ages = cachedAges.get(keyOf(id));
      if (ages === undefined) continue;
      found.set(id, ages);
      keep(cachedAges, keyOf(id), ages);
    }
    shrink(cachedAges, agesKept);
    return found;
  }

  /** The statuses of a node, in order of customer and number. */
  async function listStatuses(node: Node): Promise<StatusEntry[]> {
    if (node.statuses.length === 0) return [];
    const found = await chunks.find({ _id: { $in: node.statuses } }).toArray();
    const byId = new Map(found.map((chunk) => [chunk._id, chunk.entries]));
    return node.statuses.flatMap((id) => byId.get(id) ?? []);
  }

  /**
   * The statuses that some nodes hold, by id, each in order of customer and number: two reads, however many nodes
   * there are. One that is gone is left out.
   */
  async function listStatusesOf(ids: readonly string[]): Promise<Map<string, StatusEntry[]>> {
    const statuses = new Map<string, StatusEntry[]>();
    if (ids.length === 0) return statuses;
    const found = await nodes.find({ _id: { $in: [...ids] } }, { projection: { statuses: 1 } }).toArray();
    const wanted = new Set(found.flatMap((node) => node.statuses));
    const entries = new Map<string, StatusEntry[]>();
    if (wanted.size > 0) {
      for await (const chunk of chunks.find({ _id: { $in: [...wanted] } }))
        entries.set(chunk._id, chunk.entries);
    }
    for (const node of found) {
      statuses.set(
        node._id,
        node.statuses.flatMap((id) => entries.get(id) ?? []),
      );
    }
    return statuses;
  }

  /** Removes rollups that no ledger refers to any more, but none younger than `before`: a reader may still hold it. */
  async function removeUnusedRollups(ledger: Ledger, before: Date): Promise<number> {
    const found = await listHeads(ledger);
    // Without all heads nobody knows what they refer to; the next run will.
    if (found === null) return 0;
    const usedHeads = Object.values(ledger.heads);
    const usedNodes = [...found.values()].flatMap((head) => head.months.map((month) => month.node));
    const usedChunks = [...(await listNodes(usedNodes)).values()].flatMap((node) => node.statuses);
    const old = { computedAt: { $lt: before } };
    let removed = 0;
    for (const [collection, used] of [
      [heads, usedHeads],
      [nodes, usedNodes],
      [chunks, usedChunks],
    ] as const) {
      removed += (await (collection as typeof heads).deleteMany({ _id: { $nin: [...used] }, ...old }))
        .deletedCount;
    }
    return removed;
  }

  return { listAges, listHeads, listNodes, listStatuses, listStatusesOf, removeUnusedRollups, upsertRollups };
}
