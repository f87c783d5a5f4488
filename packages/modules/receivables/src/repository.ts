import { createHash } from 'node:crypto';
import { type AnyBulkWriteOperation, type Db, ObjectId } from 'mongodb';
import { keyOf, type Region, type Remark } from './model.ts';
import type { CustomerStatement } from './rollups/fold.ts';
import type { Assignment, Ledger, Mark } from './rollups/ledger.ts';
import type { Head, Node, StatusChunk, StatusEntry } from './rollups/totals.ts';

/** What one statement says of one customer in one region, as stored. Written before it is in force, never changed. */
export interface StatementDocument extends CustomerStatement {
  /** The statement. */
  s: string;
  region: Region;
  /** Filled follow-up cells; engineers as written. */
  fill?: { remark: Remark | null; notes: string | null; engineers: string[] } | undefined;
}

/** What people entered about a customer; belongs to the customer code and survives every upload. */
export interface CustomerDocument {
  _id: ObjectId;
  /** Key of the code. */
  code: string;
  remark: Remark;
  notes: string;
  /** The import that filled the remark or the notes, while nobody has changed them since. */
  remarkFrom: string | null;
  notesFrom: string | null;
  marks: Mark[];
  assignments: Assignment[];
}

/** What an import gave, kept under its upload so that a run after a crash gives the same answer. */
export interface ImportRecord<T> {
  _id: string;
  statementId: string;
  result: T;
}

export const emptyLedger: Ledger = {
  _id: 'ledger',
  version: 0,
  imports: [],
  heads: {},
  markMonths: [],
  tail: [],
  hold: null,
};

/** The id of a customer, made from the code: whoever writes first, it is the same document. */
export function customerId(code: string): ObjectId {
  const hash = createHash('sha256').update(`customer:${code}`).digest('hex');
  return new ObjectId(hash.slice(0, 24));
}

export type ReceivablesRepository = ReturnType<typeof createReceivablesRepository>;

