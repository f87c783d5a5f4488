import t from 'tap';
import { buildUser, listen, openPlatform, password, postJson } from './http-support.ts';

// Not before the clock of MongoDB, which removes counters whose time is over.
let now = Date.now();
const later = (seconds: number) => {
  now += seconds * 1_000;
};
const { platform, users, db } = await openPlatform(t, {
  clock: () => new Date(now),
  // So that a test can come from several addresses.
  config: { TRUST_PROXY: ['127.0.0.1'] },
});
const first = await listen(t, platform);
const second = await listen(t, platform);

async function attempt(
  email: string,
  withPassword: string,
  { address = '10.0.0.1', base = first.base } = {},
) {
  const headers = { 'x-forwarded-for': address };
  const answer = await postJson(`${base}/api/auth/login`, { email, password: withPassword }, headers);
  const body = (await answer.json()) as { code?: string };
  return { status: answer.status, code: body.code, wait: Number(answer.headers.get('retry-after')), body };
}

async function statusesOf(count: number, make: () => ReturnType<typeof attempt>): Promise<number[]> {
  const statuses: number[] = [];
  for (let nth = 0; nth < count; nth += 1) statuses.push((await make()).status);
  return statuses;
}

t.test(
  '34. ten wrong passwords: back-off for that account from that address, on every instance',
  async (t) => {
    const victim = await users.upsertUser(await buildUser());
    const colleague = await users.upsertUser(await buildUser());
    await attempt(victim.email, password, { address: '10.0.0.9' });
    const statuses = await statusesOf(10, () => attempt(victim.email, 'wrong'));
    t.same(statuses, [401, 401, 401, 401, 401, 429, 429, 429, 429, 429]);
    const refused = await attempt(victim.email, password);
    t.match(refused, { status: 429, code: 'TOO_MANY_ATTEMPTS' }, 'the right password has to wait, too');
    t.ok(refused.wait >= 1 && refused.wait <= 32, `${refused.wait} s`);
    t.equal(
      (await attempt(victim.email, password, { base: second.base })).status,
      429,
      'another process knows',
    );
    t.equal(
      (await attempt(colleague.email, password)).status,
      200,
      'a colleague at the same address signs in',
    );
    t.equal(
      (await attempt(victim.email, password, { address: '10.0.0.9' })).status,
      200,
      'the owner elsewhere, too',
    );
    t.equal((await attempt(victim.email, password)).status, 429, 'which opens nothing to the first');
    later(33);
    t.equal((await attempt(victim.email, password)).status, 200, 'after the wait');
    t.same(
      await statusesOf(4, () => attempt(victim.email, 'wrong')),
      [401, 401, 401, 401],
      'and begins anew',
    );
  },
);

t.test('34. the wait doubles up to 15 minutes and survives a restart of the API', async (t) => {
  const { email } = await users.upsertUser(await buildUser());
  await statusesOf(5, () => attempt(email, 'wrong'));
  const waits: number[] = [];
  for (let nth = 0; nth < 7; nth += 1) {
    const { status, wait } = await attempt(email, 'wrong');
    t.equal(status, 429);
    waits.push(wait);
    later(wait);
    t.equal((await attempt(email, 'wrong')).status, 401);
  }
  t.same(waits, [32, 64, 128, 256, 512, 900, 900]);
  const restarted = await listen(t, platform);
  t.equal((await attempt(email, password, { base: restarted.base })).status, 429);
});

t.test('34. of a burst of guesses no more are tried than are free', async (t) => {
  const { email } = await users.upsertUser(await buildUser());
  const bases = [first.base, second.base];
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, nth) => attempt(email, `guess ${nth}`, { base: bases[nth % 2]! })),
  );
  const tried = all.filter(({ status }) => status === 401).length;
  t.equal(tried, 5);
  t.equal(all.filter(({ status }) => status === 429).length, 45);
});

t.test('34. guesses from many addresses: strangers wait, the owner at a known place does not', async (t) => {
  const { email } = await users.upsertUser(await buildUser());
  t.equal((await attempt(email, password, { address: '10.1.0.1' })).status, 200);
  let tried = 0;
  for (let nth = 0; nth < 40; nth += 1) {
    if ((await attempt(email, 'wrong', { address: `10.2.${nth}.1` })).status === 401) tried += 1;
  }
  t.equal(tried, 30);
  t.equal((await attempt(email, password, { address: '10.3.0.1' })).status, 429, 'from a new place');
  t.equal(
    (await attempt(email, password, { address: '10.1.0.1' })).status,
    200,
    'from where the owner was before',
  );
});

t.test('34. one address over many accounts has an end, too, and it is its own', async (t) => {
  const { email } = await users.upsertUser(await buildUser());
  const statuses: number[] = [];
  for (let nth = 0; nth < 104; nth += 1) {
    statuses.push((await attempt(`somebody-${nth}@example.com`, 'wrong', { address: '10.4.0.1' })).status);
  }
  t.same([statuses.filter((status) => status === 401).length, statuses.at(-1)], [100, 429]);
  t.equal((await attempt(email, password, { address: '10.4.0.1' })).status, 429);
  t.equal((await attempt(email, password, { address: '10.4.0.2' })).status, 200);
  later(15 * 60 + 1);
  t.equal((await attempt(email, password, { address: '10.4.0.1' })).status, 200);
});

t.test('35. an unknown address is answered as a known one, also in the back-off', async (t) => {
  const { email } = await users.upsertUser(await buildUser());
  for (let nth = 0; nth < 8; nth += 1) {
    const known = await attempt(email, 'wrong', { address: '10.5.0.1' });
    const unknown = await attempt('nobody-at-all@example.com', 'wrong', { address: '10.5.0.2' });
    const bare = ({ status, code, wait, body }: typeof known) => [
      status,
      code,
      wait,
      { ...body, requestId: '' },
    ];
    t.same(bare(unknown), bare(known));
  }
});

t.test('36. a password over 72 bytes is 400 and counts for nothing', async (t) => {
  const { email } = await users.upsertUser(await buildUser());
  const long = 'ü'.repeat(37);
  t.same(await statusesOf(8, () => attempt(email, long, { address: '10.6.0.1' })), Array(8).fill(400));
  t.equal((await attempt(email, password, { address: '10.6.0.1' })).status, 200);
});

t.test('the log of sign-ins: who, from where, how it ended; nothing of what was typed', async (t) => {
  const user = await users.upsertUser(await buildUser());
  await attempt(user.email, 'wrong', { address: '10.7.0.1' });
  await attempt(user.email, password, { address: '10.7.0.1' });
  await attempt('my password by mistake', 'x', { address: '10.7.0.1' });
  const entries = await db.collection('sign_ins').find({ address: '10.7.0.1' }).sort({ _id: 1 }).toArray();
  t.same(
    entries.map(({ outcome, userId }) => [outcome, userId?.toHexString() ?? null]),
    [
      ['wrong_password', user._id.toHexString()],
      ['signed_in', user._id.toHexString()],
      ['unknown_user', null],
    ],
  );
  t.notMatch(JSON.stringify(entries), /by mistake|wrong"|battery/);
  t.equal(entries[0]!.expiresAt.getTime() - entries[0]!.at.getTime(), 180 * 86_400_000);
});
