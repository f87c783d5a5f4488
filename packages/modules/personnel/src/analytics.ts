import type { IsoDay, RecordDocument, Scope } from './model.ts';
import type { RecordRepository } from './repository/records.ts';
import type { SeriesRepository } from './repository/series.ts';
import { type Flow, headcountOn, kinds, movementsIn } from './rollups/figures.ts';
import { type Kind, total } from './rollups/parts.ts';
import { staysIn } from './tracks.ts';

/** A figure, and the ids of the records behind it where they were asked for: one for each that is counted. */
export interface Figure {
  total: number;
  ids?: string[];
}

export type Headcount = Record<Kind, Figure>;
/** start + in − out = end, of each kind. Who comes twice in a period is counted, and named, twice. */
export type Movements = Record<Kind, Record<keyof Flow, Figure>>;

export interface ByDb<T> {
  /** The sums over the dbs. Who moves from one to another goes out of the one and into the other. */
  all: T;
  dbs: { db_id: string; figures: T }[];
}

export interface AnalyticsSources {
  records: RecordRepository;
  series: SeriesRepository;
}

/** How one kind of figures is read of a db, and summed over dbs. */
interface Reading<T> {
  fromSeries: (series: Awaited<ReturnType<SeriesRepository['read']>>) => T;
  fromRecords: (records: Awaited<ReturnType<RecordRepository['listCounted']>>, db: string) => T;
  from: IsoDay;
  to: IsoDay;
}

/**
 * Headcount by status at the end of a day (business time zone): of one db, or of all within the scope. Without
 * ids it is read from the figures of each db, one document; with them from the records themselves.
 */
export function headcount(
  sources: AnalyticsSources,
  scope: Scope,
  { asOf, ids, db }: { asOf: IsoDay; ids: boolean; db?: string | undefined },
): Promise<ByDb<Headcount>> {
  return read(sources, scope, db, ids, sumHeadcounts, {
    from: asOf,
    to: asOf,
    fromSeries: (series) => {
      const counts = headcountOn(series, asOf);
      return eachKind((kind) => ({ total: counts[kind] }));
    },
    fromRecords: (records, id) =>
      eachKind((kind) => figureOf(records, id, kind, ({ from, to }) => from <= asOf && asOf < to)),
  });
}

/** Who came and went from a day to another, both included, by status and by db; sources as for `headcount`. */
export function movements(
  sources: AnalyticsSources,
  scope: Scope,
  { from, to, ids, db }: { from: IsoDay; to: IsoDay; ids: boolean; db?: string | undefined },
): Promise<ByDb<Movements>> {
  const within = (day: IsoDay) => day >= from && day <= to;
  return read(sources, scope, db, ids, sumMovements, {
    from,
    to,
    fromSeries: (series) => {
      const flows = movementsIn(series, from, to);
      return eachKind((kind) => eachSide((side) => ({ total: flows[kind][side] })));
    },
    fromRecords: (records, id) =>
      eachKind((kind) => ({
        start: figureOf(records, id, kind, (stay) => stay.from < from && from <= stay.to),
        in: figureOf(records, id, kind, (stay) => within(stay.from)),
        out: figureOf(records, id, kind, (stay) => within(stay.to)),
        end: figureOf(records, id, kind, (stay) => stay.from <= to && to < stay.to),
      })),
  });
}

async function read<T>(
  { records, series }: AnalyticsSources,
  scope: Scope,
  db: string | undefined,
  ids: boolean,
  sum: (all: readonly T[], ids: boolean) => T,
  reading: Reading<T>,
): Promise<ByDb<T>> {
  const wanted =
    db === undefined ? [...scope.dbs.keys()] : [db.toLowerCase()].filter((id) => scope.dbs.has(id));
  const dbs: ByDb<T>['dbs'] = [];
  for (const db_id of wanted) {
    const figures = ids
      ? reading.fromRecords(await records.listCounted(scope, db_id, reading.from, reading.to), db_id)
      : reading.fromSeries(await series.read(scope.dbs.get(db_id)!));
    dbs.push({ db_id, figures });
  }
  return {
    all: sum(
      dbs.map(({ figures }) => figures),
      ids,
    ),
    dbs,
  };
}

type Stay = { from: IsoDay; to: IsoDay };

function figureOf(
  records: readonly Pick<RecordDocument, '_id' | 'spells'>[],
  db: string,
  kind: Kind,
  counts: (stay: Stay) => boolean,
): Figure {
  const ids: string[] = [];
  for (const { _id, spells } of records) {
    const stays: Stay[] =
      kind === total
        ? staysIn(spells, db)
        : spells.filter((spell) => spell.db === db && spell.status === kind);
    for (const stay of stays) if (counts(stay)) ids.push(_id.toHexString());
  }
  return { total: ids.length, ids };
}

const sides = ['start', 'in', 'out', 'end'] as const;

function eachKind<T>(make: (kind: Kind) => T): Record<Kind, T> {
  return Object.fromEntries(kinds.map((kind) => [kind, make(kind)])) as Record<Kind, T>;
}

function eachSide<T>(make: (side: keyof Flow) => T): Record<keyof Flow, T> {
  return Object.fromEntries(sides.map((side) => [side, make(side)])) as Record<keyof Flow, T>;
}

function sumFigures(all: readonly Figure[], ids: boolean): Figure {
  const sum = all.reduce((before, { total: count }) => before + count, 0);
  return ids ? { total: sum, ids: all.flatMap((each) => each.ids ?? []) } : { total: sum };
}

function sumHeadcounts(all: readonly Headcount[], ids: boolean): Headcount {
  return eachKind((kind) =>
    sumFigures(
      all.map((each) => each[kind]),
      ids,
    ),
  );
}

function sumMovements(all: readonly Movements[], ids: boolean): Movements {
  return eachKind((kind) =>
    eachSide((side) =>
      sumFigures(
        all.map((each) => each[kind][side]),
        ids,
      ),
    ),
  );
}
