import { Writable } from 'node:stream';
import t from 'tap';
import { createLog } from '../src/log.ts';

function openLog() {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { log: createLog({ LOG_LEVEL: 'trace' }, sink), lines };
}

t.test('59. secrets and personal data are in no line, however deep and wherever they stand', async (t) => {
  const { log, lines } = openLog();
  const canary = 'canary-7f3a';
  log.info({ password: canary, user: { email: `${canary}@example.com`, name: 'Asha' } }, 'signed in');
  log.info({ a: { b: { c: { d: { Authorization: `Bearer ${canary}` } } } } });
  log.info({ list: [{ token: canary }, { passwordHash: canary }] });
  log.warn(`mail to ${canary}@example.com with Bearer ${canary}`);
  log.info({ uri: `mongodb://user:${canary}@host/db` });
  log.error({ err: new Error(`connect mongodb://user:${canary}@host failed`) }, 'away');
  const duplicate = Object.assign(new Error(`E11000 dup key: { email: "${canary}" }`), {
    keyValue: { email: canary },
    errorResponse: { query: canary },
    code: 11000,
  });
  log.error({ err: duplicate });
  log.error(new Error('outer', { cause: duplicate }));
  log.info({
    socket: new (class Socket {
      secret = canary;
    })(),
  });
  log.child({ system: 'x' }).info({ cookie: canary });
  t.equal(lines.length, 10);
  t.notMatch(lines.join(''), canary);
  t.match(lines[0], /"name":"Asha"/, 'what is harmless stays');
  t.match(lines[6], /"code":11000/);
  t.match(lines[6], /"stack":/);
  t.match(lines[7], /"cause":\{/);
  for (const line of lines) t.match(JSON.parse(line), { level: String, time: String });
});

t.test('dates, ids, numbers and what refers to itself', async (t) => {
  const { log, lines } = openLog();
  const circle: Record<string, unknown> = { n: 1, at: new Date(0), none: null };
  circle.self = circle;
  log.info({ circle, bytes: 12n.toString() }, 'said');
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'info',
    msg: 'said',
    circle: { n: 1, at: '1970-01-01T00:00:00.000Z', none: null },
  });
});
