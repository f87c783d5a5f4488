import t from 'tap';
import {
  assertNowhere,
  assertUnsaid,
  canary,
  canaryHeaders,
  canaryRequests,
  startCollector,
} from '../harness/canary.ts';
import { running, statement, wire } from './sheets.ts';
import { password, startSystem } from './support.ts';

const collector = await startCollector(t);
const system = await startSystem(t, { env: collector.env });
const { openApi, tokens, signIn, upload } = system;
t.setTimeout(240_000);

t.test('59. a canary in every field of every route is in no error, log, job, metric or trace', async (t) => {
  let sent = 0;
  for (const who of [null, 'country', 'admin'] as const) {
    for (const request of canaryRequests(openApi, '/api/')) {
      const { method, path, body, headers } = request;
      const given = body === undefined || method === 'GET' ? {} : { body };
      const answer = await system.call(who, method, path.slice('/api'.length), { ...given, headers });
      sent += 1;
      // One's own sign-ins may have ended by it.
      if (answer.status < 400 && who !== null) tokens[who] = (await signIn(who)).body.token;
      assertUnsaid(t, request, answer);
    }
  }
  t.ok(sent > 150, `${sent} requests`);
  await signIn('admin', canary);
  const headers = canaryHeaders;
  for (const who of ['country', 'mumbaiManager'] as const) {
    await upload(
      await statement(running, [
        {
          code: canary,
          name: canary,
          region: 'mumbai',
          number: canary,
          amount: 1,
          notes: canary,
          remark: canary,
        },
        { code: canary, name: canary, region: canary, amount: canary, date: canary },
      ]),
      wire(running),
      { who, fileName: `${canary}.xlsx`, fields: { [canary]: canary, password: canary }, headers },
    );
  }
  await upload(Buffer.from(canary), wire(running), { fileName: canary });
  const routes = { read: '/api/customers', upload: '/api/upload' };
  await assertNowhere(t, { ...system, collector, password, routes });
});
