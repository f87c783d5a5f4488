import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { until } from '../harness/processes.ts';
import { monthAt, statement, wire } from './sheets.ts';
import { startSystem } from './support.ts';

/** `BURST=1000 node --import tsx test/contract/burst.test.ts` is the long form. */
const count = Number(process.env.BURST || 100);
const regions = ['mumbai', 'delhi', 'pune', 'chennai', 'goa', 'jaipur', 'kolkata', 'nagpur'];
const [april, may] = [0, 1].map(monthAt) as [string, string];

t.setTimeout(count * 3_000);
// A limit is in force, as in production.
const system = await startSystem(t, {
  env: {
    RATE_LIMIT_PER_MINUTE: String(3 * count),
    UPLOAD_WAIT_MS: '2000',
    TRUST_PROXY: '127.0.0.1',
  },
});
const { platform } = system;
const uploads = platform.db.collection('uploads');
const unfinished = () => uploads.countDocuments({ status: { $in: ['queued', 'processing'] } });

/** The most memory that a process has had, in MB. */
function peak(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

t.test(
  '28. a burst of uploads: each accepted or told when to come again, all done in the end; nothing else waits for it',
  async (t) => {
    const one = await statement(april, [{ code: 'A1', region: 'mumbai', number: 'I-1', amount: 100 }]);
    const { body: first } = await system.upload(one, wire(april));
    await until('the first import', () => uploads.findOne({ status: 'completed' }));
    const books = await Promise.all(
      Array.from({ length: count }, (_, nth) =>
        statement(may, [
          { code: `B${nth}`, region: regions[nth % regions.length]!, number: `J-${nth}`, amount: nth + 1 },
        ]),
      ),
    );
    const answersBy = new Map<number, number>();
    const before = peak(system.api.child.pid!);
    const began = performance.now();
    /** As a client should: it comes again when it is told to, with the same key. */
    const send = async (bytes: Buffer, nth: number) => {
      for (;;) {
        const headers = { 'idempotency-key': `burst-${nth}` };
        const answer = await system.upload(bytes, wire(may), { headers });
        answersBy.set(answer.status, (answersBy.get(answer.status) ?? 0) + 1);
        if (answer.status !== 429 && answer.status !== 503) return answer;
        const seconds = Number(answer.headers.get('retry-after'));
        if (!(seconds >= 1)) throw new Error(`${answer.status} without Retry-After`);
        await delay(seconds * (1_000 + 500 * Math.random()));
      }
    };
    const answers = Promise.all(books.map(send));

    const many = Math.min(count / 4, 50);
    await until('many that wait', async () => (await unfinished()) > many);
    // Somebody else, at another address: neither the limit nor the queue of the first one is theirs.
    const elsewhere = { headers: { 'x-forwarded-for': '203.0.113.5' } };
    const undo = await system.call('admin', 'POST', `/upload/${first.uploadId}/undo`, elsewhere);
    t.ok([200, 202].includes(undo.status), `the undo answered ${undo.status}`);
    await until('the undo', () => uploads.findOne({ 'undo.state': 'done' }));
    t.ok((await unfinished()) > 0, 'the undo did not wait until all imports were done');

    for (const { status, body } of await answers) {
      if (status !== 200 && status !== 202) t.fail(`answered ${status}: ${JSON.stringify(body)}`);
    }
    t.equal(await uploads.countDocuments(), count + 1, 'each once, however often it was sent');
    const answered = performance.now() - began;

    const end = Date.now() + count * 2_000;
    while ((await unfinished()) > 0 && Date.now() < end) await delay(200);
    const states = await uploads.aggregate([{ $group: { _id: '$status', count: { $sum: 1 } } }]).toArray();
    t.same(states, [{ _id: 'completed', count: count + 1 }], 'every accepted one is completed');
    const took = (performance.now() - began) / 1_000;
    const growth = peak(system.api.child.pid!) - before;
    t.ok(growth < 250, `the API grew by ${growth.toFixed(0)} MB`);
    t.ok(peak(system.worker.child.pid!) < 500, 'the worker stays small');
    t.comment(
      `${JSON.stringify([...answersBy])} answered in ${(answered / 1_000).toFixed(1)} s, done after ${took.toFixed(1)} s (${(count / took).toFixed(1)} a second); API +${growth.toFixed(0)} MB`,
    );
  },
);
