import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

export interface FuzzRun {
  /** The file with the OpenAPI document. */
  document: string;
  base: string;
  /** The caller's token; null for nobody. */
  token: string | null;
  /** The caller's id: requests that name it only read. Left out for nobody. */
  caller?: string;
  seed: number;
  /** How long to go on; 0: once through every route, with a few requests for each. */
  seconds: number;
}

const checks = [
  ...['not_a_server_error', 'status_code_conformance', 'content_type_conformance'],
  // Not what `Allow` says: a fixed word such as /users/admit is also an id of /users/{id}, and answers for both.
  ...['response_schema_conformance', 'ignored_auth'],
];

export interface FuzzResult {
  code: number;
  output: string;
  /** Requests that were sent, as the program says. */
  requests: number;
}

/** Why it can't run on this machine, or null. Its locked requirements are those of Python 3.11 and newer. */
export async function schemathesisFault(): Promise<string | null> {
  const { code } = await run('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'], {});
  return code === 0 ? null : 'schemathesis needs Python 3.11 or newer';
}

/**
 * The folder with schemathesis and what it needs, each wheel checked against its hash; made once for each state
 * of `requirements.txt`. It appears when it is whole, so a killed download leaves none.
 * @throws Error with what pip said
 */
export async function fetchSchemathesis(): Promise<string> {
  const state = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(root, '.local', `schemathesis-${state}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  mkdirSync(join(root, '.local'), { recursive: true });
  const how = ['--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '--require-hashes'];
  const args = ['-m', 'pip', 'install', ...how, '--target', partial, '--requirement', requirements];
  const { code, output } = await run('python3', args, {});
  if (code !== 0) {
    rmSync(partial, { recursive: true, force: true });
    throw new Error(`schemathesis could not be fetched: ${output.trim().split('\n').at(-1)}`);
  }
  try {
    renameSync(partial, folder);
  } catch (error) {
    // Two files at the same moment on a machine that has none yet: the other one was faster.
    if (!existsSync(folder)) throw error;
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

/**
 * Sends what the documentation allows and what it does not, and fails on a 5xx, on an answer that is not as
 * documented, and on a protected route that lets somebody in without a token.
 */
export async function fuzz(folder: string, options: FuzzRun): Promise<FuzzResult> {
  const { document, base, token, caller, seed, seconds } = options;
  const extent =
    seconds === 0
      ? ['--phases', 'fuzzing', '--max-examples', '12']
      : ['--phases', 'coverage,fuzzing', '--max-time', String(seconds)];
  const args = [
    ...['-c', 'import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())'],
    ...['run', document, '--url', base, '--no-color', ...extent, '--seed', String(seed)],
    // One at a time: with two, CPython 3.11 now and then fails inside its own compiler.
    ...['--checks', checks.join(','), '--workers', '1', '--request-timeout', '60'],
    ...['--generation-database', 'none', '--warnings', 'off', '--continue-on-failure', '--no-shrink'],
    // Where a caller may name itself, most of what is made up for that call is left out (see the hooks).
    ...['--suppress-health-check', 'filter_too_much'],
    // They would end the very token that they come with, or have its owner wait before the next sign-in.
    ...(token === null ? [] : ['--header', `Authorization:Bearer ${token}`]),
    ...(token === null ? [] : ['--exclude-path-regex', '/auth/(sign-out|change-password)$']),
  ];
  const env = {
    PYTHONPATH: [folder, join(root, 'test/harness')].join(delimiter),
    PYTHONDONTWRITEBYTECODE: '1',
    SCHEMATHESIS_HOOKS: 'fuzz_hooks',
    FUZZ_CALLER: caller ?? '',
  };
  const { code, output } = await run('python3', args, env);
  const requests = Number(/(\d+) generated/.exec(output)?.[1] ?? 0);
  return { code, output, requests };
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv) {
  return new Promise<{ code: number; output: string }>((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: join(root, '.local'),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('exit', kill);
      resolve({ code: code ?? 1, output });
    });
  });
}
