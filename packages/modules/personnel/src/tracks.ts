import {
  forever,
  type IsoDay,
  type PlaceEntry,
  type Spell,
  type Status,
  type StatusEntry,
  type Tracks,
} from './model.ts';

/**
 * Where somebody is counted on which day, as pure arithmetic on days. "On a day" means at its end: who comes and
 * goes on one day was not there on any.
 */

/** A record that begins on a day. `assumed`: the status is the default and was not said. */
export function beginTracks(day: IsoDay, db: string, status: Status, assumed: boolean): Tracks {
  return {
    statuses: [assumed ? { from: day, status, assumed: true } : { from: day, status }],
    places: [{ from: day, db }],
    presence: [{ from: day, to: forever }],
  };
}

/** The status on a day; before the first entry, the first. */
export function statusOn({ statuses }: Pick<Tracks, 'statuses'>, day: IsoDay): Status {
  return (statuses.findLast(({ from }) => from <= day) ?? statuses[0]!).status;
}

/** The day of the next change of status after a day, or null. */
export function nextChangeAfter({ statuses }: Pick<Tracks, 'statuses'>, day: IsoDay): IsoDay | null {
  let current = statusOn({ statuses }, day);
  for (const { from, status } of statuses) {
    if (from <= day) continue;
    if (status !== current) return from;
    current = status;
  }
  return null;
}

/**
 * With a status from a day on, until the next entry that was made for a later day: a change that is dated back
 * corrects the past and leaves standing what is known of the time after it. Dated before the record's beginning
 * it begins the record then; the status that was only assumed gives way.
 */
export function withStatus(tracks: Tracks, day: IsoDay, status: Status): Tracks {
  const first = tracks.statuses[0]!;
  const kept = tracks.statuses.filter(
    (entry) => entry.from !== day && !(entry.assumed === true && day <= entry.from),
  );
  const statuses: StatusEntry[] = [...kept, { from: day, status }].sort((a, b) => (a.from < b.from ? -1 : 1));
  if (day >= first.from) return { ...tracks, statuses };
  const [place, ...places] = tracks.places;
  const [presence, ...later] = tracks.presence;
  // Deleted on the day of its beginning, it was there until that day.
  const longer =
    presence?.from === first.from
      ? [{ ...presence, from: day }, ...later]
      : [{ from: day, to: first.from }, ...tracks.presence];
  return { statuses, places: [{ ...place!, from: day }, ...places], presence: longer };
}

/** With a db from a day on: where the record is now. Later moves are thereby taken back. */
export function withPlace(tracks: Tracks, day: IsoDay, db: string): Tracks {
  const first = tracks.places[0]!;
  // It can't have been elsewhere before it was anywhere.
  const from = day < first.from ? first.from : day;
  const places: PlaceEntry[] = [...tracks.places.filter((entry) => entry.from < from), { from, db }];
  return { ...tracks, places };
}

/** Off the books from a day on. */
export function withDeletion(tracks: Tracks, day: IsoDay): Tracks {
  const presence = tracks.presence
    .map((entry) => (entry.to > day ? { ...entry, to: day } : entry))
    .filter(({ from, to }) => from < to);
  return { ...tracks, presence };
}

/** On the books again from a day on. */
export function withRestoration(tracks: Tracks, day: IsoDay): Tracks {
  const last = tracks.presence.at(-1);
  const joined = last !== undefined && last.to >= day;
  const presence = joined
    ? [...tracks.presence.slice(0, -1), { from: last.from, to: forever }]
    : [...tracks.presence, { from: day, to: forever }];
  return { ...tracks, presence };
}

/** What the three tracks come to: spells in order, none of no length, none that only goes on with the one before. */
export function spellsOf({ statuses, places, presence }: Tracks): Spell[] {
  const cuts = [...statuses, ...places].map(({ from }) => from);
  const spells: Spell[] = [];
  for (const { from, to } of presence) {
    const days = [...new Set([from, ...cuts.filter((day) => day > from && day < to)])].sort();
    for (const [index, start] of days.entries()) {
      const end = days[index + 1] ?? to;
      const db = (places.findLast((entry) => entry.from <= start) ?? places[0]!).db;
      const status = statusOn({ statuses }, start);
      const before = spells.at(-1);
      if (before?.db === db && before.status === status && before.to === start) before.to = end;
      else spells.push({ db, status, from: start, to: end });
    }
  }
  return spells;
}

/** When somebody was in a db at all, whatever the status. */
export function staysIn(spells: readonly Spell[], db: string): { from: IsoDay; to: IsoDay }[] {
  const stays: { from: IsoDay; to: IsoDay }[] = [];
  for (const spell of spells) {
    if (spell.db !== db) continue;
    const before = stays.at(-1);
    if (before?.to === spell.from) before.to = spell.to;
    else stays.push({ from: spell.from, to: spell.to });
  }
  return stays;
}
