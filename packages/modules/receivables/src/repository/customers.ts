import { createHash } from 'node:crypto';
import type { AuditEntry, Audited } from '@backoffice/platform';
import { type AnyBulkWriteOperation, type Db, type Filter, ObjectId } from 'mongodb';
import { keyOf, type Remark } from '../model.ts';
import type { Assignment, Mark } from '../rollups/ledger.ts';

/** What people entered about a customer; belongs to the customer code and survives every upload. */
export interface CustomerDocument extends Audited {
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
  /** Raised by every change of what people see here. Documents of earlier days have none: 0. */
  version?: number;
  /**
   * A mark or assignment that expects a version is on its way into the ledger under this id. Until it is there
   * nothing else changes the customer. `broken`: it took too long and must not come any more.
   */
  reserved?: { by: string; until: Date; broken?: true };
}

export function versionOf(stored: Pick<CustomerDocument, 'version'>): number {
  return stored.version ?? 0;
}

/** What a user enters directly; with each goes the name of the field that says which import filled it. */
export const enteredFields = { remark: 'remarkFrom', notes: 'notesFrom' } as const;
export type EnteredField = keyof typeof enteredFields;

/** No document has `null` as its version, so this finds those without one. */
function atVersion({ version }: Pick<CustomerDocument, 'version'>): Filter<CustomerDocument> {
  return { version: version ?? null } as Filter<CustomerDocument>;
}

const withoutOutbox = { projection: { outbox: 0 } } as const;
const free = { reserved: { $exists: false } } as const;

/** The id of a customer, made from the code: whoever writes first, it is the same document. */
export function customerId(code: string): ObjectId {
  const hash = createHash('sha256').update(`customer:${code}`).digest('hex');
  return new ObjectId(hash.slice(0, 24));
}

