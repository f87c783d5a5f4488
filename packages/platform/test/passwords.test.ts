import { monitorEventLoopDelay } from 'node:perf_hooks';
import t from 'tap';
import { createPasswordStrength } from '../src/auth/password-strength.ts';

const strength = createPasswordStrength();
t.teardown(() => strength.close());
const about = ['Asha Rao', 'asha.rao@example.com', 'Receivables'];
const codeOf = (password: string, words: readonly string[] = about) =>
  strength.assertStrong(password, words).then(
    () => 'strong',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

t.test('36. common, short and easily guessed passwords are weak', async (t) => {
  const weak = [
    ...['', 'x', 'K7#vQx92L', 'password12', 'Password1!x', 'qwertyuiop123', '1234567890', 'iloveyou2026'],
    ...['P4ssw0rd!!', 'letmein12345', 'Summer2026!', 'Mumbai@123', 'aaaaaaaaaaaaaaaaaaaaaaaa', '11/08/1989'],
    ...['abcdefghijklmnop', 'a1b2c3'.repeat(12), 'अ'.repeat(24)],
  ];
  for (const password of weak) t.equal(await codeOf(password), 'WEAK_PASSWORD', password);
});

t.test('36. what others know of the owner counts for little', async (t) => {
  for (const password of ['asha.rao2026', 'AshaRao1990!', 'Receivables2026', 'asha.rao@example.com']) {
    t.equal(await codeOf(password), 'WEAK_PASSWORD', password);
  }
});

t.test('36. long, random and several unrelated words are strong, in any script', async (t) => {
  for (const password of [
    ...['correct horse battery', 'K7#vQx92Lm', 'paddle violet engine 42', 'दरवाज़ा नीला समुद्र कागज'],
    'Zw9!mQ2&rT7^ as long as it may be, which is up to 72 bytes and no more',
  ]) {
    t.equal(await codeOf(password), 'strong', password);
  }
});

t.test('a check of the worst input does not hold up the event loop', async (t) => {
  // The thread is there and warm; what is measured is this one.
  await codeOf('correct horse battery');
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const began = performance.now();
  await Promise.all(
    ['4m3r1c4n$'.repeat(8), 'p4ssw0rd'.repeat(9), '1'.repeat(72)].map((each) => codeOf(each)),
  );
  const took = performance.now() - began;
  delay.disable();
  // The 90th: other programs on the machine make a single delay say nothing.
  const lag = delay.percentile(90) / 1e6;
  t.ok(lag < Math.max(50, took / 4), `${Math.round(lag)} ms of ${Math.round(took)} ms`);
});

t.test('a thread that has ended is started anew, and nobody waits for it in vain', async (t) => {
  const own = createPasswordStrength();
  t.teardown(() => own.close());
  await own.assertStrong('correct horse battery', []);
  const waiting = own.assertStrong('p4ssw0rd'.repeat(9), []);
  await own.close();
  await t.rejects(waiting, /has ended/);
  await t.resolves(own.assertStrong('correct horse battery', []));
});
