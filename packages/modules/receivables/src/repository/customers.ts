import { createHash } from 'node:crypto';
import { type AnyBulkWriteOperation, type Db, ObjectId } from 'mongodb';
import { keyOf, type Remark } from '../model.ts';
import type { Assignment, Mark } from '../rollups/ledger.ts';

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

/** The id of a customer, made from the code: whoever writes first, it is the same document. */
export function customerId(code: string): ObjectId {
  const hash = createHash('sha256').update(`customer:${code}`).digest('hex');
  return new ObjectId(hash.slice(0, 24));
}

/** Customers: what people entered, and what a sheet filled in where nothing was. */
export function createCustomerRepository(db: Db) {
  const customers = db.collection<CustomerDocument>('receivables_customers');

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

  return {
    clearFills,
    fillFollowUps,
    findCustomer,
    findCustomerByReference,
    insertAssignments,
    listAssignedBy,
    listCustomers,
    updateNotes,
    updateRemark,
    upsertCustomers,
  };
}
