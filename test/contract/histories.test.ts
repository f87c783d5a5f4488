import { financialYearOf, isoDate, parseNamedMonth, wireMonth, wireYear } from '@backoffice/core';
import { createPasswords } from '@backoffice/platform';
import type { CellValue } from '@backoffice/spreadsheet';
import t from 'tap';
import {
  ageBuckets,
  type CustomerView,
  departments,
  type Filter,
  keyOf,
} from '../../packages/modules/receivables/src/model.ts';
import { everything, monthsAround } from '../../packages/modules/receivables/test/agreement.ts';
import { playable, sheetOf } from '../../packages/modules/receivables/test/engine.ts';
import { checkScenarios } from '../../packages/modules/receivables/test/reference/check-scenarios.ts';
import {
  applyCommand,
  type Clock,
  type Command,
  type Scenario,
} from '../../packages/modules/receivables/test/reference/commands.ts';
import { scenarios } from '../../packages/modules/receivables/test/reference/generators.ts';
import type {
  ImportInput,
  ImportOutcome,
} from '../../packages/modules/receivables/test/reference/importing.ts';
import {
  createReference,
  type Reference,
} from '../../packages/modules/receivables/test/reference/reference.ts';
import { same as sameAsReference, sorted } from '../../packages/modules/receivables/test/reference/same.ts';
import { clockedProcesses } from '../harness/clocked.ts';
import { book, zone } from './sheets.ts';
import { type Answer, figuresOf, type Json, password, startSystem } from './support.ts';

const runs = Number(process.env.CONTRACT_HISTORIES ?? 20);
// The suite plays the same histories every time; whoever asks for a number of them gets new ones.
const seed = Number(
  process.env.PROPERTY_SEED ?? (process.env.CONTRACT_HISTORIES ? Date.now() % 2 ** 31 : 4242),
);
const excelEpoch = 25_569;

t.setTimeout(1_200_000);
const { processes, setClock } = clockedProcesses('2025-01-01T00:00:00Z');
const system = await startSystem(t, { processes });
const { users, call, get, put, upload } = system;
const passwordHash = await createPasswords(4).hash(password);

/** Each upload is somebody else's: who sends the same file twice has confirmed it (decision 23). */
const office = await Promise.all(
  Array.from({ length: 24 }, async (_, nth) => {
    const email = `office${nth}@example.com`;
    const memberships = { receivables: { role: 'Country Manager', region: null, department: null } };
    await users.upsertUser({ name: `Office ${nth}`, email, passwordHash, contact: '', memberships });
    const { body } = await call(null, 'POST', '/auth/login', { body: { email, password } });
    return { authorization: `Bearer ${body.token}` };
  }),
);

const paise = (rupees: number) => Math.round(rupees * 100);
const monthOf = (text: string) => {
  const { year, month } = parseNamedMonth(text)!;
  return `${year}-${String(month).padStart(2, '0')}`;
};

/** The engineers of a scenario as users with real ids. */
async function withUsers(scenario: Scenario): Promise<Scenario> {
  const ids = new Map<string, string>();
  for (const { id, name, region } of scenario.engineers) {
    const memberships = { receivables: { role: 'Engineer', region, department: null } };
    const user = await users.upsertUser({
      name,
      email: `${id}@example.com`,
      passwordHash,
      contact: '',
      memberships,
    });
    ids.set(id, user._id.toHexString());
  }
  const engineers = scenario.engineers.map((each) => ({ ...each, id: ids.get(each.id)! }));
  const commands = scenario.commands
    // Nobody can be assigned over HTTP only by assigning somebody else.
    .filter((command) => command.type !== 'assign' || command.engineerId !== null)
    .map(
      (command): Command =>
        command.type === 'assign' ? { ...command, engineerId: ids.get(command.engineerId!)! } : command,
    );
  return { ...scenario, engineers, commands };
}

/** Plays the commands of one scenario to the system. */
function createPlayer() {
  const uploads = new Map<string, string>();
  const books = new Map<string, Buffer>();
  let nth = 0;

  async function bookOf(input: ImportInput): Promise<Buffer> {
    const key = JSON.stringify([input.fileKey, input.month, input.headerMonthDiffers]);
    const known = books.get(key);
    if (known) return known;
    const [head, ...lines] = sheetOf(input).map(({ cells }) =>
      cells.map((cell): CellValue => {
        if (cell === undefined) return null;
        if (cell.kind === 'text') return cell.text;
        if (cell.kind === 'date') return { day: cell.value - excelEpoch };
        return (cell as { value: number }).value;
      }),
    );
    const made = await book(head as string[], lines);
    books.set(key, made);
    return made;
  }

  return {
    uploads,
    async play(command: Command): Promise<Answer | null> {
      switch (command.type) {
        case 'import': {
          const { department, covers, onError, confirm, dryRun } = command;
          const fields = {
            ...{ covers, onError, confirm: String(confirm), dryRun: String(dryRun) },
            ...(department === null ? {} : { department }),
          };
          const headers = office[nth % office.length]!;
          nth += 1;
          const answer = await upload(await bookOf(command), wireMonth(command.month), { fields, headers });
          if (answer.body.uploadId) uploads.set(command.uploadId, answer.body.uploadId);
          return answer;
        }
        case 'undo':
          return call('country', 'POST', `/upload/${uploads.get(command.uploadId) ?? 'none'}/undo`);
        case 'mark': {
          const path = `/customers/${encodeURIComponent(command.code)}/invoices/${encodeURIComponent(command.number)}`;
          return put('country', `${path}/dispute`, { newStatus: command.status });
        }
        case 'assign':
          return put('country', `/customers/${command.code}/assign-engineer`, {
            engineerId: command.engineerId,
          });
        case 'remark':
          return put('country', `/customers/${command.code}/remark`, { newRemark: command.remark });
        case 'notes':
          return put('country', `/customers/${command.code}/notes`, { newNotes: command.notes });
        case 'clock':
          return null;
      }
    },
  };
}

