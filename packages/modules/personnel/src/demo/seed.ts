import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { dayFromCivil, isoDate } from '@backoffice/core';
import type { ModuleSeed, SeedContext, SeedSession, SeedUser } from '@backoffice/platform';
import { writeWorkbook } from '@backoffice/spreadsheet';
import { recordsSheet } from '../imports/template.ts';
import { type DemoDb, type DemoPerson, demoDbs, tellPeople } from './people.ts';

/** Raise it whenever the same day would give other people: what an older version made is then left as it is. */
const demoVersion = 1;

const administrator: SeedUser = {
  armyNumber: 'ADMIN-001',
  name: 'Nandini Rangan',
  contact: '',
  membership: {
    role: 'admin',
    firstName: 'Nandini',
    lastName: 'Rangan',
    allowedDbs: [],
    accessAllDb: true,
    isGenerated: false,
  },
};
/** Reaches the depot only, once the demo has made it. */
const clerk: SeedUser = {
  armyNumber: 'CLERK-001',
  name: 'Tunde Okafor',
  contact: '',
  membership: {
    role: 'user',
    firstName: 'Tunde',
    lastName: 'Okafor',
    allowedDbs: [],
    accessAllDb: false,
    isGenerated: false,
  },
};

/** What this module hands to the seed. */
export const personnelSeed: ModuleSeed = {
  system: 'personnel',
  administrators: () => [administrator],
  demoUsers: () => [administrator, clerk],
  logins: [
    { name: 'ADMIN-001', may: 'admin, every db' },
    { name: 'CLERK-001', may: 'user, the field depot only' },
  ],
  wire: {
    credentials: (army_number, password) => ({ army_number, password }),
    dataOf: (answer) => (answer as { data: unknown }).data,
  },
  demo: seedDemo,
};

interface Listed<T> {
  data: T[];
  meta: { total: number };
}
interface ListedRecord {
  id: string;
  army_number: string;
}

/** So many changes are under way at the same time. */
const atOnce = 8;

/**
 * The demo data, as people would bring it in: two dbs, a workbook for each, then what became of everybody. Takes up
 * where it was broken off; every step may be repeated.
 */
async function seedDemo(context: SeedContext): Promise<void> {
  const { marker, say } = context;
  const state = await marker.find();
  if (state?.finished === true) return;
  if (state !== null && state.version !== demoVersion) {
    say(
      'The demo data there is of another version and stays as it is; for this one, start with an empty DATA_DIR.',
    );
    return;
  }
  const api = await context.signIn('ADMIN-001');
  if (state === null && (await api.get<Listed<unknown>>('/admin/dbs')).meta.total > 0) {
    say('There are dbs that are not demo data; no demo data was added to them.');
    return;
  }
  // A story that is under way keeps its day, so that what is uploaded again is the same file.
  const told = state?.facts.today?.split('-').map(Number);
  const today = told === undefined ? context.today : dayFromCivil(told[0]!, told[1]!, told[2]!)!;
  await marker.begin(demoVersion, { today: isoDate(today) });

  const people = tellPeople(today);
  const dbs: string[] = [];
  for (const db of demoDbs) dbs.push(await findOrMakeDb(api, db));
  await limitClerk(api, dbs[1]!);
  for (const [index, db] of demoDbs.entries()) {
    const label = `workbook ${db.short_code}`;
    if (state?.done.includes(label)) continue;
    context.progress('workbooks', index, demoDbs.length, db.name);
    await upload(
      context,
      api,
      dbs[index]!,
      db,
      people.filter((person) => person.db === index),
    );
    await marker.markDone(label);
  }
  context.progress('workbooks', demoDbs.length, demoDbs.length);
  await tellHistory(context, api, dbs, people);
  await marker.finish();
}

async function findOrMakeDb(api: SeedSession, db: DemoDb): Promise<string> {
  const { data } = await api.get<Listed<{ id: string; short_code: string }>>(
    `/admin/dbs?search=${db.short_code}`,
  );
  const there = data.find((each) => each.short_code === db.short_code);
  return there?.id ?? (await api.post<{ id: string }>('/admin/dbs', db)).id;
}

async function limitClerk(api: SeedSession, db: string): Promise<void> {
  const { data } = await api.get<Listed<{ id: string }>>(`/admin/users?search=${clerk.armyNumber}`);
  // Somebody may have removed the clerk.
  if (data[0] !== undefined) await api.patch(`/admin/users/${data[0].id}`, { allowed_dbs: [db] });
}

/** Without a status: nothing that is told later is contradicted. */
async function* rowsOf(people: readonly DemoPerson[]) {
  for (const person of people) yield { ...person, status: '' };
}

async function upload(
  { dir, signal, progress }: SeedContext,
  api: SeedSession,
  dbId: string,
  { short_code }: DemoDb,
  people: readonly DemoPerson[],
): Promise<void> {
  const path = join(dir, `records-${short_code.toLowerCase()}.xlsx`);
  await writeWorkbook(createWriteStream(path, { signal }), [recordsSheet(rowsOf(people))]);
  await api.upload('/personnels/upload', path, { db_id: dbId }, (fraction) =>
    progress('workbooks', fraction, 1, short_code),
  );
}

async function tellHistory(
  { signal, progress }: SeedContext,
  api: SeedSession,
  dbs: readonly string[],
  people: readonly DemoPerson[],
): Promise<void> {
  const ids = new Map<string, string>();
  for (const db of dbs) {
    const { data } = await api.get<Listed<ListedRecord>>(`/personnels/db/${db}?limit=500`);
    for (const { id, army_number } of data) ids.set(army_number, id);
  }
  let done = 0;
  const waiting = [...people];
  async function work(): Promise<void> {
    for (let person = waiting.shift(); person !== undefined; person = waiting.shift()) {
      signal.throwIfAborted();
      const id = ids.get(person.army_number);
      // Gone already: somebody, or the run before, has taken them off the books.
      if (id !== undefined) await tellPerson(api, dbs, id, person);
      done += 1;
      if (done % 10 === 0) progress('history', done, people.length);
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work));
  progress('history', people.length, people.length);
}

async function tellPerson(
  api: SeedSession,
  dbs: readonly string[],
  id: string,
  { events }: DemoPerson,
): Promise<void> {
  for (const event of events) {
    if ('left' in event) await api.remove(`/personnels/${id}`);
    else {
      const change = 'db' in event ? { db_id: dbs[event.db]! } : { status: event.status };
      await api.patch(`/personnels/${id}`, { ...change, effective_date: event.day });
    }
  }
}
