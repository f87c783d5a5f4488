import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ApiRefusal, signIn } from '../src/seed/api-client.ts';
import { type Answer, type Call, listen } from './seed-support.ts';

const credentials = { name: 'a@example.com', password: 'secret' };
const token: Answer = { status: 200, body: { token: 'the-token' } };
const never = new AbortController().signal;

/** Gives the answers one after the other, after the sign-in; the last one again and again. */
function inTurn(...answers: Answer[]): (call: Call) => Answer {
  let next = 0;
  return ({ path }) => {
    if (path === '/auth/login') return token;
    next += 1;
    return answers[Math.min(next, answers.length) - 1]!;
  };
}

function workbook(t: Test): string {
  const path = join(t.testdir(), 'june.xlsx');
  writeFileSync(path, 'PK content');
  return path;
}

t.test('signs in once and sends the token with every call', async (t) => {
  const { base, calls } = await listen(t, inTurn({ status: 200, body: [1] }));
  const api = await signIn(base, credentials, never);
  t.same(await api.get('/customers'), [1]);
  await api.put('/customers/A%2F1/notes', { newNotes: 'x' });
  t.same(
    calls.map(({ method, path }) => `${method} ${path}`),
    ['POST /auth/login', 'GET /customers', 'PUT /customers/A%2F1/notes'],
  );
  t.same(JSON.parse(calls[0]!.body), { email: credentials.name, password: credentials.password });
  t.same(JSON.parse(calls[2]!.body), { newNotes: 'x' });
  t.equal(calls[1]!.headers.authorization, 'Bearer the-token');
});

t.test('a system that wraps its answers, and signs in by something else, says how', async (t) => {
  const { base, calls } = await listen(t, ({ path }) => ({
    status: 200,
    body: { data: path === '/auth/login' ? { token: 'wrapped' } : { path } },
  }));
  const wire = {
    credentials: (number: string, password: string) => ({ number, password }),
    dataOf: (answer: unknown) => (answer as { data: unknown }).data,
  };
  const api = await signIn(base, { name: '4711', password: 'secret', wire }, never);
  t.same(JSON.parse(calls[0]!.body), { number: '4711', password: 'secret' });
  t.same(await api.get('/x'), { path: '/x' });
  t.same(await api.post('/y', { a: 1 }), { path: '/y' });
  t.same(JSON.parse(calls[2]!.body), { a: 1 });
  t.equal(calls[2]!.headers.authorization, 'Bearer wrapped');
});

t.test('a busy API is asked again when it says so', async (t) => {
  const busy = (status: number) => ({ status, headers: { 'retry-after': '0.05' }, body: { error: 'busy' } });
  const { base, calls } = await listen(t, inTurn(busy(503), busy(429), { status: 200, body: 'done' }));
  const api = await signIn(base, credentials, never);
  t.equal(await api.get('/x'), 'done');
  t.equal(calls.length, 4);
});

t.test('a refusal is one sentence that says what was asked and why not', async (t) => {
  const { base } = await listen(
    t,
    inTurn({ status: 403, body: { error: 'Your role does not allow this.' } }),
  );
  const api = await signIn(base, credentials, never);
  await t.rejects(api.put('/x', {}), {
    name: 'ApiRefusal',
    status: 403,
    message: 'PUT /x was answered 403: Your role does not allow this.',
  });
});

t.test('an upload sends fields and file, and is followed to its end', async (t) => {
  const running = (progress: number) => ({
    status: 200,
    headers: { 'retry-after': '0.01' },
    body: { uploadId: 'u1', status: 'processing', progress },
  });
  const { base, calls } = await listen(
    t,
    inTurn({ status: 202, body: { uploadId: 'u1', status: 'queued' } }, running(0.2), running(0.7), {
      status: 200,
      body: { uploadId: 'u1', status: 'completed', progress: 1 },
    }),
  );
  const api = await signIn(base, credentials, never);
  const seen: number[] = [];
  const fields = { month: 'Jun-25', financialYear: '2025-2026' };
  const status = await api.upload('/upload', workbook(t), fields, (fraction) => seen.push(fraction));
  t.equal(status.status, 'completed');
  t.same(seen, [0, 0.2, 0.7]);
  const [, sent, ...polls] = calls;
  t.match(sent!.headers['content-type'], /^multipart\/form-data; boundary=/);
  t.match(sent!.body, /name="month"\r\n\r\nJun-25\r\n/);
  t.match(sent!.body, /name="financialYear"\r\n\r\n2025-2026\r\n/);
  t.match(sent!.body, /name="file"; filename="june.xlsx"\r\n/);
  t.match(sent!.body, /\r\n\r\nPK content\r\n/);
  t.same(new Set(polls.map(({ path }) => path)), new Set(['/upload/u1/status']));
});

t.test('an answer in the documented form, without a status, is a completed upload', async (t) => {
  const { base, calls } = await listen(t, inTurn({ status: 200, body: { count: 3, message: 'Saved' } }));
  const api = await signIn(base, credentials, never);
  const status = await api.upload('/upload', workbook(t), {}, () => undefined);
  t.equal(status.status, 'completed');
  t.equal(calls.length, 2);
});

t.test('an import that failed is a refusal with its reason', async (t) => {
  const failed = { uploadId: 'u1', status: 'failed', message: 'No header row.' };
  const { base } = await listen(t, inTurn({ status: 200, body: failed }));
  const api = await signIn(base, credentials, never);
  const refusal = api.upload('/upload', workbook(t), {}, () => undefined);
  await t.rejects(refusal, new ApiRefusal(422, 'june.xlsx was not imported: No header row.'));
});

t.test('asked to stop, nothing is waited for', async (t) => {
  const stop = new AbortController();
  const { base } = await listen(t, (call) => {
    if (call.path === '/auth/login') return token;
    // Later than the answer is there, and long before the client may ask again.
    setTimeout(() => stop.abort(), 300);
    return { status: 503, headers: { 'retry-after': '30' }, body: {} };
  });
  const api = await signIn(base, credentials, stop.signal);
  const began = performance.now();
  await t.rejects(api.get('/x'), { name: 'AbortError' });
  t.ok(performance.now() - began < 10_000, 'long before it may ask again');
});
