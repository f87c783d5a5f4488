import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { until } from './processes.ts';
import { monthAt, statement, wire } from './sheets.ts';
import { startSystem } from './support.ts';

/** `BURST=1000 node --import tsx test/contract/burst.test.ts` is the long form. */
const count = Number(process.env.BURST || 200);
const regions = ['mumbai', 'delhi', 'pune', 'chennai', 'goa', 'jaipur', 'kolkata', 'nagpur'];
const [april, may] = [0, 1].map(monthAt) as [string, string];

t.setTimeout(count * 3_000);
// Some of the burst run into the limit, too: what is refused must say when to come again.
const system = await startSystem(t, {
  env: {
    RATE_LIMIT_PER_MINUTE: String(Math.floor(count * 0.9)),
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
  '28. a burst of uploads: each accepted or told when to come again; nothing else waits for it',
  async (t) => {
    const first = await system.take(april, [{ code: 'A1', region: 'mumbai', number: 'I-1', amount: 100 }]);
    const books = await Promise.all(
      Array.from({ length: count }, (_, nth) =>
        statement(may, [
          { code: `B${nth}`, region: regions[nth % regions.length]!, number: `J-${nth}`, amount: nth + 1 },
        ]),
      ),
    );
    const before = peak(system.api.child.pid!);
    const began = performance.now();
    const answers = Promise.all(books.map((bytes) => system.upload(bytes, wire(may))));

    const many = Math.min(count / 4, 50);
    await until('many that wait', async () => (await unfinished()) > many);
    // Somebody else, at another address: neither the limit nor the queue of the first one is theirs.
    const elsewhere = { headers: { 'x-forwarded-for': '203.0.113.5' } };
    const undo = await system.call('admin', 'POST', `/upload/${first.uploadId}/undo`, elsewhere);
    t.ok([200, 202].includes(undo.status), `the undo answered ${undo.status}`);
    await until('the undo', () => uploads.findOne({ 'undo.state': 'done' }));
    t.ok((await unfinished()) > 0, 'the undo did not wait until all imports were done');

    const statuses = new Map<number, number>();
    for (const { status, headers } of await answers) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 429 || status === 503) t.match(headers.get('retry-after'), /^\d+$/);
      else if (status !== 200 && status !== 202) t.fail(`answered ${status}`);
    }
    const accepted = (statuses.get(200) ?? 0) + (statuses.get(202) ?? 0);
    t.ok(accepted >= count / 2, `${accepted} accepted`);
    t.equal(await uploads.countDocuments(), accepted + 1, 'no more, no less');
    const answered = performance.now() - began;

    const end = Date.now() + count * 2_000;
    while ((await unfinished()) > 0 && Date.now() < end) await delay(200);
    const states = await uploads.aggregate([{ $group: { _id: '$status', count: { $sum: 1 } } }]).toArray();
    t.same(states, [{ _id: 'completed', count: accepted + 1 }], 'every accepted one is completed');
    const took = (performance.now() - began) / 1_000;
    const growth = peak(system.api.child.pid!) - before;
    t.ok(growth < 250, `the API grew by ${growth.toFixed(0)} MB`);
    t.ok(peak(system.worker.child.pid!) < 500, 'the worker stays small');
    t.comment(
      `${JSON.stringify([...statuses])} answered in ${(answered / 1_000).toFixed(1)} s, done after ${took.toFixed(1)} s (${(accepted / took).toFixed(1)} a second); API +${growth.toFixed(0)} MB`,
    );
  },
);
