import type { SystemModule } from '@backoffice/platform';
import type { Test } from 'tap';
import { createDocumentation, type OpenApi } from './documented.ts';
import {
  openPlatform,
  ownEnvironment,
  type RunningProcess,
  startApiProcess,
  startWorkerProcess,
  type TestPlatform,
  until,
} from './processes.ts';

// biome-ignore lint/suspicious/noExplicitAny: what the wire says is checked against its documentation, not by types
export type Json = any;

export interface Answer<T = Json> {
  status: number;
  headers: Headers;
  body: T;
}

export type Processes = (
  t: Test,
  env: NodeJS.ProcessEnv,
) => Promise<{ api: RunningProcess; worker: RunningProcess }>;

export interface ServedOptions {
  /** One of the build; the API serves it alone. */
  module: Pick<SystemModule, 'name'>;
  env?: NodeJS.ProcessEnv | undefined;
  /** Started in the place of the real programs, for a clock of the test's own. */
  processes?: Processes | undefined;
  /** Done before anything runs: users, for example. */
  prepare?: (platform: TestPlatform) => Promise<void>;
  /** Whether the body of an error says all that it has to in this system. */
  isWholeError: (body: Json, status: number) => boolean;
  /** The token of somebody who may read the documentation in production. */
  docsToken?: (base: string) => Promise<string>;
}

/**
 * The product as it runs, with one of its systems: a database and queues of its own, the API and the worker as
 * processes. What `send` gets is held against the documentation that the API gives of itself.
 */
export async function serveSystem(t: Test, options: ServedOptions) {
  const env = ownEnvironment(t, { SYSTEMS: options.module.name, ...options.env });
  const platform = await openPlatform(t, env);
  await options.prepare?.(platform);
  const { api, worker } = await (options.processes ?? realProcesses)(t, env);
  const base = String(api.up.url);
  // What the processes complained of, for whoever looks into a failure.
  t.teardown(() => {
    for (const line of process.env.CONTRACT_LOG ? [...api.lines, ...worker.lines] : []) {
      if (!line.includes('"level":30')) console.error(line);
    }
  });
  await until('/ready', async () => (await fetch(`${base}/ready`)).status === 200);
  const openApi = await openApiOf(base, options.docsToken);
  const documentation = createDocumentation(openApi);

  /** Sends it to a path with the system's prefix, and fails the test where the answer is not as documented. */
  async function send(method: string, path: string, init: RequestInit): Promise<Answer> {
    const answer = await fetch(`${base}${path}`, { ...init, method });
    const type = answer.headers.get('content-type') ?? '';
    const bytes = Buffer.from(await answer.arrayBuffer());
    const isJson = type.startsWith('application/json');
    const body = isJson ? JSON.parse(bytes.toString()) : bytes;
    const fault = documentation.fault(method, path, answer.status, type, body);
    if (fault !== null) t.fail(fault);
    if (answer.status >= 400 && isJson && !options.isWholeError(body, answer.status)) {
      t.fail(`${method} ${path} ${answer.status} does not say all that an error says`);
    }
    return { status: answer.status, headers: answer.headers, body };
  }

  return { env, platform, api, worker, base, openApi, documentation, send };
}

const realProcesses: Processes = async (t, env) => {
  const [api, worker] = await Promise.all([startApiProcess(t, env), startWorkerProcess(t, env)]);
  return { api, worker };
};

/** What the API says of itself; in production only to an administrator. */
async function openApiOf(base: string, docsToken: ServedOptions['docsToken']): Promise<OpenApi> {
  const open = await fetch(`${base}/docs/json`);
  if (open.status === 200 || docsToken === undefined) return (await open.json()) as OpenApi;
  const headers = { authorization: `Bearer ${await docsToken(base)}` };
  return (await (await fetch(`${base}/docs/json`, { headers })).json()) as OpenApi;
}
