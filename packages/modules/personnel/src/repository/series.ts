import { type AnyBulkWriteOperation, type Collection, type Db, ObjectId } from 'mongodb';
import type { Folded, IsoDay, Reachable, RecordDocument } from '../model.ts';
import { addSeries, applyParts, type Counted, emptySeries, partsOf, type Series } from '../rollups/parts.ts';

/** What was folded in last and is not noted in every record yet. */
interface Folding {
  id: ObjectId;
  /** The record's version that was folded. */
  version: number;
  parts: string[];
}

/** What is needed of a db to read its figures. */
export type Counting = Pick<Reachable, '_id' | 'hidden_imports'>;

/** The figures of a db, materialized. `_id`: the db's id, hexadecimal. */
interface SeriesDocument extends Series {
  _id: string;
  version: number;
  folding: Folding[] | null;
  /** By import: what its untouched records come to. Counted as soon as the import is not hidden. */
  imports: Record<string, Series>;
  /** While it is made anew, readers add up the records themselves. */
  rebuilding?: true;
}

type Open = Counted & Pick<RecordDocument, 'version' | 'pristine_import' | 'folded'>;

export type SeriesRepository = ReturnType<typeof createSeriesRepository>;

/** So many records are folded in by one write. */
const batch = 1_000;
const attempts = 20;

const countedFields = {
  db_id: 1,
  status: 1,
  live: 1,
  spells: 1,
  created_at: 1,
  deleted_at: 1,
  erased: 1,
} as const;

/**
 * The figures of each db, kept beside the records. A change of a record is one write, which also notes that the
 * figures of these dbs do not hold it yet (`unfolded`). A job folds such records in, many at a time. Whoever reads
 * takes the figures and adds what is not folded: always right, and little work, since little is open.
 *
 * Folding takes two kinds of writes, the figures' and the records'. In between, the figures themselves say whose
 * parts they hold (`folding`), and whoever finds that carries on with it, so that a crash at any point leaves
 * nothing counted twice or not at all.
 *
 * An import of many records does not wait for that: its records are noted as folded from the start, and what they
 * come to stands beside the figures (`imports`) before the import is published.
 */