const same = sameAsReference.bind(null, 'wire');
const byText = (a: unknown, b: unknown) => (JSON.stringify(sorted(a)) < JSON.stringify(sorted(b)) ? -1 : 1);
const moved = (row: { collected: number; assigned: number }) => row.collected !== 0 || row.assigned !== 0;

/** A dashboard of the wire in the terms of the reference. */
function dashboardOfWire(body: Json) {
  const description: string = body.kpis[0].description;
  const [, reported, standing] = /\((\d+) of (\d+) regions reported\)$/.exec(description) ?? [];
  return {
    current: figuresOf(body),
    comparedWith: body.comparedWith === null ? null : monthOf(body.comparedWith),
    standsIn: body.standsIn.map((each: Json) => ({ ...each, month: monthOf(each.month) })).sort(byText),
    reported: reported === undefined ? null : [Number(reported), Number(standing)],
    ages: body.outstandingByAge.map(({ region, total, ...buckets }: Json) => ({
      region,
      total: paise(total),
      buckets: Object.fromEntries(
        Object.entries(buckets).map(([bucket, each]) => [bucket, paise(each as number)]),
      ),
    })),
    trend: body.monthlyTrends.map(({ month, ...regions }: Json) => ({
      month: monthOf(month),
      regions: Object.fromEntries(
        Object.entries(regions).map(([region, each]) => [region, paise(each as number)]),
      ),
    })),
    recovery: body.outstandingRecoveryTrend.map((each: Json) => ({
      ...{ month: monthOf(each.month), new: paise(each.new), recovered: paise(each.recovered) },
    })),
    engineers: body.engineerPerformance
      .map((each: Json) => ({
        engineerId: each.engineerId,
        collected: paise(each.outstandingCollected),
        assigned: paise(each.newOutstandingAssigned),
      }))
      .filter(moved)
      .sort(byText),
  };
}

function dashboardOfReference(reference: Reference, filter: Filter, month: string) {
  const { current, comparedWith, standsIn, reported, standing, ages, trend, recovery, engineers } =
    reference.dashboard(filter, everything, month);
  return {
    ...{ current, comparedWith, ages, trend, recovery },
    standsIn: [...standsIn].sort(byText),
    reported: standsIn.length === 0 ? null : [reported, standing],
    engineers: engineers
      .map(({ engineerId, collected, assigned }) => ({ engineerId, collected, assigned }))
      .filter(moved)
      .sort(byText),
  };
}

const customerOfWire = (row: Json) => ({
  ...{ code: keyOf(row.customerCode), region: row.region, agePeriod: row.agePeriod ?? null },
  ...{ outstanding: paise(row.outstandingAmount), remark: row.remarks, notes: row.notes },
  engineerId: row.assignedEngineerId,
  invoices: row.invoices
    .map((each: Json) => ({
      ...{ number: keyOf(each.invoiceNumber), status: each.status, date: each.invoiceDate },
      ...{ invoiceAmount: paise(each.invoiceAmount), outstanding: paise(each.outstandingAmount) },
    }))
    .sort(byText),
});
const customerOfReference = (view: CustomerView) => ({
  ...{
    code: keyOf(view.code),
    region: view.region,
    agePeriod: view.agePeriod,
    outstanding: view.outstanding,
  },
  ...{ remark: view.remark, notes: view.notes, engineerId: view.engineerId },
  invoices: view.invoices
    .map(({ number, status, date, invoiceAmount, outstanding }) => ({
      ...{ number: keyOf(number), status, invoiceAmount, outstanding },
      date: date === null ? '' : `${isoDate(date)}T00:00:00.000Z`,
    }))
    .sort(byText),
});

