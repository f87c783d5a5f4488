import { type Db, ObjectId } from 'mongodb';
import type { Region, Remark } from '../model.ts';
import type { CustomerStatement } from '../rollups/fold.ts';
import type { CustomerDocument } from './customers.ts';

/** What one statement says of one customer in one region, as stored. Written before it is in force, never changed. */
export interface StatementDocument extends CustomerStatement {
  /** The statement. */
  s: string;
  region: Region;
  /** Filled follow-up cells; engineers as written. */
  fill?: { remark: Remark | null; notes: string | null; engineers: string[] } | undefined;
}

/** Statements, one document for each customer and region of each. */
export function createStatementRepository(db: Db) {
  const statements = db.collection<StatementDocument>('receivables_statements');
  const customers = db.collection<CustomerDocument>('receivables_customers');

  async function insertStatements(documents: StatementDocument[]): Promise<void> {
    if (documents.length > 0) await statements.insertMany(documents, { ordered: false });
  }

  /** Takes back a statement that did not come into force, with the engineers that it would have filled in. */
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
      .batchSize(500);
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

  /** Removes statement documents of none of these statements that are older than `before`. */
  async function removeUnusedStatements(used: readonly string[], before: Date): Promise<number> {
    const old = ObjectId.createFromTime(Math.floor(before.getTime() / 1000));
    const result = await statements.deleteMany({ _id: { $lt: old } as never, s: { $nin: [...used] } });
    return result.deletedCount;
  }

  return {
    insertStatements,
    listFills,
    listStatements,
    listStatementsOf,
    removeStatements,
    removeUnusedStatements,
  };
}
