import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMigrator, createPlatform, loadConfig, platformMigrations } from '@backoffice/platform';
import type { Test } from 'tap';

/** The environment of a seed with a database and a folder of its own; both are gone after the test. */
export function seedEnv(t: Test, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const dir = mkdtempSync(join(tmpdir(), 'seed-test-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const uri = new URL(process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017');
  uri.pathname = `/seed_${randomBytes(6).toString('hex')}`;
  return {
    NODE_ENV: 'test',
    MONGODB_URI: uri.href,
    REDIS_URL: process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379',
    JWT_SECRET: randomBytes(32).toString('hex'),
    AUDIT_KEY: randomBytes(32).toString('hex'),
    DATA_DIR: dir,
    SEED: 'demo',
    SEED_PASSWORD: 'a password for all',
    LOG_LEVEL: 'silent',
    ...env,
  };
}

/** How Node starts a program: from what the runner has made of it before all tests, else with the loader. */
export function programOf(script: string): string[] {
  const made = join(process.env.TEST_PROGRAMS ?? '', `${script}.mjs`);
  if (process.env.TEST_PROGRAMS && existsSync(made)) return [made];
  return ['--import', 'tsx', join(import.meta.dirname, '../../..', script)];
}

/** The platform on that environment, with its migrations done. */
export async function openPlatform(t: Test, env: NodeJS.ProcessEnv = {}) {
  const platform = await createPlatform(loadConfig(seedEnv(t, env)), { role: 'cli', systems: [] });
  t.teardown(async () => {
    await platform.db.dropDatabase();
    await platform.close();
  });
  await createMigrator(platform.db, platformMigrations).latest();
  return platform;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

export interface Call {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A server that speaks HTTP for real and gives what `answer` says; the calls are kept. */
export async function listen(t: Test, answer: (call: Call) => Answer) {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const call = { method, path: url, headers, body: Buffer.concat(chunks).toString('latin1') };
    calls.push(call);
    const { status, headers: own, body } = answer(call);
    response.writeHead(status, { 'content-type': 'application/json', ...own });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { base: `http://127.0.0.1:${port}`, port, calls };
}