export function createSeriesRepository(db: Db, dayOf: (at: Date) => IsoDay) {
  const stored: Collection<SeriesDocument> = db.collection('personnel_series');
  const records: Collection<RecordDocument> = db.collection('personnel_records');

  async function find(id: string): Promise<SeriesDocument> {
    const found = await stored.findOne({ _id: id });
    return found ?? { _id: id, version: 0, folding: null, imports: {}, ...emptySeries() };
  }

  function listOpen(id: string, more: object = {}, limit = 0): Promise<Open[]> {
    const projection = { ...countedFields, version: 1, pristine_import: 1, [`folded.${id}`]: 1 };
    return records.find({ unfolded: id, ...more }, { projection, limit }).toArray() as Promise<Open[]>;
  }

  /** Those that can be folded. What is about to be taken back stays open: folding it would never come to an end. */
  function listFoldable(id: string, hidden: readonly ObjectId[]): Promise<Open[]> {
    const seen = hidden.length === 0 ? {} : { pristine_import: { $nin: [...hidden] } };
    return listOpen(id, { erasing: { $ne: true }, ...seen }, batch);
  }

  /** Notes in the records what the figures hold of them. Safe to repeat, also by who is late. */
  async function confirm(id: string, at: number, folding: readonly Folding[]): Promise<void> {
    const key = `folded.${id}`;
    const writes: AnyBulkWriteOperation<RecordDocument>[] = folding.map(({ id: _id, version, parts }) => {
      // Changed since, or about to be taken back: it stays open.
      const asFolded = { $and: [{ $eq: ['$version', version] }, { $ne: ['$erasing', true] }] };
      const rest = { $setDifference: ['$unfolded', [id]] };
      const noted: Folded = { at, parts };
      const set = { [key]: { $literal: noted }, unfolded: { $cond: [asFolded, rest, '$unfolded'] } };
      const filter = { _id, $or: [{ [key]: { $exists: false } }, { [`${key}.at`]: { $lt: at } }] };
      return { updateOne: { filter: filter as never, update: [{ $set: set }] } };
    });
    if (writes.length > 0) await records.bulkWrite(writes, { ordered: false });
    await stored.updateOne({ _id: id, version: at, folding: { $ne: null } }, { $set: { folding: null } });
  }

  async function replace(before: SeriesDocument, next: Omit<SeriesDocument, '_id'>): Promise<boolean> {
    if (before.version === 0) {
      const made = await stored.updateOne({ _id: before._id }, { $setOnInsert: next }, { upsert: true });
      return made.upsertedCount === 1;
    }
    const filter = { _id: before._id, version: before.version };
    return (await stored.replaceOne(filter, next)).matchedCount === 1;
  }

  /** Folds in up to a thousand records of a db; false when nothing was left to fold. */
  async function foldSome({ _id, hidden_imports }: Counting): Promise<boolean> {
    const id = _id.toHexString();
    const series = await find(id);
    if (series.rebuilding === true) return false;
    if (series.folding !== null) {
      await confirm(id, series.version, series.folding);
      return true;
    }
    const merged = mergeImports(series, hidden_imports);
    const open = await listFoldable(id, hidden_imports);
    if (open.length === 0 && !merged) return false;
    const folding = open.map((record) => ({
      id: record._id,
      version: record.version,
      parts: partsOf(record, id, dayOf),
    }));
    for (const [index, record] of open.entries()) {
      applyParts(series, record.folded?.[id]?.parts ?? [], -1);
      applyParts(series, folding[index]!.parts, 1);
    }
    const { days, cells, imports } = series;
    const version = series.version + 1;
    // Where somebody else was faster, it is open again next time.
    if (await replace(series, { version, days, cells, imports, folding })) {
      await confirm(id, version, folding);
    }
    return true;
  }

  /**
   * The figures where nothing is open, which is so most of the time: one question of two parts, looked into one
   * after the other. What was open before was folded when the figures were read; null where something is.
   */
  async function readClosed(id: string): Promise<SeriesDocument | null> {
    const found = await records
      .aggregate<SeriesDocument | { open: true }>([
        { $match: { unfolded: id } },
        { $limit: 1 },
        { $project: { _id: 0, open: { $literal: true } } },
        { $unionWith: { coll: 'personnel_series', pipeline: [{ $match: { _id: id } }] } },
      ])
      .toArray();
    if (found.some((each) => 'open' in each)) return null;
    const series = (found[0] as SeriesDocument | undefined) ?? (await find(id));
    return series.rebuilding === true ? null : series;
  }

  /** The figures as if added up from the records at this moment. */
  async function compute({ _id, hidden_imports }: Counting): Promise<Series> {
    const id = _id.toHexString();
    const series = emptySeries();
    const all = records.find(
      {
        $or: [{ db_id: _id }, { 'spells.db': id }],
        ...(hidden_imports.length === 0 ? {} : { pristine_import: { $nin: [...hidden_imports] } }),
      },
      { projection: countedFields },
    );
    for await (const record of all) applyParts(series, partsOf(record, id, dayOf), 1);
    return series;
  }

  return {
    foldSome,
    compute,

    /** Folds in whatever is open. */
    async fold(reachable: Counting, signal?: AbortSignal): Promise<void> {
      while (await foldSome(reachable)) signal?.throwIfAborted();
    },

    /** The figures of a db, exact at the moment of reading. */
    async read(reachable: Counting): Promise<Series> {
      const id = reachable._id.toHexString();
      const closed = await readClosed(id);
      if (closed !== null) {
        mergeImports(closed, reachable.hidden_imports);
        return { days: closed.days, cells: closed.cells };
      }
      const hidden = new Set(reachable.hidden_imports.map((each) => each.toHexString()));
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        const series = await find(id);
        if (series.rebuilding === true) return compute(reachable);
        mergeImports(series, reachable.hidden_imports);
        const folding = new Map((series.folding ?? []).map((each) => [each.id.toHexString(), each.parts]));
        for (const record of await listOpen(id)) {
          const own = record.folded?.[id];
          const noted = own !== undefined && own.at >= series.version;
          const held = noted ? own.parts : (folding.get(record._id.toHexString()) ?? own?.parts ?? []);
          const unseen = hidden.has(record.pristine_import?.toHexString() ?? '');
          applyParts(series, held, -1);
          if (!unseen) applyParts(series, partsOf(record, id, dayOf), 1);
        }
        const now = await stored.findOne({ _id: id }, { projection: { version: 1 } });
        // Folded in meanwhile: some of what was open may be in neither.
        if ((now?.version ?? 0) === series.version) return { days: series.days, cells: series.cells };
      }
      return compute(reachable);
    },

    /** Puts what an import's records come to beside the figures; before it is published. Safe to repeat. */
    async bring(id: string, importId: ObjectId, figures: Series): Promise<void> {
      await stored.updateOne(
        { _id: id },
        {
          $set: { [`imports.${importId.toHexString()}`]: figures } as never,
          $inc: { version: 1 },
          $setOnInsert: { folding: null, ...emptySeries() },
        },
        { upsert: true },
      );
    },

    /** Takes it away again: of an import that is not published and never will be. */
    async dropImport(id: string, importId: ObjectId): Promise<void> {
      const unset = { [`imports.${importId.toHexString()}`]: true };
      await stored.updateOne({ _id: id }, { $unset: unset as never, $inc: { version: 1 } });
    },

    /** Makes it part of the figures for good; before a published import is hidden to be taken back. */
    async settleImport(id: string, importId: ObjectId): Promise<void> {
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        const series = await find(id);
        const others = Object.keys(series.imports).filter((each) => each !== importId.toHexString());
        if (
          !mergeImports(
            series,
            others.map((each) => new ObjectId(each)),
          )
        )
          return;
        const { days, cells, imports, folding } = series;
        // The same folding goes on under the next version.
        if (await replace(series, { version: series.version + 1, days, cells, imports, folding })) return;
      }
      throw new Error('The figures kept moving.');
    },

    /** The stored figures alone, to be compared with what they should be. */
    async stored(id: string): Promise<Series> {
      const { days, cells } = await find(id);
      return { days, cells };
    },

    /**
     * Makes the figures of a db anew from its records. Safe to run again at any point; not while an import into the
     * db is under way, which counts its records itself.
     */
    async rebuild(reachable: Counting): Promise<void> {
      if (reachable.hidden_imports.length > 0)
        throw new Error('An import is under way; repeat this after it.');
      const id = reachable._id.toHexString();
      let { version } = await find(id);
      const begun = await stored.findOneAndUpdate(
        { _id: id },
        { $set: { rebuilding: true, folding: null, imports: {}, ...emptySeries() }, $inc: { version: 1 } },
        { upsert: true, returnDocument: 'after' },
      );
      version = begun?.version ?? version + 1;
      // Noted under this version, so that a note of an earlier folding comes too late.
      await records.updateMany(
        {
          $or: [{ db_id: reachable._id }, { 'spells.db': id }, { [`folded.${id}`]: { $exists: true } }],
        } as never,
        { $set: { [`folded.${id}`]: { at: version, parts: [] } }, $addToSet: { unfolded: id } } as never,
      );
      await stored.updateOne({ _id: id, version }, { $unset: { rebuilding: true }, $inc: { version: 1 } });
      while (await foldSome(reachable));
    },
  };
}

/** Adds the imports that are not hidden to the figures. Changes `series`; false when there was none. */
function mergeImports(series: SeriesDocument, hidden: readonly ObjectId[]): boolean {
  const unseen = new Set(hidden.map((each) => each.toHexString()));
  const visible = Object.keys(series.imports ?? {}).filter((id) => !unseen.has(id));
  for (const id of visible) {
    addSeries(series, series.imports[id]!);
    delete series.imports[id];
  }
  return visible.length > 0;
}

/** A new record of an import as one that is folded already; its parts go to the import's figures. */
export function countIn(
  record: RecordDocument,
  figures: Series,
  dayOf: (at: Date) => IsoDay,
): RecordDocument {
  const id = record.db_id.toHexString();
  const parts = partsOf(record, id, dayOf);
  applyParts(figures, parts, 1);
  return { ...record, folded: { [id]: { at: 0, parts } }, unfolded: [] };
}
