import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Month, rupeesFromPaise, wireMonth } from '@backoffice/core';
import type { Services } from '@backoffice/dev-services';
import { firstStatement, nextStatement, type RowDocument, writeSheet } from './firm.ts';
import { elapsed, medianOf, mediansInTurn } from './measure.ts';
import { peakMegabytes, watchChildren } from './memory.ts';
import { plainRows, readAlone } from './rows.ts';
import { dashboardAgainstBare, lightReads, p99, type Served } from './serving.ts';
import { type BenchSystem, openDatabase, startSystem } from './system.ts';

/** A firm's two statements, as rows and as files. */
export interface Firm {
  rows: number;
  months: [Month, Month];
  statements: [RowDocument[], RowDocument[]];
  paths: [string, string];
}

/** What one run on a fresh system took: milliseconds and megabytes. */
export interface ImportRun {
  import: number;
  /** The statement of the month after, which is compared with what stands. */
  secondImport: number;
  upserts: number;
  bulk: number;
  bareBulk: number;
  read: number;
  /** A hundred rows, tried out only (`dryRun`): what a small upload waits for besides its writes. */
  few: number;
  workerMb: number;
  parserMb: number;
  /** How long light reads take (99 of 100): on an idle system, and while the second statement is imported. */
  idleReads: number;
  busyReads: number;
}

export interface ReadRun {
  dashboard: number;
  /** The dashboard of the system with fewer rows, asked in turn with this one. */
  besideDashboard: number | null;
  aggregation: number;
  customers: number;
  customersPage: number;
  served: Served;
  explain: number;
  mark: number;
}

/** How long light reads are measured on an idle system. */
const idleMs = 5_000;

interface DashboardAnswer {
  kpis: { label: string; amount?: number; count?: number }[];
}

export async function makeFirm(dir: string, rows: number, months: [Month, Month]): Promise<Firm> {
  const first = firstStatement(rows, months[0]);
  const statements: Firm['statements'] = [first, nextStatement(first, months[1])];
  const paths: Firm['paths'] = [join(dir, `${rows}-first.xlsx`), join(dir, `${rows}-next.xlsx`)];
  await writeSheet(paths[0], statements[0]);
  await writeSheet(paths[1], statements[1]);
  return { rows, months, statements, paths };
}

/** Imports a statement: from the first byte of the upload to a dashboard with the right total. */
async function importStatement(system: BenchSystem, firm: Firm, index: 0 | 1): Promise<number> {
  const month = wireMonth(firm.months[index]);
  const total = firm.statements[index].reduce((sum, row) => sum + row.outstanding, 0);
  let shown: number | undefined;
  const took = await elapsed(async () => {
    await system.upload(firm.paths[index], { month, confirm: 'true' });
    const dashboard = await system.call<DashboardAnswer>(`/dashboard?month=${month}`);
    shown = dashboard.kpis[0]?.amount;
  });
  if (shown !== rupeesFromPaise(total)) throw new Error(`${shown} is shown, not ${rupeesFromPaise(total)}.`);
  return took;
}

export interface RunOptions {
  /** A small file that is tried out first. */
  warmUp: string;
  /** How many one-by-one upserts are measured. */
  sample: number;
  /** Calls of the dashboard; 0: no reads at all. */
  reads: number;
  /** How often, and for how long, the dashboard is fired at. */
  serving: { rounds: number; seconds: number };
  /** Leaves the system running, for the caller to close. */
  keep: boolean;
  /** A system whose dashboard is asked in turn with this one's. */
  beside: BenchSystem | null;
  signal: AbortSignal;
}

