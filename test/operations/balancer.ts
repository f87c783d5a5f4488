import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';

interface Backend {
  url: string;
  ready: boolean;
  agent: Agent;
}

const checkMs = 100;

/**
 * What stands in front of the APIs, as small as can be: asks each of them for `/ready` ten times a second, and
 * sends requests in turn to those that say yes, on connections that are kept. A request is sent to another one
 * only where the connection was refused, so before a byte of it was sent: a write must not happen twice.
 */
export async function startBalancer(t: Test) {
  const backends: Backend[] = [];
  let turn = 0;
  let ended = false;

  async function check(backend: Backend): Promise<void> {
    while (!ended && backends.includes(backend)) {
      const answer = await fetch(`${backend.url}/ready`, { headers: { connection: 'close' } }).catch(
        () => null,
      );
      backend.ready = answer?.status === 200;
      await delay(checkMs);
    }
  }

  async function forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const ready = backends.filter((each) => each.ready);
    for (let nth = 0; nth < ready.length; nth += 1) {
      turn += 1;
      const backend = ready[turn % ready.length]!;
      const fault = await send(backend, incoming, body, outgoing);
      if (fault === null) return;
      if (fault.code === 'ECONNREFUSED') continue;
      outgoing
        .writeHead(502, { 'content-type': 'text/plain' })
        .end(`${backend.url}: ${fault.code} ${fault.message}`);
      return;
    }
    outgoing.writeHead(502, { 'content-type': 'text/plain' }).end('nobody is ready');
  }

  function send(
    { url, agent }: Backend,
    { method, url: path, headers }: IncomingMessage,
    body: Buffer,
    outgoing: ServerResponse,
  ): Promise<NodeJS.ErrnoException | null> {
    return new Promise((resolve) => {
      const options = {
        method,
        agent,
        headers: { ...headers, 'content-length': body.length, connection: 'keep-alive' },
      };
      const asked = request(`${url}${path}`, options, (answer) => {
        outgoing.writeHead(answer.statusCode!, { 'content-type': answer.headers['content-type'] ?? '' });
        answer.pipe(outgoing);
        answer.on('end', () => resolve(null));
        answer.on('error', () => resolve(null));
      });
      asked.on('error', resolve);
      asked.end(body);
    });
  }

  const server = createServer((incoming, outgoing) => void forward(incoming, outgoing));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    ended = true;
    server.closeAllConnections();
    server.close();
    for (const { agent } of backends) agent.destroy();
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add(url: string): Backend {
      const backend = { url, ready: false, agent: new Agent({ keepAlive: true }) };
      backends.push(backend);
      void check(backend);
      return backend;
    },
    remove(backend: Backend): void {
      backends.splice(backends.indexOf(backend), 1);
      backend.agent.destroy();
    },
  };
}
