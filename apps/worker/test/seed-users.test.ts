import { createPasswords, createUserRepository } from '@backoffice/platform';
import { receivablesSeed } from '@backoffice/receivables/demo';
import t from 'tap';
import { seedUsers } from '../src/seed/users.ts';
import { openPlatform } from './seed-support.ts';

t.setTimeout(120_000);

const { db } = await openPlatform(t);
const repository = createUserRepository(db);
const { system } = receivablesSeed;
const users = receivablesSeed.demoUsers().map((user) => ({ ...user, system }));
const password = 'the first password';
const run = (over: Partial<Parameters<typeof seedUsers>[0]> = {}) =>
  seedUsers({ db, users, password, resetPasswords: true, ...over });
const versions = async () =>
  new Map((await repository.listMembers(system)).map(({ email, tokenVersion }) => [email, tokenVersion]));

t.test('every user is created, with the membership and a password that opens the account', async (t) => {
  t.equal(await run(), users.length);
  const engineer = await repository.findByEmail('engineer.mumbai@example.com');
  t.same(engineer?.memberships, {
    receivables: { role: 'Engineer', region: 'mumbai', department: 'Batching Plant' },
  });
  t.ok(await createPasswords().matches(password, engineer!.passwordHash));
  t.match(engineer!.passwordHash, /^\$2b\$12\$/, 'at the cost that every other password has');
});

t.test('a second run changes nobody, and ends nobody’s sign-in', async (t) => {
  const before = await versions();
  const began = performance.now();
  t.equal(await run(), 0);
  // The aim is a tenth of this: one comparison of a password, and a look at every user.
  t.ok(performance.now() - began < 5_000, `${Math.round(performance.now() - began)} ms`);
  t.same(await versions(), before);
});

t.test('who has changed the password gets the printed one again, and nobody else is touched', async (t) => {
  const before = await versions();
  const user = (await repository.findByEmail('manager.delhi@example.com'))!;
  await repository.updatePassword(user._id, await createPasswords(4).hash('their own'));
  t.equal(await run(), 1);
  const after = await versions();
  t.equal(after.get(user.email), before.get(user.email)! + 2);
  after.set(user.email, before.get(user.email)!);
  t.same(after, before);
});

t.test('a user who is missing is added; a role that was changed since stays', async (t) => {
  await db.collection('users').deleteOne({ email: 'engineer2.goa@example.com' });
  const promoted = (await repository.findByEmail('engineer.goa@example.com'))!;
  await repository.updateMembership(promoted._id, system, {
    role: 'Manager',
    region: 'goa',
    department: null,
  });
  t.equal(await run(), 1);
  t.ok(await repository.findByEmail('engineer2.goa@example.com'));
  t.equal((await repository.findById(String(promoted._id)))?.memberships.receivables?.role, 'Manager');
});

t.test('whom somebody has removed does not come back', async (t) => {
  const { _id } = (await repository.findByEmail('engineer.pune@example.com'))!;
  const gone = { status: 'removed', email: null, formerEmail: 'engineer.pune@example.com', memberships: {} };
  await db.collection('users').updateOne({ _id }, { $set: gone });
  t.equal(await run(), 0);
  t.equal(await repository.findByEmail('engineer.pune@example.com'), null);
});

t.test('where passwords are not reset, a user who exists is left alone', async (t) => {
  t.equal(await run({ password: 'another password', resetPasswords: false }), 0);
  const admin = await repository.findByEmail('admin@example.com');
  t.ok(await createPasswords().matches(password, admin!.passwordHash));
});

t.test('a person of two systems is one user with two memberships', async (t) => {
  const membership = { role: 'Clerk', region: null, department: null };
  const person = { email: 'two@example.com', name: 'Two', contact: '' };
  const both = [
    { ...person, system, membership },
    { ...person, system: 'orders' as typeof system, membership },
  ];
  t.equal(await run({ users: both }), 1);
  const stored = await repository.findByEmail('two@example.com');
  t.same(Object.keys(stored!.memberships), ['receivables', 'orders']);
});

t.test(
  'who signs in by an army number needs no e-mail, and is one user however the number is written',
  async (t) => {
    const clerk = { armyNumber: 'JC 4711', name: 'Clerk', contact: '', membership: { role: 'clerk' } };
    t.equal(await run({ users: [{ ...clerk, system: 'records' }] }), 1);
    t.equal(await run({ users: [{ ...clerk, armyNumber: 'jc4711', system: 'records' }] }), 0);
    const stored = await repository.findByArmyNumber('JC4711');
    t.match(stored, { email: null, armyNumber: 'JC 4711', memberships: { records: { role: 'clerk' } } });
    const nobody = { name: 'Nobody', contact: '', membership: { role: 'clerk' }, system: 'records' };
    await t.rejects(run({ users: [nobody] }), /Nobody has nothing to sign in by/);
  },
);