export function createReceivablesRepository(db: Db, clock: () => Date = () => new Date()) {
  const ledgers = db.collection<Ledger>('receivables_ledger');
  const statements = db.collection<StatementDocument>('receivables_statements');
  const customers = db.collection<CustomerDocument>('receivables_customers');
  const heads = db.collection<Head & { computedAt: Date }>('receivables_heads');
  const nodes = db.collection<Node & { computedAt: Date }>('receivables_nodes');
  const chunks = db.collection<StatusChunk & { computedAt: Date }>('receivables_statuses');
  const imports = db.collection<ImportRecord<unknown>>('receivables_imports');
  let cached: Ledger | null = null;
  const cachedHeads = new Map<string, Head>();

  /** The ledger as it is now. It is read whole only when its version has moved. */
  async function findLedger(): Promise<Ledger> {
    const now = await ledgers.findOne({ _id: 'ledger' }, { projection: { version: 1 } });
    if (now === null) return emptyLedger;
    if (cached?.version !== now.version) cached = await ledgers.findOne({ _id: 'ledger' });
    return cached ?? emptyLedger;
  }

  /**
   * Puts the next state in the place of `from`, unless somebody was faster or an import holds the ledger.
   * Whoever gets `false` reads again and validates again.
   */
  async function updateLedger(from: Ledger, next: Omit<Ledger, '_id' | 'version' | 'hold'>, by: string) {
    const free = [{ hold: null }, { 'hold.by': by }, { 'hold.until': { $lt: clock() } }];
    if (from.version === 0) await ignoreDuplicate(ledgers.insertOne({ ...emptyLedger }));
    const result = await ledgers.updateOne(
      { _id: 'ledger', version: from.version, $or: free },
      { $set: { ...next, version: from.version + 1, hold: null } },
    );
    return result.modifiedCount === 1;
  }

  async function ignoreDuplicate(write: Promise<unknown>): Promise<void> {
    await write.catch((error) => {
      if ((error as { code?: number }).code !== 11000) throw error;
    });
  }

  /** Keeps others from moving the ledger for a while. False when another import does so already. */
  async function holdLedger(by: string, ms: number): Promise<boolean> {
    const now = clock();
    const free = [{ hold: null }, { 'hold.by': by }, { 'hold.until': { $lt: now } }];
    const until = new Date(now.getTime() + ms);
    const result = await ledgers.updateOne({ _id: 'ledger', $or: free }, { $set: { hold: { by, until } } });
    return result.matchedCount === 1;
  }

  async function releaseLedger(by: string): Promise<void> {
    await ledgers.updateOne({ _id: 'ledger', 'hold.by': by }, { $set: { hold: null } });
  }

  /** Copies what was committed with the ledger into the customers' documents. Safe to repeat. */
  async function flushTail(ledger: Ledger): Promise<void> {
    for (const event of ledger.tail) {
      const list = event.kind === 'mark' ? 'marks' : 'assignments';
      const entry = event.kind === 'mark' ? event.mark : event.assignment;
      await customers.updateOne(
        { _id: customerId(event.code), [`${list}.id`]: { $ne: entry.id } },
        { $push: { [list]: entry } as never },
      );
    }
  }

  /** The marks and assignments of a customer that count at the ledger's version. */
  function recordAt(ledger: Ledger, code: string, stored: CustomerDocument | undefined | null) {
    const marks = (stored?.marks ?? []).filter((mark) => mark.seq <= ledger.version);
    const assignments = [...(stored?.assignments ?? [])];
    for (const event of ledger.tail) {
      if (event.code !== code) continue;
      if (event.kind === 'mark' && !marks.some((mark) => mark.id === event.mark.id)) marks.push(event.mark);
      const known = (id: string) => assignments.some((each) => each.id === id);
      if (event.kind === 'assignment' && !known(event.assignment.id)) assignments.push(event.assignment);
    }
    marks.sort((a, b) => (a.month === b.month ? a.seq - b.seq : a.month < b.month ? -1 : 1));
    return { marks, assignments };
  }

  async function insertStatements(documents: StatementDocument[]): Promise<void> {
    if (documents.length > 0) await statements.insertMany(documents, { ordered: false });
  }

  async function removeStatements(statementId: string): Promise<void> {
    await statements.deleteMany({ s: statementId });
    await customers.updateMany(
      { 'assignments.statementId': statementId },
      { $pull: { assignments: { statementId } } },
    );
  }

  /** The documents of some statements, customer by customer: those of one code follow each other. */
  function listStatements(statementIds: readonly string[], regions?: readonly Region[]) {
    const where = regions === undefined ? {} : { region: { $in: [...regions] } };
    return statements
      .find({ s: { $in: [...statementIds] }, ...where }, { projection: { _id: 0 } })
      .sort({ code: 1 })
      .batchSize(2_000);
  }

  /** The follow-up that a statement fills in. */
  function listFills(statementId: string) {
    const fields = { projection: { _id: 0, code: 1, fill: 1 } };
    return statements.find({ s: statementId, fill: { $exists: true } }, fields);
  }

  async function listStatementsOf(codes: readonly string[], statementIds: readonly string[]) {
    if (codes.length === 0 || statementIds.length === 0) return [];
    return statements
      .find({ s: { $in: [...statementIds] }, code: { $in: [...codes] } }, { projection: { _id: 0 } })
      .toArray();
  }

  async function findCustomer(code: string): Promise<CustomerDocument | null> {
    return customers.findOne({ _id: customerId(code) });
  }

  /** The customer of a path: by database id, else by code (decision 28). */
  async function findCustomerByReference(reference: string): Promise<CustomerDocument | null> {
    if (/^[0-9a-f]{24}$/i.test(reference)) {
      const found = await customers.findOne({ _id: new ObjectId(reference) });
      if (found !== null) return found;
    }
    return findCustomer(keyOf(reference));
  }

  async function listCustomers(codes: readonly string[]): Promise<Map<string, CustomerDocument>> {
    const found = new Map<string, CustomerDocument>();
    if (codes.length === 0) return found;
    for await (const each of customers.find({ _id: { $in: codes.map(customerId) } })) {
      found.set(each.code, each);
    }
    return found;
  }

  /** Makes sure that every code has its document. */
  async function upsertCustomers(codes: readonly string[]): Promise<void> {
    const known = new Set<string>();
    const projection = { code: 1 };
    for await (const each of customers.find({ _id: { $in: codes.map(customerId) } }, { projection })) {
      known.add(each.code);
    }
    const operations: AnyBulkWriteOperation<CustomerDocument>[] = [];
    for (const code of codes) {
      if (known.has(code)) continue;
      const fresh = { remark: 'none', notes: '', remarkFrom: null, notesFrom: null } as const;
      operations.push({
        updateOne: {
          filter: { _id: customerId(code) },
          update: { $setOnInsert: { code, ...fresh, marks: [], assignments: [] } },
          upsert: true,
        },
      });
    }
    if (operations.length > 0) await customers.bulkWrite(operations, { ordered: false });
  }

  async function insertAssignments(entries: readonly { code: string; assignment: Assignment }[]) {
    if (entries.length === 0) return;
    await customers.bulkWrite(
      entries.map(({ code, assignment }) => ({
        updateOne: {
          filter: { _id: customerId(code), 'assignments.id': { $ne: assignment.id } },
          update: { $push: { assignments: assignment } },
        },
      })),
      { ordered: false },
    );
  }

  /** The customers whose engineer a statement filled in. */
  async function listAssignedBy(statementId: string): Promise<CustomerDocument[]> {
    return customers.find({ 'assignments.statementId': statementId }).toArray();
  }

  /** Fills empty remarks and notes from a sheet, remembering which import did so. Safe to repeat. */
  async function fillFollowUps(
    uploadId: string,
    fills: readonly { code: string; remark: Remark | null; notes: string | null }[],
  ): Promise<void> {
    const operations: AnyBulkWriteOperation<CustomerDocument>[] = [];
    for (const { code, remark, notes } of fills) {
      const _id = customerId(code);
      if (remark !== null && remark !== 'none') {
        const update = { $set: { remark, remarkFrom: uploadId } };
        operations.push({ updateOne: { filter: { _id, remark: 'none' }, update } });
      }
      if (notes !== null && notes !== '') {
        const update = { $set: { notes, notesFrom: uploadId } };
        operations.push({ updateOne: { filter: { _id, notes: '' }, update } });
      }
    }
    if (operations.length > 0) await customers.bulkWrite(operations, { ordered: false });
  }

  /** Takes back what an import filled and nobody has changed since. */
  async function clearFills(uploadId: string): Promise<void> {
    await customers.updateMany({ remarkFrom: uploadId }, { $set: { remark: 'none', remarkFrom: null } });
    await customers.updateMany({ notesFrom: uploadId }, { $set: { notes: '', notesFrom: null } });
  }

  async function updateRemark(code: string, remark: Remark): Promise<void> {
    await customers.updateOne({ _id: customerId(code) }, { $set: { remark, remarkFrom: null } });
  }

  async function updateNotes(code: string, notes: string): Promise<void> {
    await customers.updateOne({ _id: customerId(code) }, { $set: { notes, notesFrom: null } });
  }

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
      // What was asked for last is thrown away last.
      cachedHeads.delete(id);
      cachedHeads.set(id, head);
    }
    for (const id of cachedHeads.keys()) {
      if (cachedHeads.size <= headsKept) break;
      cachedHeads.delete(id);
    }
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

  /** The statuses of a node, in order of customer and number. */
  async function listStatuses(node: Node): Promise<StatusEntry[]> {
    if (node.statuses.length === 0) return [];
    const found = await chunks.find({ _id: { $in: node.statuses } }).toArray();
    const byId = new Map(found.map((chunk) => [chunk._id, chunk.entries]));
    return node.statuses.flatMap((id) => byId.get(id) ?? []);
  }

  async function upsertImportRecord<T>(record: ImportRecord<T>): Promise<void> {
    await imports.replaceOne({ _id: record._id }, record as ImportRecord<unknown>, { upsert: true });
  }

  async function findImportRecord<T>(uploadId: string): Promise<ImportRecord<T> | null> {
    return (await imports.findOne({ _id: uploadId })) as ImportRecord<T> | null;
  }

  /** Removes rollups that no ledger refers to any more, but none younger than `before`: a reader may still hold it. */
  async function removeUnusedRollups(before: Date): Promise<number> {
    const ledger = await findLedger();
    const usedHeads = Object.values(ledger.heads);
    const usedNodes: string[] = [];
    for (const head of (await listHeads(ledger))?.values() ?? []) {
      for (const month of head.months) usedNodes.push(month.node);
    }
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

  /** Removes statement documents that no import in the ledger refers to and that are older than `before`. */
  async function removeUnusedStatements(before: Date): Promise<number> {
    const ledger = await findLedger();
    const used = ledger.imports.map((each) => each.statementId);
    const old = ObjectId.createFromTime(Math.floor(before.getTime() / 1000));
    const result = await statements.deleteMany({ _id: { $lt: old } as never, s: { $nin: used } });
    return result.deletedCount;
  }

  return {
    clearFills,
    fillFollowUps,
    findCustomer,
    findCustomerByReference,
    findImportRecord,
    findLedger,
    flushTail,
    holdLedger,
    insertAssignments,
    insertStatements,
    listAssignedBy,
    listCustomers,
    listFills,
    listHeads,
    listNodes,
    listStatements,
    listStatementsOf,
    listStatuses,
    recordAt,
    releaseLedger,
    removeStatements,
    removeUnusedRollups,
    removeUnusedStatements,
    updateLedger,
    updateNotes,
    updateRemark,
    upsertRollups,
    upsertCustomers,
    upsertImportRecord,
  };
}

/** Heads kept in memory: those of a few versions of all regions. */
const headsKept = 200;
