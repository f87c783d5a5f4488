import { addMonths, financialYearOf } from '@backoffice/core';
import fc from 'fast-check';
import t from 'tap';
import type { Department, Figure, Filter, Scope } from '../../src/model.ts';
import { ageBuckets, departments } from '../../src/model.ts';
import { applyCommand, type Clock, type Scenario } from './commands.ts';
import { monthOf } from './events.ts';
import { agesOf, defaultMonth, monthFigures } from './figures.ts';
import { zone } from './files.ts';
import { scenarios } from './generators.ts';
import { createReference, type Reference } from './reference.ts';
import { inForce } from './standing.ts';

// What the contract promises of every firm (decisions 7, 11, 14, 24), on random ones.

const everything: Scope = { regions: null };
const whole: Filter = { region: null, department: null };
const runs = Number(process.env.REFERENCE_RUNS ?? 150);
// The suite plays the same ones every time; whoever asks for a number of them gets new ones.
const seed = Number(
  process.env.REFERENCE_SEED ?? (process.env.REFERENCE_RUNS ? Date.now() % 1_000_000_000 : 4242),
);
// Slow by design, and slower where other tests share the machine.
t.setTimeout(300_000);
t.comment(`REFERENCE_SEED=${seed} REFERENCE_RUNS=${runs}`);

function play(scenario: Scenario, afterEach?: (reference: Reference, i: number) => void): Reference {
  const clock: Clock = { at: new Date(0) };
  const reference = createReference({ now: () => clock.at, zone, engineers: scenario.engineers });
  scenario.commands.forEach((command, i) => {
    applyCommand(reference, command, clock);
    afterEach?.(reference, i);
  });
  return reference;
}

function equal(actual: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(actual) === JSON.stringify(expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function monthsToLookAt(reference: Reference): string[] {
  const newest = defaultMonth(reference.world);
  return [-2, 0].map((offset) => addMonths(newest, offset));
}

t.test(
  'Total(P) = Total(P−1) + New(P) − Recovered(P), regions and buckets add up, nothing is negative',
  async () => {
    fc.assert(
      fc.property(scenarios(), (scenario) => {
        const reference = play(scenario);
        for (const month of monthsToLookAt(reference)) {
          for (const department of [null, ...departments] as (Department | null)[]) {
            const filter = { region: null, department };
            const current = monthFigures(reference.world, filter, everything, month);
            const ages = agesOf(reference.world, filter, everything, month);
            const before = monthFigures(reference.world, filter, everything, addMonths(month, -1));
            equal(current.total, before.total + current.new - current.recovered, `total of ${month}`);
            equal([current.new >= 0, current.recovered >= 0], [true, true], 'never negative');
            const parts = scenario.regions.map((region) =>
              monthFigures(reference.world, { region, department }, everything, month),
            );
            for (const key of Object.keys(current) as (keyof typeof current)[]) {
              equal(sum(parts.map((part) => part[key])), current[key], `${key} of the regions`);
            }
            equal(sum(ages.map((row) => row.total)), current.total, 'total of the ages');
            equal(sum(ages.flatMap((row) => Object.values(row.buckets))), current.total, 'buckets');
          }
        }
      }),
      { numRuns: runs, seed },
    );
  },
);

t.test(
  'every figure is the sum of its lines; customers and history agree with the dashboard',
  { timeout: 200_000 },
  async () => {
    fc.assert(
      fc.property(scenarios(), (scenario) => {
        const reference = play(scenario);
        const { month, current, ages } = reference.dashboard(whole, everything);
        const explained = (figure: Figure) =>
          sum(reference.explain(figure, whole, everything, month).map((line) => line.amount));
        for (const figure of ['total', 'new', 'recovered', 'invoices', 'disputed', 'customers'] as const) {
          equal(explained(figure), current[figure], figure);
        }
        for (const bucket of ageBuckets) {
          equal(explained(`age:${bucket}`), sum(ages.map((row) => row.buckets[bucket])), bucket);
        }
        const running = monthOf(reference.world, reference.world.now());
        const now = monthFigures(reference.world, whole, everything, running);
        const customers = reference.customers(whole, everything, financialYearOf(running));
        equal(sum(customers.map((customer) => customer.outstanding)), now.total, 'customers');
        const histories = customers.map((customer) => reference.history(customer.code, everything)!.at(-1)!);
        equal(sum(histories.map((row) => row.new)), now.new, 'history');
      }),
      { numRuns: Math.ceil(runs / 2), seed },
    );
  },
);

t.test(
  'a dry run changes nothing; an undo at once restores all; undoing a replaced import changes nothing',
  async () => {
    fc.assert(
      fc.property(scenarios(), (scenario) => {
        const look = (reference: Reference) =>
          JSON.stringify(
            monthsToLookAt(reference).map((month) =>
              [null, 'Pump' as const].map((department) => [
                agesOf(reference.world, { region: null, department }, everything, month),
                monthFigures(reference.world, { region: null, department }, everything, month),
              ]),
            ),
          );
        let before = '';
        const clock: Clock = { at: new Date(0) };
        const reference = createReference({ now: () => clock.at, zone, engineers: scenario.engineers });
        for (const command of scenario.commands) {
          clock.at = new Date(command.at);
          const months = monthsToLookAt(reference);
          const isReplaced =
            command.type === 'undo' &&
            reference.world.imports.some(
              (imported) =>
                imported.uploadId === command.uploadId &&
                !imported.undone &&
                imported.pairs.every(
                  (pair) =>
                    inForce(reference.world, pair.region, imported.month).get(pair.department) !== imported,
                ),
            );
          before = look(reference);
          applyCommand(reference, command, clock);
          const unchanged = isReplaced || (command.type === 'import' && command.dryRun);
          if (unchanged && JSON.stringify(months) === JSON.stringify(monthsToLookAt(reference))) {
            equal(look(reference), before, `after ${command.type}`);
          }
        }
        // The newest import, undone at once.
        const last = reference.import({
          ...fixedFile,
          rows: [{ ...fixedFile.rows[0]!, region: scenario.regions[0]! }],
          month: monthsToLookAt(reference).at(-1)!,
          at: clock.at.toISOString(),
        });
        if (last.saved) {
          reference.undo(fixedFile.uploadId);
          const restored = play(scenario);
          equal(look(reference), look(restored), 'after an undo at once');
        }
      }),
      { numRuns: Math.ceil(runs / 4), seed },
    );
  },
);

const fixedFile = {
  uploadId: 'last',
  fileKey: 'last',
  rows: [
    {
      row: 2,
      code: 'C00',
      name: 'Customer',
      region: 'mumbai' as const,
      department: null,
      number: 'INV-1',
      outstanding: 77,
      invoiceAmount: null,
      date: 20_000,
      age: null,
      status: null,
      remark: null,
      notes: null,
      engineer: null,
    },
  ],
  rejected: [],
  department: null,
  covers: 'listed' as const,
  onError: 'reject_rows' as const,
  confirm: true,
  dryRun: false,
};
