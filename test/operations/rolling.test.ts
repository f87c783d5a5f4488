import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { manyRows, monthAt, statement, wire } from '../contract/sheets.ts';
import { type Json, startSystem } from '../contract/support.ts';
import { type RunningProcess, startApiProcess, startWorkerProcess, until } from '../harness/processes.ts';
import { startBalancer } from './balancer.ts';

t.setTimeout(400_000);
const drainMs = 1_000;
const system = await startSystem(t, {
  env: { DRAIN_MS: String(drainMs), LOG_LEVEL: 'debug', JOB_LEASE_MS: '15000', SWEEP_EVERY_MS: '1000' },
});
const { platform, env, tokens } = system;
const month = monthAt(3);
const authorization = `Bearer ${tokens.country}`;

interface Answer {
  status: number;
  body: Json;
}

async function ask(base: string, method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { authorization, ...init.headers };
  const answer = await fetch(`${base}/api${path}`, { ...init, method, headers });
  const text = await answer.text();
  return {
    status: answer.status,
    body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
  };
}

/** Asks for the same again and again until told to stop; keeps what was not as it should be. */
function steadily(send: (nth: number) => Promise<Answer>, good: readonly number[], pauseMs: number) {
  const bad: Answer[] = [];
  let answered = 0;
  let stopped = false;
  const done = (async () => {
    for (let nth = 1; !stopped; nth += 1) {
      const answer = await send(nth).catch((error: Error) => ({
        status: 0,
        body: String(error.cause ?? error),
      }));
      if (good.includes(answer.status)) answered += 1;
      else bad.push(answer);
      await delay(pauseMs);
    }
  })();
  return {
    bad,
    answered: () => answered,
    async stop() {
      stopped = true;
      await done;
    },
  };
}

/** Ends it in order; fails where it needs longer than it may, or does not say 0. */
async function endInTime(t: Test, running: RunningProcess, mayMs: number): Promise<void> {
  const began = performance.now();
  t.equal(await running.end('SIGTERM'), 0, 'exit code 0');
  const ms = performance.now() - began;
  t.ok(ms < mayMs, `gone after ${Math.round(ms)} ms`);
}

