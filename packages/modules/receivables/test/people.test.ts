import { createSharedReads, createUserRepository, type Person, peopleOf } from '@backoffice/platform';
import t from 'tap';
import { engineersByName, engineersOf, findEngineer } from '../src/people.ts';
import { openDatabase } from './engine.ts';

const db = await openDatabase(t);
const users = createUserRepository(db);

async function engineer(name: string) {
  const membership = { role: 'Engineer', region: 'pune', department: null };
  const email = `${name.replace(' ', '.')}@example.com`;
  const memberships = { receivables: membership };
  const user = await users.upsertUser({ name, email, contact: '', passwordHash: 'x', memberships });
  return { _id: user._id, id: user._id.toHexString() };
}

t.test('who has left keeps the name in figures, and is no engineer of a region any more', async (t) => {
  const stays = await engineer('Anil Stays');
  const disabled = await engineer('Bina Disabled');
  const removed = await engineer('Chand Removed');
  await users.updateStatus(disabled._id, 'disabled');
  await users.updateMembership(removed._id, 'receivables', null);
  await db.collection('users').updateOne({ _id: removed._id }, { $set: { status: 'removed', email: null } });

  const listEngineers = createSharedReads(db).share(
    () => peopleOf('receivables'),
    (people: Person[]) => engineersOf(people),
  );
  t.same(await listEngineers(), [
    { id: stays.id, name: 'Anil Stays', region: 'pune' },
    { id: disabled.id, name: 'Bina Disabled', region: null },
    { id: removed.id, name: 'Chand Removed', region: null },
  ]);
  const byName = await engineersByName(users);
  t.equal(byName('pune', 'anil stays'), stays.id);
  t.equal(byName('pune', 'bina disabled'), null);
  t.equal(byName('pune', 'chand removed'), null);
  for (const { id } of [disabled, removed]) {
    await t.rejects(findEngineer(users, ['pune'], { engineerId: id }), { code: 'ENGINEER_UNKNOWN' });
  }
});
