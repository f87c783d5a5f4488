import { permissionsOf } from '@backoffice/platform';
import { receivables } from '@backoffice/receivables';
import t from 'tap';
import { assertPermissions } from '../harness/permissions.ts';
import { running } from './sheets.ts';
import { cast, type Json, startSystem, type Who } from './support.ts';

const system = await startSystem(t, { env: { RATE_LIMIT_PER_MINUTE: '0' } });
const { call, get, take, signIn, tokens, ids } = system;
t.setTimeout(240_000);

type Role = 'Admin' | 'Country Manager' | 'Manager' | 'Engineer';
const all: readonly Role[] = ['Admin', 'Country Manager', 'Manager', 'Engineer'];
const administrators: readonly Role[] = ['Admin'];
const office: readonly Role[] = ['Admin', 'Country Manager'];

/** Who may call what (decision 27), said once more and apart from the code. A route that is missing here fails. */
const may: Record<string, readonly Role[] | 'everybody'> = {
  'POST /api/auth/login': 'everybody',
  'GET /api/auth/me': all,
  'POST /api/auth/change-password': all,
  'POST /api/auth/sign-out': all,
  'GET /api/auth/sign-ins': all,
  'GET /api/admin/users': administrators,
  'POST /api/admin/users': administrators,
  'POST /api/admin/users/admit': administrators,
  'GET /api/admin/users/{id}': administrators,
  'PATCH /api/admin/users/{id}': administrators,
  'DELETE /api/admin/users/{id}': administrators,
  'POST /api/admin/users/{id}/enable': administrators,
  'POST /api/admin/users/{id}/disable': administrators,
  'POST /api/admin/users/{id}/reset-password': administrators,
  'POST /api/admin/users/{id}/sign-out': administrators,
  'GET /api/admin/users/{id}/sign-ins': administrators,
  'GET /api/admin/sign-ins': administrators,
  'GET /api/admin/audit': administrators,
  'GET /api/admin/audit/export': administrators,
  'GET /api/admin/audit/head': administrators,
  'GET /api/dashboard': all,
  'GET /api/dashboard/recovery-trend': all,
  'GET /api/dashboard/engineer-performance': all,
  'GET /api/dashboard/explain': all,
  'GET /api/invoice-tracker': all,
  'GET /api/customers': all,
  'GET /api/customers/{id}': all,
  'GET /api/customers/{id}/history': all,
  'PUT /api/customers/{id}/remark': all,
  'PUT /api/customers/{id}/notes': all,
  'PUT /api/customers/{id}/assign-engineer': ['Admin', 'Country Manager', 'Manager'],
  'PUT /api/customers/{id}/invoices/{invoiceNumber}/dispute': all,
  'GET /api/users': all,
  'POST /api/upload': office,
  'GET /api/upload': office,
  'GET /api/upload/template': office,
  'GET /api/upload/{id}/status': office,
  'GET /api/upload/{id}/errors.xlsx': office,
  'POST /api/upload/{id}/undo': office,
};

const byRole: Record<Role, Who> = {
  ...{ Admin: 'admin', 'Country Manager': 'country' },
  ...{ Manager: 'mumbaiManager', Engineer: 'mumbaiEngineer' },
};

/** Bodies that fit, so that who may not is told so, and who may is told 404: nothing has these ids. */
const bodies: Record<string, unknown> = {
  remark: { newRemark: 'none' },
  notes: { newNotes: '' },
  'assign-engineer': { engineerName: 'Nobody' },
  dispute: { newStatus: 'unpaid' },
  'change-password': { currentPassword: 'not this one', newPassword: 'four unrelated words here' },
  'reset-password': { password: 'four unrelated words here' },
  admit: { email: 'nobody@example.com', role: 'Engineer' },
  users: {
    name: 'New',
    email: 'matrix@example.com',
    role: 'Engineer',
    password: 'four unrelated words here',
  },
};

const routes = system.documentation.routes.filter(({ path }) => path.startsWith('/api/'));
const bodyOf = (path: string) => bodies[path.split('/').at(-1)!];
const at = (path: string, id = '0123456789abcdef01234567', invoice = '1') =>
  path
    .slice(4)
    .replace('{id}', encodeURIComponent(id))
    .replace('{invoiceNumber}', encodeURIComponent(invoice));

async function ask(who: Who | null, method: string, path: string) {
  const body = ['GET', 'DELETE'].includes(method) ? undefined : bodyOf(path.split('?')[0]!);
  return call(who, method, path, body === undefined ? {} : { body });
}

