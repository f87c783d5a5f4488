import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type FuzzRun, fetchSchemathesis, fuzz, schemathesisFault } from './schemathesis.ts';
import type { Json } from './served.ts';

// The suite sends a few requests for each route and caller, the same every time; `npm run fuzz` sends new ones for
// as long as it is told to.
export const fuzzSeconds = Number(process.env.FUZZ_SECONDS ?? 0);
export const fuzzSeed = Number(process.env.FUZZ_SEED ?? (fuzzSeconds > 0 ? Date.now() % 2 ** 31 : 4242));

/** Where in the documentation a value stands: a parameter of the path or the query, or a field of a body. */
export interface FuzzPlace {
  path: string;
  method: string;
  in: string;
  name: string;
}

export interface FuzzedSystem {
  /** Of the system that runs. */
  base: string;
  env: NodeJS.ProcessEnv;
  openApi: object;
  /** Who calls, by name. */
  callers: Readonly<Record<string, Pick<FuzzRun, 'token' | 'caller'>>>;
  /** Values that are there, to stand among those that are made up, so that not every answer is 404. */
  valuesAt: (place: FuzzPlace) => readonly unknown[];
  /** Fails where the system does not serve any more. */
  stillServes: (t: Test) => Promise<void>;
}

/** The documentation with what is there among what is made up. */
function withValues(document: Json, valuesAt: FuzzedSystem['valuesAt']): Json {
  const copy = structuredClone(document);
  for (const [path, methods] of Object.entries<Json>(copy.paths)) {
    for (const [method, operation] of Object.entries<Json>(methods)) {
      const known = (place: string, name: string, schema: Json) => {
        const values = valuesAt({ path, method, in: place, name });
        return values.length === 0 ? schema : { anyOf: [{ enum: values }, schema] };
      };
      for (const parameter of operation.parameters ?? []) {
        parameter.schema = known(parameter.in, parameter.name, parameter.schema);
      }
      for (const content of Object.values<Json>(operation.requestBody?.content ?? {})) {
        visit(content.schema, (name, schema) => known('body', name, schema));
      }
    }
  }
  return copy;
}

/** Puts others in the place of the fields of a body, at any depth. */
function visit(schema: Json, change: (name: string, schema: Json) => Json): void {
  if (typeof schema !== 'object' || schema === null) return;
  for (const each of [schema.items, ...(schema.anyOf ?? [])]) visit(each, change);
  for (const [name, each] of Object.entries(schema.properties ?? {})) {
    visit(each, change);
    schema.properties[name] = change(name, each);
  }
}

/** Sends each caller's requests, one caller after the other; fails on what `fuzz` fails on. */
export async function fuzzCallers(t: Test, system: FuzzedSystem): Promise<void> {
  const unfit = await schemathesisFault();
  if (unfit !== null) return void t.pass(unfit, { skip: unfit });
  const folder = await fetchSchemathesis();
  const file = join(system.env.DATA_DIR!, 'openapi.json');
  writeFileSync(file, JSON.stringify(withValues(system.openApi, system.valuesAt)));
  const facts = { document: file, base: system.base, seed: fuzzSeed, seconds: fuzzSeconds };
  for (const [who, caller] of Object.entries(system.callers)) {
    const result = await fuzz(folder, { ...facts, ...caller });
    const name = `${who}: ${result.requests} requests`;
    if (!t.equal(result.code, 0, name)) console.error(result.output.slice(-20_000));
    t.ok(result.requests > 100, `${who} was sent for more than a handful`);
    t.comment(name);
    await system.stillServes(t);
  }
}
