import type { ImportRun, ReadRun } from './runs.ts';

/** All runs with one number of rows. */
export interface SizeResult {
  rows: number;
  imports: ImportRun[];
  /** Null where only memory is of interest. */
  reads: ReadRun | null;
  /** The median over the runs; of a ratio, when the function gives one. */
  median: (of: (run: ImportRun) => number) => number;
}

interface Line {
  what: string;
  small: string;
  large: string;
  aim: string;
  met: boolean | null;
}

const times = (ratio: number) => `${ratio.toFixed(ratio < 10 ? 2 : 0)} ×`;
const ms = (value: number) => (value < 1000 ? `${value.toFixed(1)} ms` : `${(value / 1000).toFixed(2)} s`);
const mb = (value: number) => `${value.toFixed(0)} MB`;

/** The table of ratios: what is compared, at both sizes, with the aim. `judged`: whether the sizes are those that the aims speak of. */
export function reportOf(small: SizeResult, middle: SizeResult, large: SizeResult, judged: boolean): string {
  const lines: Line[] = [];
  const both = (what: string, of: (size: SizeResult) => string, aim = '', met: boolean | null = null) =>
    lines.push({ what, small: of(small), large: of(large), aim, met });

  const faster = (size: SizeResult) => size.median((run) => run.upserts / run.import);
  both(
    'import: faster than one-by-one upserts',
    (size) => times(faster(size)),
    '≥ 10 ×',
    faster(large) >= 10,
  );
  const slower = (size: SizeResult) => size.median((run) => run.import / (run.bulk + run.read));
  both(
    'import: time of bulk write + read of the sheet',
    (size) => times(slower(size)),
    '≤ 2 ×',
    slower(large) <= 2,
  );
  const bare = (size: SizeResult) => size.median((run) => run.import / (run.bareBulk + run.read));
  both('… the bulk write without its index', (size) => times(bare(size)));
  const second = (size: SizeResult) => size.median((run) => run.secondImport / run.import);
  both('import of the next month: time of the first', (size) => times(second(size)));

  const same = large.reads!.dashboard / large.reads!.besideDashboard!;
  const growth = `${times(same)} the smaller`;
  lines.push({
    what: 'dashboard: time',
    small: '',
    large: growth,
    aim: 'the same (≤ 1.25 ×)',
    met: same <= 1.25,
  });
  both('dashboard: faster than adding up rows', ({ reads }) => times(reads!.aggregation / reads!.dashboard));

  const served = (size: SizeResult) => size.reads!.served.requests;
  both(
    'dashboard: requests a second of a bare route',
    (size) => times(served(size)),
    '≥ 0.5 ×',
    served(large) >= 0.5,
  );
  both('… CPU time of a bare route', ({ reads }) => times(reads!.served.cpu));
  const slowed = (size: SizeResult) => size.median((run) => run.busyReads / run.idleReads);
  both(
    'light reads during an import: p99 of idle',
    (size) => times(slowed(size)),
    '≤ 2 ×',
    slowed(large) <= 2,
  );

  for (const [name, of] of [
    ['worker', (run: ImportRun) => run.workerMb],
    ['its parser', (run: ImportRun) => run.parserMb],
  ] as const) {
    const [less, more] = [middle.median(of), large.median(of)];
    const peak = `peak memory of the ${name}`.replace('the its', 'its');
    lines.push({ what: peak, small: `${mb(less)} *`, large: mb(more), aim: '< 500 MB', met: more < 500 });
    const ratio = times(more / less);
    lines.push({
      what: `… of ${name}, growth`,
      small: '',
      large: ratio,
      aim: '≤ 1.25 ×',
      met: more / less <= 1.25,
    });
  }

  for (const [what, key] of [
    ['all customers', 'customers'],
    ['a page of customers', 'customersPage'],
    ['explain (recovered)', 'explain'],
    ['mark of an invoice', 'mark'],
    ['dashboard', 'dashboard'],
    ['adding up rows', 'aggregation'],
  ] as const) {
    both(`for information: ${what}`, ({ reads }) => ms(reads![key]));
  }
  both('for information: dashboards a second', ({ reads }) => reads!.served.perSecond.toFixed(0));
  both('for information: bare answers a second', ({ reads }) => reads!.served.barePerSecond.toFixed(0));
  both('for information: light reads, idle, p99', (size) => ms(size.median((run) => run.idleReads)));
  both('for information: light reads, busy, p99', (size) => ms(size.median((run) => run.busyReads)));
  both('for information: import', (size) => ms(size.median((run) => run.import)));
  both('for information: 100 rows, dry run', (size) => ms(size.median((run) => run.few)));
  const note = `* memory is compared with ${middle.rows.toLocaleString('en')} rows`;
  return `${table(lines, [small.rows, large.rows], judged)}\n${note}`;
}

function table(lines: readonly Line[], rows: readonly [number, number], judged: boolean): string {
  const verdict = ({ met }: Line) => (met === null ? '' : !judged ? 'not judged' : met ? 'met' : 'missed');
  const heading = ['', ...rows.map((count) => `${count.toLocaleString('en')} rows`), 'aim', ''];
  const cells = lines.map((line) => [line.what, line.small, line.large, line.aim, verdict(line)]);
  const widths = heading.map((head, column) =>
    Math.max(head.length, ...cells.map((row) => row[column]!.length)),
  );
  return [heading, ...cells]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
