import fc, { type Arbitrary } from 'fast-check';
import type { Test } from 'tap';
import type { Scenario } from './commands.ts';

/**
 * Plays that many random scenarios and fails the test with seed and path of the first that disagrees
 * (`PROPERTY_PATH` plays it again, `PROPERTY_SHRINK=1` makes it small, `PROPERTY_SHOW=1` prints it). Gives how many
 * were played; of a failure null.
 */
export async function checkScenarios(
  t: Test,
  scenarios: Arbitrary<Scenario>,
  play: (scenario: Scenario) => Promise<void>,
  { runs, seed }: { runs: number; seed: number },
): Promise<number | null> {
  const result = await fc.check(fc.asyncProperty(scenarios, play), {
    numRuns: runs,
    seed,
    ...(process.env.PROPERTY_PATH ? { path: process.env.PROPERTY_PATH } : {}),
    endOnFailure: process.env.PROPERTY_SHRINK !== '1',
  });
  if (!result.failed) {
    t.pass(`${result.numRuns} histories`);
    return result.numRuns;
  }
  t.fail(`seed ${result.seed}, path ${result.counterexamplePath}: ${result.errorInstance}`);
  if (process.env.PROPERTY_SHOW) console.error(JSON.stringify(result.counterexample, null, 1));
  return null;
}