t.test('40. the documentation names the permission of every route, as the table has it', async (t) => {
  assertPermissions(t, routes, system.openApi, permissionsOf(receivables), may);
});

t.test('40. each role × each route: what is answered equals the table', async (t) => {
  for (const { method, path } of routes) {
    const name = `${method} ${path}`;
    const allowed = may[name];
    if (allowed === 'everybody' || allowed === undefined) continue;
    const nobody = await ask(null, method, at(path));
    t.match(nobody, { status: 401, body: { code: 'UNAUTHENTICATED' } }, `${name} without a token`);
    t.match(nobody.headers.get('www-authenticate'), /^Bearer/);
    for (const role of all) {
      const who = byRole[role];
      const { status } = await ask(who, method, at(path));
      if (allowed.includes(role))
        t.notOk([401, 403, 405, 500].includes(status), `${role} may ${name}: ${status}`);
      else t.equal(status, 403, `${role} may not ${name}`);
      // What ends one's own sign-ins worked.
      if (path.endsWith('/sign-out') && status < 300) tokens[who] = (await signIn(who)).body.token;
    }
  }
});

const regions = ['mumbai', 'delhi'];
t.test('a statement of two regions, for what follows', async () => {
  await take(
    running,
    regions.map((region) => ({
      ...{ code: `code-${region}`, name: `Name ${region}`, region },
      ...{ number: `number-${region}`, amount: region === 'delhi' ? 7_654_321 : 100 },
    })),
  );
});

/** What nobody outside of Delhi may see, wherever it would stand. */
const ofDelhi = /code-delhi|Name delhi|number-delhi|76,?54,?321|7654321|76\.54/;

t.test('39. each route × scope: nothing of another region, in any answer', async (t) => {
  const asked = { region: 'delhi', month: '', figure: 'total' };
  for (const { method, path } of routes.filter((route) => route.method === 'GET')) {
    const operation: Json = system.openApi.paths[path]![method.toLowerCase()];
    const parameters: Json[] = (operation.parameters ?? []).filter((each: Json) => each.in === 'query');
    const needed = Object.entries(asked).filter(([name]) =>
      parameters.some(
        (each) => each.name === name && (each.required || name === 'region' || name === 'figure'),
      ),
    );
    const query = new URLSearchParams(needed.filter(([, value]) => value !== ''));
    const without = new URLSearchParams(query);
    without.delete('region');
    for (const who of ['mumbaiManager', 'mumbaiEngineer', 'noRegion'] as const) {
      for (const search of new Set([String(query), String(without)])) {
        const { body, status } = await call(who, 'GET', `${at(path, 'code-delhi')}?${search}`);
        const text = Buffer.isBuffer(body) ? body.toString('latin1') : JSON.stringify(body);
        t.notMatch(text, ofDelhi, `${who} GET ${path}?${search}: ${status}`);
      }
    }
  }
  // The same questions do show it to whom it belongs; else the above would prove nothing.
  const seen = JSON.stringify(await get('delhiManager', '/customers'));
  t.match(seen, /code-delhi/);
  t.match(JSON.stringify(await get('delhiManager', '/dashboard')), ofDelhi);
});

t.test("39. each route of an object × scope: another region is not found, one's own is", async (t) => {
  const ofCustomer = routes.filter(({ path }) => path.includes('/customers/{id}'));
  t.ok(ofCustomer.length >= 5);
  const before = await get('country', '/customers');
  for (const { method, path } of ofCustomer) {
    const there = at(path, 'code-delhi', 'number-delhi');
    for (const who of ['mumbaiManager', 'mumbaiEngineer', 'noRegion'] as const) {
      const { status, body } = await ask(who, method, there);
      const barred = may[`${method} ${path}`] as readonly Role[];
      const expected = barred.includes(cast[who].role) ? 404 : 403;
      t.same(
        [status, body.code],
        [expected, expected === 404 ? 'NOT_FOUND' : 'FORBIDDEN'],
        `${who} ${method} ${path}`,
      );
    }
    t.not((await ask('delhiManager', method, there)).status, 404, `delhiManager ${method} ${path}`);
  }
  t.same(await get('country', '/customers'), before, 'and nothing was changed');
});

t.test('40. a token of this system is worth nothing where no route takes it', async (t) => {
  t.ok(ids.admin);
  for (const path of ['/metrics', '/admin/queues']) {
    const answer = await fetch(`${system.base}${path}`);
    t.ok([401, 404, 302, 303].includes(answer.status), `${path} without signing in: ${answer.status}`);
    t.notMatch(await answer.text(), /process_cpu|Bull/);
  }
});
