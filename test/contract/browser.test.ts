import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { until } from '../harness/processes.ts';
import { manyRows, monthAt, statement, wire } from './sheets.ts';
import { type Json, password, startSystem, type Who } from './support.ts';

const system = await startSystem(t, {
  env: { NODE_ENV: 'production', BROWSER_SESSION_MINUTES: '5', RATE_LIMIT_SIGN_IN_PER_MINUTE: '0' },
});
const { base, tokens } = system;
t.setTimeout(180_000);

const found = [process.env.CHROMIUM ?? '/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
const skip = found === undefined && 'no browser on this machine; CHROMIUM names one';
const emailOf = (who: Who) => `${who.toLowerCase()}@example.com`;
const pages = ['/admin/queues', '/docs', '/docs/json'];

/** What a browser keeps and sends, without a browser. */
function createClient() {
  const cookies = new Map<string, string>();
  async function send(path: string, init: RequestInit = {}) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(init.headers as object), ...(cookie === '' ? {} : { cookie }) };
    const answer = await fetch(`${base}${path}`, { redirect: 'manual', ...init, headers });
    for (const set of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set)!;
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return answer;
  }
  async function form(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
    const page = await (await send('/admin/sign-in')).text();
    const own = /name="form" value="([^"]+)"/.exec(page)![1]!;
    return send(path, {
      method: 'POST',
      headers: { origin: base, ...headers },
      body: new URLSearchParams({ form: own, ...fields }),
    });
  }
  const signIn = (who: Who, headers: Record<string, string> = {}, more: Record<string, string> = {}) =>
    form('/admin/sign-in', { next: '/admin/queues', email: emailOf(who), password, ...more }, headers);
  return { cookies, send, form, signIn };
}

t.test('43. /admin/queues and production /docs without rights → 401 or 404, whatever is sent', async (t) => {
  for (const path of [
    ...pages,
    '/admin/queues/api/queues',
    '/admin/queues/static/js/none.js',
    '/docs/static/x',
  ]) {
    const statusOf = async (authorization?: string) =>
      (await fetch(`${base}${path}`, { headers: authorization ? { authorization } : {} })).status;
    t.equal(await statusOf(), 401, path);
    t.equal(await statusOf('Bearer nonsense'), 401, path);
    t.equal(await statusOf(`Bearer ${tokens.mumbaiManager}`), 404, path);
    t.equal(await statusOf(`Bearer ${tokens.country}`), 404, path);
  }
  const admin = { authorization: `Bearer ${tokens.admin}` };
  for (const path of pages) t.equal((await fetch(`${base}${path}`, { headers: admin })).status, 200, path);
  const board = await createClient().send('/admin/queues', { headers: { accept: 'text/html' } });
  t.equal(board.status, 401);
  t.match(
    await board.text(),
    /<form method="post" action="\/admin\/sign-in">/,
    'a browser can sign in there',
  );
  t.match(board.headers.get('content-security-policy'), "default-src 'none'");
});