/** Holds what the wire says against the reference. */
async function hold(reference: Reference, scenario: Scenario, clock: Clock): Promise<void> {
  const months = monthsAround(clock, 7);
  const filters: Filter[] = [
    { region: null, department: null },
    { region: null, department: departments[0] },
    { region: scenario.regions[0]!, department: departments[1] },
  ];
  for (const filter of filters) {
    const asked = { region: filter.region ?? 'All', department: filter.department ?? '' };
    for (const month of months) {
      const place = `${JSON.stringify(filter)} ${month}`;
      const body = await get('country', '/dashboard', { ...asked, month: wireMonth(month) });
      same(`dashboard ${place}`, dashboardOfWire(body), dashboardOfReference(reference, filter, month));
    }
    for (const year of new Set(months.map(financialYearOf))) {
      const query = { ...asked, financialYear: wireYear(year) };
      const place = `${JSON.stringify(filter)} ${year}`;
      const tracker: Json[] = await get('country', '/invoice-tracker', query);
      same(
        `tracker ${place}`,
        tracker.map((each) => ({
          ...{ month: monthOf(each.monthYear), reported: each.reported, disputed: each.disputedInvoices },
          current: [each.currentMonthInvoices, paise(each.currentMonthAmount)],
          previous: [each.previousMonthInvoices, paise(each.previousMonthAmount)],
        })),
        reference.tracker(filter, everything, year).map((row) => ({
          ...{ month: row.month, reported: row.reported, disputed: row.current.disputed },
          current: [row.current.invoices, row.current.total],
          previous: [row.previous.invoices, row.previous.total],
        })),
      );
      const rows: Json[] = await get('country', '/customers', query);
      const wanted = reference.customers(filter, everything, year);
      same(
        `customers ${place}`,
        rows.map(customerOfWire).sort(byText),
        wanted.map(customerOfReference).sort(byText),
      );
    }
  }
  const month = months.at(-2)!;
  for (const figure of [
    'total',
    'new',
    'recovered',
    'customers',
    ...ageBuckets.map((each) => `age:${each}` as const),
  ] as const) {
    const body = await get('country', '/dashboard/explain', {
      figure,
      month: wireMonth(month),
      limit: '1000',
    });
    const value = reference
      .explain(figure, filters[0]!, everything, month)
      .reduce((sum, line) => sum + line.amount, 0);
    const lines = body.lines.reduce((sum: number, line: Json) => sum + paise(line.amount), 0);
    same(`explain ${figure}`, lines, figure === 'customers' ? value * 100 : value);
    same(`explain ${figure}: the figure`, paise(body.value), lines);
  }
}

function compareImports(
  place: string,
  body: Json,
  wanted: ImportOutcome,
  uploads: Map<string, string>,
): void {
  const duplicateOf = wanted.duplicateOf === null ? null : uploads.get(wanted.duplicateOf)!;
  same(place, { counts: body.counts, duplicateOf: body.duplicateOf }, { counts: wanted.counts, duplicateOf });
  if (wanted.duplicateOf !== null) return;
  const named = body.warnings.find(
    ({ code }: Json) => code === 'PAIRS_NOT_MENTIONED' || code === 'PAIRS_EMPTIED',
  );
  const pairs = wanted.notMentioned.map(({ region, department }) => ({ region, department }));
  same(`${place}: pairs not mentioned`, (named?.details.pairs ?? []).sort(byText), pairs.sort(byText));
}

async function play(random: Scenario): Promise<void> {
  await system.clear();
  const scenario = await withUsers(random);
  const clock: Clock = { at: new Date(scenario.commands[0]?.at ?? '2025-01-01T00:00:00Z') };
  const reference = createReference({ now: () => clock.at, zone, engineers: scenario.engineers });
  const player = createPlayer();
  // Nothing may happen in a history; the processes would then stay in the time of the one before.
  await setClock(clock.at);
  for (const [index, original] of scenario.commands.entries()) {
    const command = playable(original);
    const place = `command ${index} (${command.type})`;
    await setClock(new Date(command.at));
    const answer = await player.play(command);
    if (command.type === 'assign' && answer?.body.code === 'ENGINEER_UNKNOWN') {
      // Over HTTP only engineers of the region in which the customer stands now can be chosen.
      const engineer = scenario.engineers.find(({ id }) => id === command.engineerId)!;
      const year = financialYearOf(monthsAround(clock, 1)[0]!);
      const views = reference.customers({ region: null, department: null }, everything, year);
      const found = views.find((view) => keyOf(view.code) === keyOf(command.code));
      if (found?.region === engineer.region && found.outstanding !== 0)
        throw new Error(`${place} was refused`);
      clock.at = new Date(command.at);
      continue;
    }
    const wanted = applyCommand(reference, command, clock);
    if (answer === null) continue;
    const [got, code] = [answer.body.code ?? null, wanted?.code ?? null];
    const bothRefuse = command.type === 'undo' && got !== null && code !== null;
    if (got !== code && !bothRefuse) throw new Error(`${place} answered ${got}, the reference ${code}`);
    if (command.type === 'import' && code === null) {
      compareImports(place, answer.body, wanted as ImportOutcome, player.uploads);
    }
  }
  await hold(reference, scenario, clock);
}

t.test(
  `${runs} random histories over HTTP, through the real upload, agree with the reference (seed ${seed})`,
  async (t) => {
    await checkScenarios(t, scenarios({ minSteps: 3, maxSteps: 9 }), play, { runs, seed });
  },
);
