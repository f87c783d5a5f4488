import { forever, type IsoDay, type RecordDocument, type Status } from '../model.ts';
import { staysIn } from '../tracks.ts';

/** Everybody in a db, whatever the status. */
export const total = 'total';
/** What is counted: a status, or everybody. */
export type Kind = Status | typeof total;

/** In and out of a count on a day. */
export type Movement = [into: number, out: number];

/**
 * What the figures of a db are made of. `days`: day → kind → in and out, from which headcounts and movements
 * follow. `cells`: how many records are of a sort now, from which the figures of the month follow; a sort is
 * `<status>|<month of creation>`, or `deleted|<month of creation>|<month of deletion>`.
 */
export interface Series {
  days: Record<IsoDay, Partial<Record<Kind, Movement>>>;
  cells: Record<string, number>;
}

/** What of a record the figures need. */
export type Counted = Pick<
  RecordDocument,
  '_id' | 'db_id' | 'status' | 'live' | 'spells' | 'created_at' | 'deleted_at' | 'erased'
>;

export const monthOf = (at: Date, dayOf: (at: Date) => IsoDay) => dayOf(at).slice(0, 7);

/**
 * What a record adds to the figures of a db, as texts that can be kept and later be taken away again:
 * `s|<kind>|<from>|<to>` for a time in which it is counted, `c|<sort>` for what it is now.
 */
export function partsOf(record: Counted, db: string, dayOf: (at: Date) => IsoDay): string[] {
  if (record.erased === true) return [];
  const parts = record.spells
    .filter((spell) => spell.db === db)
    .map(({ status, from, to }) => `s|${status}|${from}|${to}`);
  for (const { from, to } of staysIn(record.spells, db)) parts.push(`s|${total}|${from}|${to}`);
  if (record.db_id.toHexString() !== db) return parts;
  const created = monthOf(record.created_at, dayOf);
  const sort = record.live
    ? `${record.status}|${created}`
    : `deleted|${created}|${monthOf(record.deleted_at ?? record.created_at, dayOf)}`;
  return [...parts, `c|${sort}`];
}

export const emptySeries = (): Series => ({ days: {}, cells: {} });

/** Adds parts to figures, or with −1 takes them away. Changes `series`; leaves nothing that is zero. */
export function applyParts(series: Series, parts: readonly string[], sign: 1 | -1): void {
  for (const part of parts) {
    const [mark, ...rest] = part.split('|');
    if (mark === 'c') {
      addCell(series, rest.join('|'), sign);
      continue;
    }
    const [kind, from, to] = rest as [Kind, IsoDay, IsoDay];
    move(series, from, kind, 0, sign);
    move(series, to, kind, 1, sign);
  }
}

/** Adds other figures to some. Changes `series`. */
export function addSeries(series: Series, other: Series): void {
  for (const [day, kinds] of Object.entries(other.days)) {
    for (const [kind, [into, out]] of Object.entries(kinds) as [Kind, Movement][]) {
      move(series, day, kind, 0, into);
      move(series, day, kind, 1, out);
    }
  }
  for (const [sort, count] of Object.entries(other.cells)) addCell(series, sort, count);
}

function addCell({ cells }: Series, sort: string, by: number): void {
  const count = (cells[sort] ?? 0) + by;
  if (count === 0) delete cells[sort];
  else cells[sort] = count;
}

function move(series: Series, day: IsoDay, kind: Kind, side: 0 | 1, by: number): void {
  // Who has not left has no day of leaving.
  if (day === forever) return;
  const kinds = series.days[day] ?? {};
  const movement = kinds[kind] ?? [0, 0];
  movement[side] += by;
  if (movement[0] === 0 && movement[1] === 0) delete kinds[kind];
  else kinds[kind] = movement;
  if (Object.keys(kinds).length === 0) delete series.days[day];
  else series.days[day] = kinds;
}