t.test('an administrator signs in for pages only; the cookie is nothing to the API', async (t) => {
  const client = createClient();
  const answer = await client.signIn('admin');
  t.match([answer.status, answer.headers.get('location')], [303, '/admin/queues']);
  const [cookie] = answer.headers.getSetCookie().filter((each) => each.includes('session'));
  t.match(
    cookie,
    /^__Host-backoffice_session=[\w.-]+; Max-Age=300; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  for (const path of [...pages, '/metrics']) t.equal((await client.send(path)).status, 200, path);
  const token = client.cookies.get('__Host-backoffice_session')!;
  t.equal((await client.send('/api/auth/me')).status, 401, 'no cookie signs in to the API');
  const asBearer = { headers: { authorization: `Bearer ${token}` } };
  t.equal((await fetch(`${base}/api/auth/me`, asBearer)).status, 401, 'another audience');
  t.equal((await fetch(`${base}/admin/queues`, asBearer)).status, 401);
  const apiToken = `__Host-backoffice_session=${tokens.admin}`;
  t.equal((await fetch(`${base}/admin/queues`, { headers: { cookie: apiToken } })).status, 401);

  const out = await client.form('/admin/sign-out', {});
  t.equal(out.status, 303);
  t.equal((await client.send('/admin/queues')).status, 401);
});

t.test('who is disabled or no administrator any more is out on the next request', async (t) => {
  const { users, ids } = system;
  const user = (await users.findById(ids.admin))!;
  const client = createClient();
  await client.signIn('admin');
  t.equal((await client.send('/admin/queues')).status, 200);
  await users.updateMembership(user._id, 'receivables', {
    role: 'Manager',
    region: 'pune',
    department: null,
  });
  t.equal((await client.send('/admin/queues')).status, 404);
  await users.updateMembership(user._id, 'receivables', user.memberships.receivables!);
  t.equal((await client.send('/admin/queues')).status, 200);
  await users.updateStatus(user._id, 'disabled');
  t.equal((await client.send('/admin/queues')).status, 401);
  await users.updateStatus(user._id, 'active');
  t.equal((await client.send('/admin/queues')).status, 401, 'older sign-ins have ended');
  tokens.admin = (await system.signIn('admin')).body.token;
});

t.test('forms of other sites, wrong passwords and managers are refused, on the page', async (t) => {
  const client = createClient();
  const refused = async (status: number, answer: Response, text: RegExp) => {
    t.equal(answer.status, status);
    t.match(await answer.text(), text);
    t.notOk(client.cookies.has('__Host-backoffice_session'));
  };
  await refused(
    403,
    await client.signIn('admin', { origin: 'https://evil.example' }),
    /was not sent from here/,
  );
  await refused(403, await client.signIn('admin', { origin: 'null' }), /was not sent from here/);
  await refused(
    403,
    await client.signIn('admin', { 'sec-fetch-site': 'cross-site' }),
    /was not sent from here/,
  );
  await refused(
    403,
    await client.signIn('admin', { 'sec-fetch-site': 'same-site' }),
    /was not sent from here/,
  );
  await refused(403, await client.signIn('admin', {}, { form: 'made-up' }), /was not sent from here/);
  await refused(401, await client.signIn('admin', {}, { password: 'wrong' }), /Invalid email or password/);
  await refused(403, await client.signIn('mumbaiManager'), /for administrators/);
  await refused(403, await client.signIn('country'), /for administrators/);
  await refused(401, await client.signIn('disabled'), /Invalid email or password/);
  await refused(400, await client.signIn('admin', {}, { role: 'Admin' }), /is not known here/);
  const odd = await client.signIn('admin', {}, { email: '"><script>alert(1)</script>', password: 'x' });
  t.notMatch(await odd.text(), '<script>');
  const elsewhere = await client.signIn('admin', {}, { next: 'https://evil.example/' });
  t.equal(elsewhere.headers.get('location'), '/admin/queues');
});

t.test('the board is to be looked at only, and shows nothing but ids', async (t) => {
  const canary = 'canary-55d1';
  const rows = manyRows(3, 'mumbai').map((row) => ({ ...row, name: `Name ${canary}` }));
  const april = monthAt(0);
  const fileName = `${canary}.xlsx`;
  t.equal((await system.upload(await statement(april, rows), wire(april), { fileName })).status, 200);
  const headers = { authorization: `Bearer ${tokens.admin}` };
  const ask = async (path: string, init: RequestInit = {}) =>
    fetch(`${base}/admin/queues/api/queues${path}`, { ...init, headers });
  const text = await (await ask('?activeQueue=receivables&status=completed&page=1&jobsPerPage=50')).text();
  const job = JSON.parse(text).queues[0].jobs.find((each: Json) => each.name === 'upload.import');
  t.same(Object.keys(job.data).sort(), ['requestId', 'uploadId']);
  for (const secret of [canary, '@example.com', 'Chitra']) t.notMatch(text, secret);
  // Nobody puts a name into a job; should somebody ever, it is not shown.
  const queue = system.platform.jobs.bullQueue('receivables');
  await queue.add('odd', { uploadId: 'an id', name: canary }, { jobId: 'odd' });
  const odd = await (await ask('/receivables/odd')).text();
  t.match(odd, '"uploadId":"an id"');
  t.notMatch(odd, canary);
  for (const path of ['/receivables/pause', '/receivables/clean/completed', `/receivables/${job.id}/retry`]) {
    t.equal((await ask(path, { method: 'PUT' })).status, 405, path);
  }
  t.equal((await ask('/receivables/add', { method: 'POST' })).status, 405);
  t.notOk(await queue.isPaused());
});

/** A page of a real browser, which tells what its policy kept it from. */
async function openPage(t: Test, browser: Browser): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  t.teardown(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) complaints.push(`asked for ${request.url()}`);
  });
  return { page, complaints };
}

async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` });
}

t.test(
  'in a real browser: sign in, the board with its jobs, the reference, sign out',
  { skip },
  async (t) => {
    const browser = await chromium.launch({
      executablePath: found!,
      args: [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
        ...['--disable-component-update', '--disable-sync'],
      ],
    });
    t.teardown(() => browser.close());
    const { page, complaints } = await openPage(t, browser);
    const signIn = async (who: Who, withPassword = password) => {
      await page.getByLabel('E-mail').fill(emailOf(who));
      await page.getByLabel('Password').fill(withPassword);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForLoadState();
    };

    await page.goto(`${base}/admin/queues`);
    await shoot(page, 'sign-in');
    await signIn('admin', 'a wrong password');
    t.match(await page.getByRole('alert').textContent(), 'Invalid email or password');
    t.equal(await page.getByLabel('E-mail').inputValue(), emailOf('admin'), 'need not be typed again');
    await shoot(page, 'wrong-password');
    await signIn('mumbaiManager');
    t.match(await page.getByRole('alert').textContent(), 'for administrators');

    // So far the browser itself has told of each refusal by its status.
    t.same(
      complaints.filter((each) => !/40[13]/.test(each)),
      [],
    );
    complaints.length = 0;
    await signIn('admin');
    t.equal(new URL(page.url()).pathname, '/admin/queues');
    await page.getByText('receivables').first().waitFor();
    await page.goto(`${base}/admin/queues/queue/receivables?status=completed`);
    await page.getByText('upload.sweep').first().waitFor();
    const upload = await system.platform.db.collection('uploads').findOne({ status: 'completed' });
    await page.goto(`${base}/admin/queues/queue/receivables/import-${upload!._id}`);
    await page.getByText('upload.import').first().waitFor();
    await shoot(page, 'board');
    await page.goto(`${base}/docs`);
    await page.getByText('/api/dashboard', { exact: true }).first().waitFor();
    await shoot(page, 'docs');
    t.same(complaints, [], 'nothing was asked of elsewhere, and nothing was refused by the policy');

    await page.goto(`${base}/admin/sign-in`);
    t.match(await page.textContent('main'), 'You are signed in as Anita Admin.');
    await shoot(page, 'signed-in');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForLoadState();
    const again = await until('an answer', () => page.goto(`${base}/admin/queues`));
    t.equal(again.status(), 401);
  },
);
