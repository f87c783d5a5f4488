import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DevServicesError, type Services, startServices } from '@backoffice/dev-services';
import { findTestFiles, longestFirst } from './files.ts';
import { makePrograms } from './programs.ts';
import { type FileResult, runFile } from './run-file.ts';

const dirs = ['packages', 'apps', 'scripts', 'test'];
const usage = `npm test -- [options] [part of a path …]

Runs the test files whose path contains one of the parts, or all of them, on a throw-away MongoDB and Redis.

  --jobs <n>      files at a time (${defaultJobs()})
  --timeout <s>   seconds that a file may take (900)
  --help          this text

TEST_MONGODB_URI, TEST_REDIS_URL: servers to use instead; every file makes databases of its own there.
`;

/** One more than the processors that are used: a file waits for its servers and processes about a third of its time. */
function defaultJobs(): number {
  return Math.min(2, availableParallelism()) + 1;
}

export interface RunOptions {
  root?: string;
  /** Folders that are searched, relative to the root. */
  dirs?: readonly string[];
}

/** Runs the tests; the last line says how many. Gives the exit code. */
export async function main(args: string[], options: RunOptions = {}): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const root = options.root ?? process.cwd();
  const jobs = positive('--jobs', values.jobs) ?? defaultJobs();
  const timeoutMs = (positive('--timeout', values.timeout) ?? 900) * 1000;
  const files = longestFirst(findTestFiles(root, options.dirs ?? dirs, positionals));
  if (files.length === 0) {
    console.log(positionals.length > 0 ? `No test file matches ${positionals.join(', ')}.` : 'No test file.');
    // Nothing that ran is not the same as nothing that failed.
    return summary(0, 1);
  }

  const broken = new AbortController();
  const interrupt = (signal: NodeJS.Signals) => {
    console.log(`${signal}: stopping …`);
    broken.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);

  let services: Services | undefined;
  let made: string | undefined;
  try {
    if (!process.env.TEST_MONGODB_URI || !process.env.TEST_REDIS_URL) console.log('Starting servers …');
    services = await startServices({ ephemeral: true, log: (line) => console.log(line) });
    const programs = options.dirs === undefined ? await preparePrograms(root, files) : undefined;
    made = programs?.dir;
    const env = {
      ...process.env,
      ...programs?.env,
      NODE_ENV: 'test',
      TEST_MONGODB_URI: services.mongoUri,
      TEST_REDIS_URL: services.redisUrl,
    };
    const results = await runAll(files, jobs, (file) =>
      runFile({ root, file, env, timeoutMs, signal: broken.signal }),
    );
    return report(results);
  } finally {
    await services?.stop();
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    for (const signal of signals) process.removeListener(signal, interrupt);
  }

  async function runAll(
    queue: readonly string[],
    width: number,
    run: (file: string) => Promise<FileResult>,
  ): Promise<FileResult[]> {
    const waiting = [...queue];
    const results: FileResult[] = [];
    const lane = async () => {
      while (!broken.signal.aborted) {
        const file = waiting.shift();
        if (file === undefined) return;
        const result = await run(file);
        results.push(result);
        console.log(lineOf(result, results.length, queue.length));
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
    return results;
  }

  function report(results: readonly FileResult[]): number {
    for (const { file, faults } of results.filter((result) => result.failed > 0)) {
      console.log(`\n✗ ${file}`);
      for (const fault of faults) console.log(fault.replaceAll(/^/gm, '    ').concat('\n'));
    }
    const sum = (key: 'passed' | 'failed' | 'skipped') => results.reduce((all, one) => all + one[key], 0);
    const notRun = files.length - results.length;
    if (notRun > 0) console.log(`\n${notRun} files were not run.`);
    if (sum('skipped') > 0) console.log(`\n${sum('skipped')} skipped.`);
    return summary(sum('passed'), sum('failed') + notRun);
  }
}

/**
 * The test files and what they start as processes, made ready. Below node_modules, so that libraries are found from there. Code of
 * which nothing can be made is started with the loader, and the tests will say what is wrong with it.
 */
async function preparePrograms(
  root: string,
  files: readonly string[],
): Promise<{ dir: string; env: NodeJS.ProcessEnv }> {
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, 'test-programs-'));
  try {
    await makePrograms(root, dir, files);
    return { dir, env: { TEST_PROGRAMS: dir } };
  } catch (error) {
    console.log(`The programs are started with the loader of TypeScript: ${(error as Error).message}`);
    return { dir, env: {} };
  }
}

function summary(passed: number, failed: number): number {
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

function lineOf({ file, passed, failed, skipped, ms }: FileResult, done: number, of: number): string {
  const place = `[${String(done).padStart(String(of).length)}/${of}]`;
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
  return `${place} ${failed > 0 ? '✗' : '✓'} ${file}  ${counts.filter(Boolean).join(', ')}  ${(ms / 1000).toFixed(1)} s`;
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        jobs: { type: 'string' },
        timeout: { type: 'string' },
      },
    });
  } catch (error) {
    throw new DevServicesError(error instanceof Error ? error.message : String(error));
  }
}

function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new DevServicesError(`${name} must be a whole number above 0, not ${value}.`);
}