/** One run: the import on a fresh system, and right after it what it is compared with. */
export async function runImport(
  services: Services,
  dir: string,
  firm: Firm,
  { warmUp, sample, reads, serving, keep, beside, signal }: RunOptions,
): Promise<{ imports: ImportRun; reads: ReadRun | null; kept: BenchSystem | null }> {
  const system = await startSystem(services, dir, signal);
  const plain = openDatabase(services, 'plain');
  let kept: BenchSystem | null = null;
  try {
    // A server that has run for a while has its code compiled and its connections open.
    const few = await medianOf(3, () =>
      system.upload(warmUp, { month: wireMonth(firm.months[0]), dryRun: 'true' }),
    );
    const watch = watchChildren(system.workerPid);
    const first = await importStatement(system, firm, 0);
    const parserMb = watch.stop();
    const workerMb = peakMegabytes(system.workerPid) ?? 0;

    const rows = plainRows(plain.db);
    await rows.empty();
    const some = firm.statements[0].slice(0, sample);
    const upserts = ((await rows.upsertAll(some)) * firm.rows) / some.length;
    await rows.empty();
    const bareBulk = await rows.insertAll(firm.statements[0], false);
    const bulk = await rows.insertAll(firm.statements[0], true);
    const read = await readAlone(firm.paths[0]);

    const light = ['/auth/me', `/dashboard?month=${wireMonth(firm.months[0])}`];
    const idleReads = p99(await lightReads(system, light, delay(idleMs)));
    const importing = importStatement(system, firm, 1);
    const busyReads = p99(await lightReads(system, light, importing));
    const secondImport = await importing;
    const plainTimes = { upserts, bulk, bareBulk, read };
    const imports = {
      import: first,
      secondImport,
      ...plainTimes,
      few,
      workerMb,
      parserMb,
      idleReads,
      busyReads,
    };
    if (reads === 0) return { imports, reads: null, kept };
    await rows.insertAll(firm.statements[1], true);
    const result = { imports, reads: await runReads(system, firm, rows, reads, beside, { serving, signal }) };
    if (keep) kept = system;
    return { ...result, kept };
  } finally {
    if (kept === null) await system.close();
    await plain.close();
  }
}

async function runReads(
  system: BenchSystem,
  firm: Firm,
  rows: ReturnType<typeof plainRows>,
  runs: number,
  beside: BenchSystem | null,
  { serving, signal }: Pick<RunOptions, 'serving' | 'signal'>,
): Promise<ReadRun> {
  const month = wireMonth(firm.months[1]);
  await assertSame(system, firm, rows);
  const few = Math.max(1, Math.ceil(runs / 20));
  const served = await dashboardAgainstBare(system, `/dashboard?month=${month}`, { ...serving, signal });
  const ask = (of: BenchSystem) => () => of.call(`/dashboard?month=${month}`);
  const [dashboard, besideDashboard] =
    beside === null
      ? [await medianOf(runs, ask(system)), null]
      : await mediansInTurn(runs, [ask(system), ask(beside)]);
  const aggregation = await medianOf(few, () => rows.aggregate(firm.months[1]));
  const customers = await medianOf(few, () => system.call('/customers'));
  const customersPage = await medianOf(few, () => system.call('/customers?page=1&limit=100'));
  const explain = await medianOf(few, () =>
    system.call(`/dashboard/explain?figure=recovered&month=${month}`),
  );
  let turn = 0;
  const mark = await medianOf(runs, () => {
    const { customerCode, invoiceNumber } = firm.statements[1][(turn * 997) % firm.rows]!;
    turn += 1;
    const path = `/customers/${customerCode}/invoices/${encodeURIComponent(invoiceNumber)}/dispute`;
    return system.call(path, { method: 'PUT', body: JSON.stringify({ newStatus: 'dispute' }) });
  });
  return { dashboard, besideDashboard, aggregation, customers, customersPage, explain, mark, served };
}

/** What is compared must give the same figures. */
async function assertSame(system: BenchSystem, firm: Firm, rows: ReturnType<typeof plainRows>) {
  const summed = await rows.aggregate(firm.months[1]);
  const month = wireMonth(firm.months[1]);
  const { kpis } = await system.call<DashboardAnswer>(`/dashboard?month=${month}`);
  const shown = kpis.map(({ amount, count }) => amount ?? count);
  const { total, recovered, new: fresh, invoices, customers } = summed;
  const expected = [total, recovered, fresh].map(rupeesFromPaise).concat(invoices, 0, customers);
  if (shown.join() !== expected.join()) throw new Error(`The figures differ: ${shown} and ${expected}.`);
}
