import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Platform } from '../data.ts';
import { readinessFaults } from '../http/health.ts';
import type { Migration } from '../mongo/migrations.ts';
import { carriesToken } from './metrics-route.ts';
import { metricsText } from './state.ts';

export interface WorkerServer {
  url: string;
  close: () => Promise<void>;
}

type Answer = { status: number; type: string; body: string };
const json = (status: number, body: object): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(body),
});
const notFound = json(404, { error: 'Not found.', code: 'NOT_FOUND' });

/**
 * `/health`, `/ready` and `/metrics` of a worker, on HOST and WORKER_PORT. The worker knows no users: without a
 * METRICS_TOKEN there is no `/metrics` here.
 * @throws EADDRINUSE when the port is another's
 */
export async function startWorkerServer(
  platform: Platform,
  migrations: readonly Migration[],
): Promise<WorkerServer> {
  const { config, log, metrics } = platform;
  const faults = () => readinessFaults(platform, migrations);

  async function answer(request: IncomingMessage): Promise<Answer> {
    const path = request.url?.split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') return notFound;
    if (path === '/health') return json(200, { status: 'ok' });
    if (path === '/ready') {
      const reasons = await faults();
      const ready = reasons.length === 0;
      return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', reasons });
    }
    if (path !== '/metrics' || config.METRICS_TOKEN === '') return notFound;
    if (!carriesToken(request.headers.authorization, config.METRICS_TOKEN)) {
      return json(401, { error: 'Please send the token.', code: 'UNAUTHENTICATED' });
    }
    const body = await metricsText(platform, { migrations, faults });
    return { status: 200, type: metrics.registry.contentType, body };
  }

  function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
    const headers: Record<string, string> = {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    };
    if (status === 401) headers['www-authenticate'] = 'Bearer';
    response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body);
  }

  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    answer(request).then(
      (given) => send(request, response, given),
      (error) => {
        log.error({ err: error }, 'request failed');
        send(request, response, json(500, { error: 'Something went wrong.', code: 'INTERNAL' }));
      },
    );
  });
  server.maxConnections = 50;
  server.listen(config.WORKER_PORT, config.HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST;

  return {
    url: `http://${host}:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
