import t from 'tap';
import { holdAgainst, monthsAround } from './agreement.ts';
import { createEngine, emptyDatabase, openDatabase, playable, zone } from './engine.ts';
import { checkScenarios } from './reference/check-scenarios.ts';
import { applyCommand, type Clock, type Scenario } from './reference/commands.ts';
import { scenarios } from './reference/generators.ts';
import type { ImportOutcome } from './reference/importing.ts';
import { createReference } from './reference/reference.ts';

const runs = Number(process.env.PROPERTY_RUNS ?? 300);
// The suite plays the same histories every time; whoever asks for a number of them gets new ones.
const seed = Number(process.env.PROPERTY_SEED ?? (process.env.PROPERTY_RUNS ? Date.now() % 2 ** 31 : 4242));

t.setTimeout(Math.max(900_000, runs * 10_000));
const db = await openDatabase(t);
let played = 0;

/** Plays a scenario to both; every answer must be the same, and all figures at the end and once in between. */
async function play(scenario: Scenario): Promise<void> {
  await emptyDatabase(db);
  const clock: Clock = { at: new Date(scenario.commands[0]?.at ?? 0) };
  const reference = createReference({ now: () => clock.at, zone, engineers: scenario.engineers });
  const engine = await createEngine(t, db, clock, scenario.engineers);
  const half = Math.floor(scenario.commands.length / 2);
  for (const [index, original] of scenario.commands.entries()) {
    const command = playable(original);
    const wanted = applyCommand(reference, command, clock);
    const got = await engine.apply(command);
    const place = `command ${index} (${command.type})`;
    const code = wanted?.code ?? null;
    if (got.code !== code && !bothRefuse(command.type, got.code, code)) {
      throw new Error(`${place} answered ${got.code}, the reference ${code}`);
    }
    if (command.type === 'import' && code === null)
      compareImports(place, got.result!, wanted as ImportOutcome);
    if (index === half) await holdAgainst(engine, reference, scenario, clock, monthsAround(clock, 2));
  }
  await holdAgainst(engine, reference, scenario, clock, monthsAround(clock, 8));
  played += 1;
  if (played % 100 === 0) console.error(`${played} of ${runs} histories (seed ${seed})`);
}

/** Which imports exist is the platform's to say; the module only knows those that were published. */
function bothRefuse(type: string, got: string | null, wanted: string | null): boolean {
  return type === 'undo' && got !== null && wanted !== null;
}

function compareImports(place: string, got: NonNullable<object>, wanted: ImportOutcome): void {
  const { counts, duplicateOf, warnings } = got as {
    counts: object;
    duplicateOf?: string;
    warnings: { code: string; details?: { pairs?: unknown } }[];
  };
  const seen = { counts, duplicateOf: duplicateOf ?? null };
  const should = { counts: wanted.counts, duplicateOf: wanted.duplicateOf };
  if (JSON.stringify(seen) !== JSON.stringify(should)) {
    throw new Error(`${place} gave ${JSON.stringify(seen)}, the reference ${JSON.stringify(should)}`);
  }
  if (wanted.duplicateOf !== null) return;
  const named = warnings.find((each) => each.code === 'PAIRS_NOT_MENTIONED' || each.code === 'PAIRS_EMPTIED');
  const pairs = new Set(((named?.details?.pairs ?? []) as object[]).map((each) => JSON.stringify(each)));
  const wantedPairs = wanted.notMentioned.map(({ region, department }) =>
    JSON.stringify({ region, department }),
  );
  if (pairs.size !== wantedPairs.length || !wantedPairs.every((each) => pairs.has(each))) {
    throw new Error(`${place} named the pairs ${[...pairs]}, the reference ${wantedPairs}`);
  }
}

t.test(`the engine agrees with the reference over ${runs} random histories (seed ${seed})`, async (t) => {
  const count = await checkScenarios(t, scenarios({ maxSteps: 12 }), play, { runs, seed });
  t.equal(count ?? runs, runs, 'all of them were played');
});
