import { addMonths, lastDayOf, type Month } from '@backoffice/core';
import { readWorkbook } from '@backoffice/spreadsheet';
import type { RowDocument } from './firm.ts';
import { elapsed } from './measure.ts';
import type { BenchDb } from './system.ts';

/** The plain way that the product is compared with: one document a row, found by month, customer and number. */
export function plainRows(db: BenchDb) {
  const collection = db.collection<RowDocument>('rows');
  const bare = db.collection<RowDocument>('bare');

  async function empty(): Promise<void> {
    await collection.drop().catch(() => undefined);
    await bare.drop().catch(() => undefined);
    await collection.createIndex({ month: 1, customerCode: 1, invoiceNumber: 1 }, { unique: true });
    await db.createCollection('bare');
  }

  /** Milliseconds that one upsert after the other takes. */
  function upsertAll(rows: readonly RowDocument[]): Promise<number> {
    return elapsed(async () => {
      for (const row of rows) {
        const { month, customerCode, invoiceNumber, ...content } = row;
        const filter = { month, customerCode, invoiceNumber };
        await collection.updateOne(filter, { $set: content }, { upsert: true });
      }
    });
  }

  /** Milliseconds of a bulk write, into a collection without any index but that of `_id` where asked. */
  function insertAll(rows: readonly RowDocument[], indexed: boolean): Promise<number> {
    // The driver adds ids to what it is given; the rows are used again.
    const documents = rows.map((row) => ({ ...row }));
    return elapsed(() => (indexed ? collection : bare).insertMany(documents, { ordered: false }));
  }

  /**
   * The dashboard's figures of a month, added up from the rows: totals, New and Recovered against the month
   * before, counts, ages by region, six months by region.
   */
  async function aggregate(month: Month) {
    const before = addMonths(month, -1);
    const open = { status: { $ne: 'paid' } };
    const sumIf = (condition: object) => ({ $sum: { $cond: [condition, '$outstanding', 0] } });
    const age = { $subtract: [lastDayOf(month), '$date'] };
    const bounds = [-1_000_000, 30, 90, 180, 365, 1_000_000];
    const buckets = bounds.slice(1).map((upper, index) => {
      const inside = { $and: [{ $gt: [age, bounds[index]] }, { $lte: [age, upper] }] };
      return [`bucket${index}`, sumIf(inside)] as const;
    });
    const months = [-5, -4, -3, -2, -1, 0].map((offset) => addMonths(month, offset));
    const rise = { $subtract: ['$after', '$before'] };
    const [movement, customers, ages, trend] = await Promise.all([
      collection
        .aggregate([
          { $match: { month: { $in: [before, month] }, ...open } },
          {
            $group: {
              _id: { customer: '$customerCode', number: '$invoiceNumber' },
              before: sumIf({ $eq: ['$month', before] }),
              after: sumIf({ $eq: ['$month', month] }),
            },
          },
          {
            $group: {
              _id: null,
              new: { $sum: { $max: [0, rise] } },
              recovered: { $sum: { $max: [0, { $multiply: [-1, rise] }] } },
            },
          },
        ])
        .toArray(),
      collection
        .aggregate([
          { $match: { month, ...open } },
          { $group: { _id: '$customerCode' } },
          { $count: 'count' },
        ])
        .toArray(),
      collection
        .aggregate([
          { $match: { month, ...open } },
          { $group: { _id: '$region', total: { $sum: '$outstanding' }, ...Object.fromEntries(buckets) } },
        ])
        .toArray(),
      collection
        .aggregate([
          { $match: { month: { $in: months }, ...open } },
          {
            $group: {
              _id: { month: '$month', region: '$region' },
              total: { $sum: '$outstanding' },
              invoices: { $sum: 1 },
              disputed: { $sum: { $cond: [{ $eq: ['$status', 'dispute'] }, 1, 0] } },
            },
          },
        ])
        .toArray(),
    ]);
    const total = ages.reduce((sum, each) => sum + each.total, 0);
    const invoices = trend
      .filter((each) => each._id.month === month)
      .reduce((n, each) => n + each.invoices, 0);
    const { new: fresh, recovered } = movement[0]!;
    return { total, new: fresh, recovered, invoices, customers: customers[0]!.count as number };
  }

  return { empty, upsertAll, insertAll, aggregate };
}

/** Milliseconds of reading all rows of a workbook in the parsing process, without doing anything with them. */
export async function readAlone(path: string): Promise<number> {
  return elapsed(() => readWorkbook(path, { onSheet: () => 'read', onRows: () => undefined }));
}
