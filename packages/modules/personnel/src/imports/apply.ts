import type { Counts } from '@backoffice/platform';
import type { ObjectId } from 'mongodb';
import type { Actor, RecordDocument } from '../model.ts';
import { type RowChange, rowId } from '../repository/imports.ts';
import { countIn } from '../repository/series.ts';
import type { PersonnelRepository } from '../repository.ts';
import { applyParts, emptySeries, type Series } from '../rollups/parts.ts';
import { decide, isSameRow } from './decide.ts';
import { existsAlready, type RecordRowError, rowError } from './row-errors.ts';
import type { ParsedRow } from './rows.ts';

export interface Applying {
  repository: PersonnelRepository;
  importId: ObjectId;
  /** When the file came in: the day from which on it counts, however often it is run. */
  at: Date;
  dbId: ObjectId;
  sheet: string;
  by: Actor;
  onExisting: 'reject' | 'update';
  /** Only says what would become of the rows. */
  dryRun: boolean;
}

export interface Applied {
  counts: Pick<Counts, 'inserted' | 'updated' | 'unchanged' | 'duplicates'>;
  /** What the inserted records come to. */
  figures: Series;
}

export function nothingApplied(): Applied {
  return { counts: { inserted: 0, updated: 0, unchanged: 0, duplicates: 0 }, figures: emptySeries() };
}

const attempts = 10;

/**
 * Applies some rows of a sheet, all of each army number among them, and adds what it did to `applied`. Gives the
 * rows that were refused. Where somebody else was faster, the rest is looked at again.
 */
export async function applyRows(
  run: Applying,
  rows: readonly ParsedRow[],
  applied: Applied,
): Promise<RecordRowError[]> {
  const { counts } = applied;
  const errors: RecordRowError[] = [];
  const refuse = (row: ParsedRow, code: 'NUMBER_EXISTS' | 'NUMBER_TWICE', more = '') => {
    const message = existsAlready(row.fields.army_number) + more;
    errors.push(rowError({ sheet: run.sheet, row: row.row, index: row.index }, row.place, code, message));
  };

  const first = new Map<string, ParsedRow>();
  for (const row of rows) {
    const before = first.get(row.key);
    if (before === undefined) first.set(row.key, row);
    else if (isSameRow(before, row)) counts.duplicates += 1;
    else refuse(row, 'NUMBER_TWICE', ` in row ${before.row} with other values. Keep one of the rows.`);
  }

  let left = [...first.values()];
  for (let attempt = 1; left.length > 0; attempt += 1) {
    const { inserts, updates, taken } = await look(run, left, applied);
    for (const row of taken) refuse(row, 'NUMBER_EXISTS');
    if (run.dryRun) {
      counts.inserted += inserts.length;
      counts.updated += updates.length;
      break;
    }
    const lost = await write(run, inserts, updates, applied);
    left = lost;
    // Somebody who changes the same records all the time: they stand, and this row does not.
    if (attempt < attempts) continue;
    for (const row of lost) refuse(row, 'NUMBER_EXISTS');
    break;
  }
  return errors;
}

interface Looked {
  inserts: ParsedRow[];
  updates: { row: ParsedRow; change: RowChange }[];
  taken: ParsedRow[];
}

async function look(
  run: Applying,
  rows: readonly ParsedRow[],
  { counts, figures }: Applied,
): Promise<Looked> {
  const { imports, dbs } = run.repository;
  const keys = rows.map((row) => row.key);
  const ids = run.dryRun ? [] : rows.map((row) => idOf(run, row));
  const [standing, own] = await Promise.all([imports.listStanding(run.dbId, keys), imports.listThere(ids)]);
  // Asked after the records: an import is hidden before its first record is there.
  const hidden = (await dbs.findAny(run.dbId))?.hidden_imports ?? [];
  const facts = {
    importId: run.importId,
    hidden: new Set(hidden.map((each) => each.toHexString())),
    onExisting: run.onExisting,
  };
  const looked: Looked = { inserts: [], updates: [], taken: [] };
  for (const row of rows) {
    const there = own.has(idOf(run, row).toHexString());
    const decision = decide(row, { found: standing.get(row.key), own: there }, facts);
    if (decision.what === 'insert') looked.inserts.push(row);
    else if (decision.what === 'update') looked.updates.push({ row, change: decision.change });
    else if (decision.what === 'exists') looked.taken.push(row);
    else {
      counts[decision.what] += 1;
      if (decision.what === 'inserted') countIn(documentOf(run, row), figures, run.repository.dayOf);
    }
  }
  return looked;
}

/** Writes, and gives the rows whose records somebody else was faster with. */
async function write(
  run: Applying,
  inserts: readonly ParsedRow[],
  updates: Looked['updates'],
  { counts, figures }: Applied,
): Promise<ParsedRow[]> {
  const { imports, dayOf } = run.repository;
  const documents = inserts.map((row) => countIn(documentOf(run, row), emptySeries(), dayOf));
  const taken = await imports.insertNew(documents);
  const changed = await imports.updateStanding(
    updates.map(({ change }) => change),
    run.importId,
    run.by,
    run.at,
  );
  const lost: ParsedRow[] = [];
  for (const [index, row] of inserts.entries()) {
    const document = documents[index]!;
    if (taken.has(document._id.toHexString())) lost.push(row);
    else {
      counts.inserted += 1;
      applyParts(figures, document.folded[run.dbId.toHexString()]!.parts, 1);
    }
  }
  for (const { row, change } of updates) {
    if (changed.has(change.found._id.toHexString())) lost.push(row);
    else counts.updated += 1;
  }
  return lost;
}

function idOf({ importId, at }: Applying, row: ParsedRow): ObjectId {
  return rowId(importId.toHexString(), at, row.index);
}

/** The record that a row makes: the same one in every run. */
function documentOf(run: Applying, row: ParsedRow): RecordDocument {
  const { repository, importId, at, dbId, by } = run;
  const fields = { middle_name: null, location: null, remark: null, ...row.fields };
  const given = { fields, db: dbId.toHexString(), status: row.status };
  return {
    ...repository.records.newDocument(given, 'imported', by, at),
    _id: idOf(run, row),
    import_id: importId,
    pristine_import: importId,
  };
}
