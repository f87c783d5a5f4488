import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { running, statement, wire } from '../contract/sheets.ts';
import { startSystem, type Who } from '../contract/support.ts';
import { fetchSchemathesis, fuzz, schemathesisFault } from './schemathesis.ts';

// The suite sends a few requests for each route and role, the same every time; `npm run fuzz` sends new ones for
// as long as it is told to.
const seconds = Number(process.env.FUZZ_SECONDS ?? 0);
const seed = Number(process.env.FUZZ_SEED ?? (seconds > 0 ? Date.now() % 2 ** 31 : 4242));
t.setTimeout((seconds + 300) * 5_000);

// biome-ignore lint/suspicious/noExplicitAny: the documentation, of which only the parameters matter here
type Document = any;

/** The documentation with some real ids among those that are made up, so that not every answer is 404. */
function withIds(document: Document, idsAt: (path: string, name: string) => readonly string[]): Document {
  const copy = structuredClone(document);
  for (const [path, methods] of Object.entries(copy.paths as Document)) {
    for (const operation of Object.values(methods as Document) as Document[]) {
      for (const parameter of operation.parameters ?? []) {
        const known = parameter.in === 'path' ? idsAt(path, parameter.name) : [];
        if (known.length > 0) parameter.schema = { anyOf: [{ enum: known }, parameter.schema] };
      }
    }
  }
  return copy;
}

const system = await startSystem(t, { env: { UPLOAD_WAIT_MS: '15000', RATE_LIMIT_PER_MINUTE: '0' } });
const { base, ids, tokens, upload, take, signIn } = system;

t.test(`no route answers 5xx or what it does not document, whoever sends what (seed ${seed})`, async (t) => {
  const unfit = await schemathesisFault();
  if (unfit !== null) return t.pass(unfit, { skip: unfit });
  const folder = await fetchSchemathesis();
  const taken = await take(running, [
    { code: 'C1', region: 'mumbai', number: 'M/1', amount: 100 },
    { code: 'C2', region: 'delhi', number: 'D/1', amount: 100 },
  ]);
  const broken = await upload(await statement(running, []), wire(running));
  t.equal(broken.status, 422);
  const uploads = [taken.uploadId, broken.body.uploadId];
  // Nobody signs in as these afterwards, whatever becomes of them.
  const people = [ids.country2, ids.mumbaiEngineer2, ids.disabled];
  const document = withIds(system.openApi, (path, name) => {
    if (name === 'invoiceNumber') return ['M/1', 'D/1'];
    if (path.includes('/customers/')) return ['C1', 'C2'];
    if (path.includes('/users/')) return people;
    return path.includes('/upload/') ? uploads : [];
  });
  const file = join(system.env.DATA_DIR!, 'openapi.json');
  writeFileSync(file, JSON.stringify(document));

  const callers: (Who | null)[] = [null, 'mumbaiEngineer', 'mumbaiManager', 'country', 'admin'];
  for (const who of callers) {
    const token = who === null ? null : tokens[who];
    const result = await fuzz(folder, { document: file, base, token, seed, seconds });
    const name = `${who ?? 'nobody'}: ${result.requests} requests`;
    if (!t.equal(result.code, 0, name)) console.error(result.output.slice(-20_000));
    t.ok(result.requests > 100, `${who ?? 'nobody'} was sent for more than a handful`);
    t.comment(name);
    t.match(await signIn('admin'), { status: 200 }, 'the system still serves');
  }
});

t.test('what was sent left no line about a fault in the logs', async (t) => {
  const faults = [...system.api.lines, ...system.worker.lines].filter((line) =>
    /"level":"(error|fatal)"/.test(line),
  );
  t.same(faults, []);
});
