import { type DayNumber, isoDate } from '@backoffice/core';
import { createRandom } from '@backoffice/platform';
import type { IsoDay, PersonnelFields, Status } from '../model.ts';

/** A db of the demo. */
export interface DemoDb {
  name: string;
  short_code: string;
  description: string;
}

export const demoDbs: readonly DemoDb[] = [
  { name: 'Headquarters', short_code: 'HQ', description: 'Staff of the head office and its sections' },
  { name: 'Field Depot', short_code: 'DEPOT', description: 'Staff of the depots and workshops' },
];

/** What happened to somebody on a day; the db by its place in `demoDbs`. */
export type DemoEvent = { day: IsoDay } & ({ status: Status } | { db: number } | { left: true });

export interface DemoPerson extends PersonnelFields {
  /** Where the record was made. */
  db: number;
  events: DemoEvent[];
}

export const peopleOfDb = 200;
/** The story begins so many days before today. */
const storyDays = 730;

const surnames =
  'Adeyemi Bello Chauhan Das Eze Fernandes Gowda Hussain Ibrahim Joshi Kale Lobo Mishra Nair Okafor Pillai Qureshi Rathore Sharma Thapa Usman Verma Wagle Yadav Zachariah'.split(
    ' ',
  );
const firstNames =
  'Aisha Arjun Blessing Chinedu Deepa Emeka Farida Gopal Halima Imran Jyoti Kiran Lakshmi Manoj Neha Obinna Pooja Rahul Sunita Tunde Uma Vikram Yusuf Zara'.split(
    ' ',
  );
const ranks = ['Pte', 'LCpl', 'Cpl', 'Sgt', 'SSgt', 'WO', 'Lt', 'Capt', 'Maj'];
const rankWeights = [30, 22, 18, 12, 7, 4, 4, 2, 1];
const sectors = ['Accounts', 'Stores', 'Transport', 'Signals', 'Workshop', 'Medical'];
const places = ['Pune', 'Delhi', 'Jabalpur', 'Agra', 'Kirkee', null];
const banks = [
  { name: 'State Bank', sort_code: '011' },
  { name: 'Union Bank', sort_code: '032' },
  { name: 'Canara Bank', sort_code: '015' },
];
const changes: readonly Status[] = ['inactive', 'awol', 'posted', 'cse', 'rtu', 'death'];
const changeWeights = [20, 10, 25, 30, 12, 3];

/**
 * Four hundred people with what became of them in the two years before a day: when they came, changes of status,
 * moves from one db to the other, some who were taken off the books at the end. The same day tells the same story.
 */
export function tellPeople(today: DayNumber): DemoPerson[] {
  return demoDbs.flatMap((_, db) =>
    Array.from({ length: peopleOfDb }, (_each, index) => personAt(db, index, today)),
  );
}

function personAt(db: number, index: number, today: DayNumber): DemoPerson {
  const random = createRandom(`person ${db} ${index}`);
  const number = 10_000 + db * 5_000 + index * 7;
  const location = random.pick(places);
  const came = today - storyDays + (random.chance(0.6) ? 0 : random.whole(1, storyDays - 60));
  return {
    first_name: random.pick(firstNames),
    last_name: random.pick(surnames),
    middle_name: random.chance(0.3) ? random.pick(firstNames) : null,
    army_number: `NA/${number}`,
    // Nobody's: no number goes on with so many zeros.
    phone_number: `0800000${String(number).slice(-4)}`,
    rank: ranks[random.weighted(rankWeights)]!,
    bank: random.pick(banks),
    acct_number: `00${String(1_000_000 + number * 13)}`,
    sub_sector: random.pick(sectors),
    location,
    remark: random.chance(0.1) ? 'Papers with the records office' : null,
    db,
    events: [{ day: isoDate(came), status: 'active' }, ...eventsOf(db, came, today, random)],
  };
}

function eventsOf(
  db: number,
  came: DayNumber,
  today: DayNumber,
  random: ReturnType<typeof createRandom>,
): DemoEvent[] {
  const events: DemoEvent[] = [];
  let here = db;
  for (let day = came + random.whole(20, 300); day < today; day += random.whole(30, 400)) {
    const isAt = isoDate(day);
    if (random.chance(0.15)) {
      here = 1 - here;
      events.push({ day: isAt, db: here });
      continue;
    }
    const status = changes[random.weighted(changeWeights)]!;
    events.push({ day: isAt, status });
    if (status === 'death' || status === 'rtu') return events;
    const back = day + random.whole(10, 120);
    // Known in advance: some of them come back only after today.
    if (random.chance(0.8)) events.push({ day: isoDate(back), status: 'active' });
    if (back > today) return events;
    day = back;
  }
  if (random.chance(0.03)) events.push({ day: isoDate(today), left: true });
  return events;
}
