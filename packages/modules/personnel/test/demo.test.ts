import { dayFromCivil, isoDate } from '@backoffice/core';
import t from 'tap';
import { demoDbs, tellPeople } from '../src/demo/people.ts';
import { personnelSeed } from '../src/demo/seed.ts';
import { armyKey, statuses } from '../src/model.ts';

const today = dayFromCivil(2026, 11, 25)!;

t.test('the demo tells of four hundred people in two dbs over two years, the same each time', async (t) => {
  const people = tellPeople(today);
  t.same(people, tellPeople(today));
  t.equal(people.length, 400);
  t.same(
    demoDbs.map((_, db) => people.filter((person) => person.db === db).length),
    [200, 200],
  );
  t.equal(new Set(people.map((person) => armyKey(person.army_number))).size, 400);
  const begins = people.map(({ events }) => events[0]!.day).sort();
  t.equal(begins[0], isoDate(today - 730));
  const events = people.flatMap((person) => person.events);
  t.ok(events.length > 800, `${events.length} events`);
  for (const status of statuses)
    t.ok(
      events.some((event) => 'status' in event && event.status === status),
      status,
    );
  t.ok(
    events.some((event) => 'db' in event),
    'somebody moves',
  );
  t.ok(
    events.some((event) => 'left' in event),
    'somebody is taken off the books',
  );
  t.ok(
    events.some((event) => event.day > isoDate(today)),
    'something is known in advance',
  );
  // A move cannot be dated ahead, nor a deletion.
  t.notOk(events.some((event) => !('status' in event) && event.day > isoDate(today)));
  for (const { events: own } of people) {
    const days = own.map((event) => event.day);
    t.same(days, days.toSorted());
  }
});

t.test('SEED=admins makes the administrator alone, the demo a user of one db besides', async (t) => {
  const numbers = (users: readonly { armyNumber?: string }[]) => users.map(({ armyNumber }) => armyNumber);
  t.same(numbers(personnelSeed.administrators()), ['ADMIN-001']);
  t.same(numbers(personnelSeed.demoUsers()), ['ADMIN-001', 'CLERK-001']);
  t.match(personnelSeed.demoUsers()[1]!.membership, { role: 'user', allowedDbs: [], accessAllDb: false });
});