t.test(
  '27. two APIs and two workers are replaced under load: no request and no job is lost or done twice',
  async (t) => {
    await system.take(month, manyRows(300, 'mumbai'));
    const balancer = await startBalancer(t);
    const apis: RunningProcess[] = [system.api, await startApiProcess(t, env)];
    const workers: RunningProcess[] = [system.worker, await startWorkerProcess(t, env)];
    const backends = apis.map(({ up }) => balancer.add(String(up.url)));
    await until('both to be ready', () => backends.every(({ ready }) => ready));

    const acknowledged = new Map<number, number>();
    const uploaded: string[] = [];
    const loads = [
      steadily(
        (nth) =>
          ask(balancer.url, 'GET', nth % 2 ? `/dashboard?month=${wire(month)}` : '/customers?limit=20'),
        [200],
        10,
      ),
      steadily(() => ask(balancer.url, 'GET', '/invoice-tracker'), [200], 25),
      ...[1, 2].map((writer) =>
        steadily(
          async (nth) => {
            const body = JSON.stringify({ newNotes: `note ${nth}` });
            const headers = { 'content-type': 'application/json' };
            const answer = await ask(balancer.url, 'PUT', `/customers/M${writer}/notes`, { body, headers });
            if (answer.status === 200) acknowledged.set(writer, nth);
            return answer;
          },
          [200],
          20,
        ),
      ),
      steadily(
        async (nth) => {
          const form = new FormData();
          for (const [name, value] of [
            ['month', wire(month)],
            ['confirm', 'true'],
          ])
            form.append(name!, value!);
          const bytes = await statement(month, manyRows(10 + nth, 'goa', 'G'));
          form.append('file', new Blob([new Uint8Array(bytes)]), `${nth}.xlsx`);
          const headers = nth % 2 === 0 ? { prefer: 'respond-async' } : {};
          const answer = await ask(balancer.url, 'POST', '/upload', { body: form, headers });
          if (answer.body.uploadId !== undefined) uploaded.push(answer.body.uploadId);
          return answer;
        },
        [200, 202],
        100,
      ),
    ];
    await until('some of each', () => loads.every((load) => load.answered() > 2));

    for (const nth of [0, 1]) {
      const going = apis[nth]!;
      const ended = endInTime(t, going, drainMs + 10_000);
      const ready = await until('not ready', async () => {
        const answer = await fetch(`${going.up.url}/ready`).catch(() => null);
        if (answer === null) throw new Error('It closed before it said that it is not ready.');
        return answer.status === 503 ? answer : null;
      });
      t.match(await ready.json(), { status: 'not ready', reasons: ['The process is ending.'] });
      t.equal(ready.headers.get('connection'), 'close', 'nobody keeps a connection to it');
      await ended;
      balancer.remove(backends[nth]!);
      apis[nth] = await startApiProcess(t, env);
      backends[nth] = balancer.add(String(apis[nth]!.up.url));
      await until('the new API', () => backends[nth]!.ready);
    }
    for (const nth of [0, 1]) {
      await endInTime(t, workers[nth]!, 10_000);
      workers[nth] = await startWorkerProcess(t, env);
    }
    const marks = loads.map((load) => load.answered());
    await until('more of each', () => loads.every((load, nth) => load.answered() > marks[nth]! + 2));
    for (const load of loads) await load.stop();

    t.comment(`${loads.map((load) => load.answered()).join(' + ')} requests, ${uploaded.length} uploads`);
    for (const load of loads) t.same(load.bad, []);
    const customers = await platform.db
      .collection('receivables_customers')
      .find({ notes: /^note / })
      .toArray();
    t.same(
      customers.map(({ notes }) => notes).sort(),
      [...acknowledged.values()].map((nth) => `note ${nth}`).sort(),
      'the last notes that were acknowledged',
    );
    await until('every upload', async () => {
      const open = { status: { $in: ['queued', 'processing'] } };
      return (await platform.db.collection('uploads').countDocuments(open)) === 0;
    });
    const records = await platform.db.collection('uploads').find({ 'params.month': month }).toArray();
    t.equal(records.length, uploaded.length + 1, 'each upload has one record');
    t.same(
      records.filter(({ status }) => status !== 'completed'),
      [],
    );
    const ledger = await platform.db.collection('receivables_ledger').findOne({});
    const published = (ledger as Json).imports.map((each: Json) => each.uploadId);
    t.equal(new Set(published).size, published.length, 'none is in force twice');
    t.same(
      published.toSorted(),
      records.map(({ _id }) => _id.toHexString()).toSorted(),
      'and none is missing',
    );
  },
);

t.test('29. two workers with the same schedule: each tick once', async (t) => {
  const workers = await Promise.all([startWorkerProcess(t, env), startWorkerProcess(t, env)]);
  const ticks = () =>
    workers.map(({ lines }) =>
      lines
        .filter((line) => line.includes('"job":"upload.sweep"') && line.includes('job done'))
        .map((line) => JSON.parse(line) as Json)
        // Each system has a schedule of its own.
        .filter(({ system }) => system === 'receivables')
        .map(({ jobId }) => String(jobId)),
    );
  await until(
    'twelve ticks, by both',
    () => ticks().flat().length >= 12 && ticks().every((each) => each.length > 0),
  );
  const ids = ticks().flat();
  t.equal(new Set(ids).size, ids.length, 'none was run by both');
  const times = ids.map((id) => Number(/(\d{10,})$/.exec(id)?.[1])).sort();
  const gaps = times.slice(1).map((time, nth) => time - times[nth]!);
  t.ok(
    gaps.every((gap) => gap >= 1_000),
    `not more often than every second: ${gaps}`,
  );
  for (const worker of workers) t.equal(await worker.end(), 0);
});
