import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addMonths, dayInZone, monthOfDay } from '@backoffice/core';
import { startServices } from '@backoffice/dev-services';
import { elapsed, median } from './measure.ts';
import { benchModules } from './modules.ts';
import { reportOf, type SizeResult } from './report.ts';
import { type Firm, type ImportRun, makeFirm, type ReadRun, runImport } from './runs.ts';
import type { BenchSystem } from './system.ts';

const usage = `pnpm bench [--quick] [--runs <n>] [--details]

Measures imports, reads and memory against plain ways of doing the same, on a throw-away MongoDB and Redis.

  --quick      2,000 and 10,000 rows, one run: shows that it works, says nothing about the aims
  --runs <n>   runs of which the median is taken (3)
  --details    milliseconds of every run as well
  --help       this text

TEST_MONGODB_URI, TEST_REDIS_URL: servers to use instead; databases of its own there, removed at the end.
`;

interface Plan {
  small: number;
  /** The smaller of the two sizes whose memory is compared. */
  middle: number;
  large: number;
  sample: number;
  /** Calls of the dashboard of which the median is taken. */
  reads: number;
  serving: { rounds: number; seconds: number };
}

const full: Plan = {
  ...{ small: 10_000, middle: 20_000, large: 100_000, sample: 2_000, reads: 100 },
  serving: { rounds: 5, seconds: 4 },
};
const quick: Plan = {
  ...{ small: 2_000, middle: 2_000, large: 10_000, sample: 100, reads: 5 },
  serving: { rounds: 1, seconds: 1 },
};

/** Runs the bench and prints its table. Gives the exit code: a missed aim is no failure. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      details: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const plan = values.quick ? quick : full;
  const runs = Number(values.runs ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(runs) || runs < 1) {
    console.error(`--runs is ${values.runs}; it must be a whole number from 1.`);
    return 1;
  }

  const broken = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => broken.abort(new Error(`${signal}: stopped`)));
  }
  const say = (line: string) => console.log(line);
  const services = await startServices({ ephemeral: true, log: say, signal: broken.signal });
  const dir = await mkdtemp(join(tmpdir(), 'backoffice-bench-'));
  let beside: BenchSystem | null = null;
  try {
    const load = loadavg()[0]!;
    say(`${availableParallelism()} cores, Node ${process.version}, load average ${load.toFixed(1)}`);
    const results: SizeResult[] = [];
    for (const rows of [...new Set([plan.small, plan.middle, plan.large])]) {
      const setting = { plan, runs, dir, services, say, beside, signal: broken.signal };
      const { kept, ...result } = await measureSize(rows, setting);
      beside = kept ?? beside;
      results.push(result);
      if (values.details) say(JSON.stringify(results.at(-1), rounded));
    }
    const of = (rows: number) => results.find((each) => each.rows === rows)!;
    say(`\n${reportOf(of(plan.small), of(plan.middle), of(plan.large), !values.quick)}`);
    await beside?.close();
    beside = null;
    const setting = { dir, quick: values.quick, runs, say, signal: broken.signal };
    const ofModules = await benchModules(services, setting);
    say(`\n${ofModules}`);
    const now = loadavg()[0]!;
    say(`\nMedians of ${runs} ${runs === 1 ? 'run' : 'runs'}; load average at the end ${now.toFixed(1)}.`);
    return 0;
  } catch (error) {
    if (!broken.signal.aborted) throw error;
    say('stopped');
    return 130;
  } finally {
    await beside?.close();
    await services.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

const rounded = (_key: string, value: unknown) =>
  typeof value === 'number' ? Math.round(value * 10) / 10 : value;

interface Setting {
  plan: Plan;
  runs: number;
  dir: string;
  services: Awaited<ReturnType<typeof startServices>>;
  say: (line: string) => void;
  /** The system with fewer rows, once there is one. */
  beside: BenchSystem | null;
  signal: AbortSignal;
}

async function measureSize(
  rows: number,
  setting: Setting,
): Promise<SizeResult & { kept: BenchSystem | null }> {
  const { plan, runs, dir, services, say, beside, signal } = setting;
  const running = monthOfDay(dayInZone(new Date(), 'Asia/Kolkata'));
  const months: Firm['months'] = [addMonths(running, -2), addMonths(running, -1)];
  let firm: Firm | undefined;
  const took = await elapsed(async () => {
    firm = await makeFirm(dir, rows, months);
  });
  const few = await makeFirm(dir, 100, months);
  say(`${rows} rows: files written in ${(took / 1000).toFixed(1)} s`);
  const imports: ImportRun[] = [];
  let reads: ReadRun | null = null;
  let kept: BenchSystem | null = null;
  for (let run = 1; run <= runs; run += 1) {
    signal.throwIfAborted();
    // Reads are medians of many calls already; the middle size is there for memory.
    const reading = run === runs && (rows === plan.small || rows === plan.large);
    const keep = reading && rows === plan.small;
    const calls = reading ? plan.reads : 0;
    const { sample, serving } = plan;
    const options = { warmUp: few.paths[0], sample, reads: calls, serving, keep, beside, signal };
    const result = await runImport(services, dir, firm!, options);
    kept = result.kept;
    imports.push(result.imports);
    reads = result.reads;
    say(`${rows} rows: run ${run} of ${runs}, import ${(result.imports.import / 1000).toFixed(2)} s`);
  }
  return { rows, imports, reads, kept, median: (of) => median(imports.map(of)) };
}