/** Customers: what people entered, and what a sheet filled in where nothing was. */
export function createCustomerRepository(db: Db) {
  const customers = db.collection<CustomerDocument>('receivables_customers');

  async function findCustomer(code: string): Promise<CustomerDocument | null> {
    return customers.findOne({ _id: customerId(code) }, withoutOutbox);
  }

  /** The customer of a path: by database id, else by code (decision 28). */
  async function findCustomerByReference(reference: string): Promise<CustomerDocument | null> {
    if (/^[0-9a-f]{24}$/i.test(reference)) {
      const found = await customers.findOne({ _id: new ObjectId(reference) }, withoutOutbox);
      if (found !== null) return found;
    }
    return findCustomer(keyOf(reference));
  }

  async function listCustomers(codes: readonly string[]): Promise<Map<string, CustomerDocument>> {
    const found = new Map<string, CustomerDocument>();
    if (codes.length === 0) return found;
    for await (const each of customers.find({ _id: { $in: codes.map(customerId) } }, withoutOutbox)) {
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
          update: { $setOnInsert: { code, ...fresh, marks: [], assignments: [], version: 0 } },
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
    return customers.find({ 'assignments.statementId': statementId }, withoutOutbox).toArray();
  }

  /**
   * Fills empty remarks and notes from a sheet, remembering which import did so. Safe to repeat, and to be
   * repeated where it gives codes: those were reserved just now, and are left out.
   */
  async function fillFollowUps(
    uploadId: string,
    fills: readonly { code: string; remark: Remark | null; notes: string | null }[],
  ): Promise<string[]> {
    const operations: AnyBulkWriteOperation<CustomerDocument>[] = [];
    const $inc = { version: 1 };
    for (const { code, remark, notes } of fills) {
      const _id = customerId(code);
      if (remark !== null && remark !== 'none') {
        const update = { $set: { remark, remarkFrom: uploadId }, $inc };
        operations.push({ updateOne: { filter: { _id, remark: 'none', ...free }, update } });
      }
      if (notes !== null && notes !== '') {
        const update = { $set: { notes, notesFrom: uploadId }, $inc };
        operations.push({ updateOne: { filter: { _id, notes: '', ...free }, update } });
      }
    }
    if (operations.length === 0) return [];
    await customers.bulkWrite(operations, { ordered: false });
    return listReserved({ _id: { $in: fills.map(({ code }) => customerId(code)) } });
  }

  /** Takes back what an import filled and nobody has changed since. Codes as in `fillFollowUps`. */
  async function clearFills(uploadId: string): Promise<string[]> {
    const $inc = { version: 1 };
    const remarks = { $set: { remark: 'none', remarkFrom: null }, $inc } as const;
    await customers.updateMany({ remarkFrom: uploadId, ...free }, remarks);
    await customers.updateMany(
      { notesFrom: uploadId, ...free },
      { $set: { notes: '', notesFrom: null }, $inc },
    );
    return [
      ...(await listReserved({ remarkFrom: uploadId })),
      ...(await listReserved({ notesFrom: uploadId })),
    ];
  }

  /** The engineers that a statement fills in come and go with the ledger; this says so afterwards. Codes as above. */
  async function raiseAssigned(statementId: string): Promise<string[]> {
    const assigned = { 'assignments.statementId': statementId };
    await customers.updateMany({ ...assigned, ...free }, { $inc: { version: 1 } });
    return listReserved(assigned);
  }

  async function listReserved(filter: Filter<CustomerDocument>): Promise<string[]> {
    const reserved = { ...filter, reserved: { $exists: true } } as Filter<CustomerDocument>;
    return (await customers.find(reserved, { projection: { code: 1 } }).toArray()).map(({ code }) => code);
  }

  /**
   * Puts a remark or notes in the place of what `seen` has, with the entry that says so. Gives the new version;
   * null when somebody has changed the customer since, or is about to.
   */
  async function updateEntered(
    seen: CustomerDocument,
    entered: Partial<Pick<CustomerDocument, EnteredField>>,
    entry: AuditEntry,
  ): Promise<number | null> {
    const from = (Object.keys(entered) as EnteredField[]).map((field) => [enteredFields[field], null]);
    const changed = await customers.updateOne(
      { _id: seen._id, ...atVersion(seen), ...free },
      {
        $set: { ...entered, ...Object.fromEntries(from) },
        $inc: { version: 1 },
        $push: { outbox: entry },
      },
    );
    return changed.modifiedCount === 1 ? versionOf(seen) + 1 : null;
  }

  /** What an import filled in and a user says again stays when the import is undone. Nobody sees a difference. */
  async function keepFilled(seen: CustomerDocument, field: EnteredField): Promise<boolean> {
    const kept = await customers.updateOne(
      { _id: seen._id, ...atVersion(seen), [field]: seen[field], ...free } as Filter<CustomerDocument>,
      { $set: { [enteredFields[field]]: null } },
    );
    return kept.matchedCount === 1;
  }

  /** Keeps all other changes away from a customer that is as `seen`; false when it is not, or not free. */
  async function reserveCustomer(seen: CustomerDocument, by: string, ms: number): Promise<boolean> {
    const reserved = { by, until: { $add: ['$$NOW', ms] } };
    const done = await customers.updateOne({ _id: seen._id, ...atVersion(seen), ...free }, [
      { $set: { reserved } },
    ]);
    return done.modifiedCount === 1;
  }

  /** Only by whom it belongs to, when the change will not come; or when it is broken and can't come. */
  async function releaseCustomer(code: string, by: string): Promise<void> {
    await customers.updateOne({ _id: customerId(code), 'reserved.by': by }, { $unset: { reserved: '' } });
  }

  /** Forbids the change of a reservation whose time is over; true where that is so. */
  async function breakReservation(code: string, by: string): Promise<boolean> {
    const broken = await customers.updateOne(
      {
        _id: customerId(code),
        'reserved.by': by,
        $or: [{ 'reserved.broken': true }, { $expr: { $lt: ['$reserved.until', '$$NOW'] } }],
      },
      { $set: { 'reserved.broken': true } },
    );
    return broken.matchedCount === 1;
  }

  return {
    breakReservation,
    clearFills,
    fillFollowUps,
    findCustomer,
    findCustomerByReference,
    insertAssignments,
    keepFilled,
    listAssignedBy,
    listCustomers,
    raiseAssigned,
    releaseCustomer,
    reserveCustomer,
    updateEntered,
    upsertCustomers,
  };
}
