import { type Status, statuses } from '../src/model.ts';

/**
 * What the figures should be, told in the plainest way: for each person one slot a day, filled in as things are
 * recorded, and counted one by one. Shares no code with the module. Days are numbers from 0.
 */

export const horizon = 260;

interface Slot {
  present: boolean;
  db: string;
  status: Status;
}

interface Person {
  begun: number;
  days: Slot[];
  /** Days of which a status was said; the first one may only be assumed. */
  said: Set<number>;
  assumed: number | null;
  live: boolean;
  here: string;
  created: number;
  deleted: number | null;
}

export type Kind = Status | 'total';
export const allKinds: readonly Kind[] = ['total', ...statuses];

export function createReference() {
  const people = new Map<string, Person>();

  function fill(person: Person, from: number, change: (slot: Slot) => void, until = horizon): void {
    for (let day = Math.max(from, 0); day < until; day += 1) change(person.days[day]!);
  }

  return {
    people,

    create(id: string, day: number, db: string, status: Status | null): void {
      const person: Person = {
        begun: day,
        days: Array.from({ length: horizon }, () => ({ present: false, db, status: status ?? 'active' })),
        said: new Set([day]),
        assumed: status === null ? day : null,
        live: true,
        here: db,
        created: day,
        deleted: null,
      };
      fill(person, day, (slot) => {
        slot.present = true;
      });
      people.set(id, person);
    },

    status(id: string, day: number, status: Status): void {
      const person = people.get(id)!;
      if (day >= person.begun && person.days[day]!.status === status) return;
      if (person.assumed !== null && day <= person.assumed) {
        person.said.delete(person.assumed);
        person.assumed = null;
      }
      const later = [...person.said].filter((each) => each > day);
      const until = later.length === 0 ? horizon : Math.min(...later);
      fill(
        person,
        day,
        (slot) => {
          slot.status = status;
        },
        until,
      );
      person.said.add(day);
      if (day >= person.begun) return;
      const { db } = person.days[person.begun]!;
      fill(
        person,
        day,
        (slot) => {
          slot.present = true;
          slot.db = db;
        },
        person.begun,
      );
      person.begun = day;
    },

    move(id: string, day: number, db: string): void {
      const person = people.get(id)!;
      if (person.here === db) return;
      fill(person, Math.max(day, person.begun), (slot) => {
        slot.db = db;
      });
      person.here = db;
    },

    remove(id: string, day: number): void {
      const person = people.get(id)!;
      fill(person, day, (slot) => {
        slot.present = false;
      });
      person.live = false;
      person.deleted = day;
    },

    restore(id: string, day: number): void {
      const person = people.get(id)!;
      fill(person, day, (slot) => {
        slot.present = true;
      });
      person.live = true;
      person.deleted = null;
    },

    forget: (id: string) => people.delete(id),

    headcount(db: string, kind: Kind, day: number): string[] {
      return [...people].filter(([, each]) => counts(each.days[day], db, kind)).map(([id]) => id);
    },

    /** One entry for each time that somebody comes or goes. */
    movements(db: string, kind: Kind, from: number, to: number): { in: string[]; out: string[] } {
      const moved: { in: string[]; out: string[] } = { in: [], out: [] };
      for (const [id, { days }] of people) {
        for (let day = from; day <= to; day += 1) {
          const [was, is] = [counts(days[day - 1], db, kind), counts(days[day], db, kind)];
          if (!was && is) moved.in.push(id);
          if (was && !is) moved.out.push(id);
        }
      }
      return moved;
    },
  };
}

function counts(slot: Slot | undefined, db: string, kind: Kind): boolean {
  return slot?.present === true && slot.db === db && (kind === 'total' || slot.status === kind);
}
