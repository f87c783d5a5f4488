import t from 'tap';
import { running, statement, wire } from '../contract/sheets.ts';
import { startSystem } from '../contract/support.ts';
import { fuzzCallers, fuzzSeconds, fuzzSeed } from '../harness/fuzzed.ts';

t.setTimeout((fuzzSeconds + 300) * 5_000);

const system = await startSystem(t, { env: { UPLOAD_WAIT_MS: '15000', RATE_LIMIT_PER_MINUTE: '0' } });
const { ids, tokens, call, upload, take, signIn } = system;

t.test(
  `no route answers 5xx or what it does not document, whoever sends what (seed ${fuzzSeed})`,
  async (t) => {
    const taken = await take(running, [
      { code: 'C1', region: 'mumbai', number: 'M/1', amount: 100 },
      { code: 'C2', region: 'delhi', number: 'D/1', amount: 100 },
    ]);
    const broken = await upload(await statement(running, []), wire(running));
    t.equal(broken.status, 422);
    const uploads = [taken.uploadId, broken.body.uploadId];
    // Nobody signs in as these afterwards, whatever becomes of them.
    const people = [ids.country2, ids.mumbaiEngineer2, ids.disabled];
    const some = ['mumbaiEngineer', 'mumbaiManager', 'country', 'admin'] as const;
    const members = Object.fromEntries(some.map((who) => [who, { token: tokens[who], caller: ids[who] }]));
    await fuzzCallers(t, {
      ...system,
      callers: { nobody: { token: null }, ...members },
      valuesAt({ in: place, path, name }) {
        if (place !== 'path') return [];
        if (name === 'invoiceNumber') return ['M/1', 'D/1'];
        if (path.includes('/customers/')) return ['C1', 'C2'];
        if (path.includes('/users/')) return people;
        return path.includes('/upload/') ? uploads : [];
      },
      stillServes: async (t) => {
        t.match(await signIn('admin'), { status: 200 }, 'the system still serves');
        t.match(
          await call('admin', 'GET', '/auth/me'),
          { status: 200 },
          'under the token that was sent all along',
        );
      },
    });
  },
);

t.test('what was sent left no line about a fault in the logs', async (t) => {
  const faults = [...system.api.lines, ...system.worker.lines].filter((line) =>
    /"level":"(error|fatal)"/.test(line),
  );
  t.same(faults, []);
});
