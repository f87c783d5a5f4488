import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import type { Platform } from '../data.ts';
import { sendError } from '../http/error-handling.ts';
import type { SystemModule, SystemName } from '../http/module.ts';
import type { Jobs } from '../jobs/queues.ts';
import { boardPath, type Guard, permission } from './operator-pages.ts';
import { keepPolicy } from './sign-in-page.ts';

/** The board brings styles in its elements, and asks for fonts from elsewhere, which it does without. */
const boardPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; font-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";
const outsideFonts = /<link href="https:[^>]*>/g;

/**
 * Bull Board over the queues of all systems, to be looked at only: what is to be done again is said by MongoDB
 * and enqueued by the sweeper, and a button that could repeat or remove jobs would need a defence of its own.
 */
export async function registerQueueBoard(
  app: FastifyInstance,
  { jobs, systems }: Pick<Platform, 'jobs' | 'systems'>,
  module: SystemModule,
  guard: Guard,
): Promise<void> {
  const adapter = new FastifyAdapter();
  createBullBoard({
    queues: systems.map((system) => {
      const queue = new BullMQAdapter(queueOf(jobs, system), { readOnlyMode: true, allowRetries: false });
      queue.setFormatter('data', (data) => idsOf(data));
      return queue;
    }),
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'Queues',
        miscLinks: [{ text: 'Sign out', url: '/admin/sign-in' }],
        hideRedisDetails: true,
      },
    },
  });
  adapter.setBasePath(boardPath);

  await app.register(
    async (board) => {
      board.addHook('onRoute', (route) => {
        route.config = { ...route.config, permission };
        // Before the board's own, which answers with whatever text was thrown.
        route.errorHandler = (error, request, reply) => sendError(module, error, request, reply);
      });
      board.addHook('onRequest', guard);
      board.addHook('onRequest', async (request, reply) => {
        if (request.method === 'GET' || request.method === 'HEAD') return;
        // The board refuses by itself; this holds whatever a later version of it offers.
        return reply.code(405).header('allow', 'GET, HEAD').send();
      });
      board.addHook('onSend', async (_request, reply, payload) => {
        keepPolicy(reply, boardPolicy);
        const isPage = typeof payload === 'string' && payload.startsWith('<!DOCTYPE');
        return isPage ? payload.replace(outsideFonts, '') : payload;
      });
      await board.register(adapter.registerPlugin());
    },
    { prefix: boardPath },
  );
}

/** Whatever queue is in use at the moment: after an outage of Redis it is another one. */
function queueOf(jobs: Jobs, system: SystemName): Queue {
  return new Proxy(Object.create(Queue.prototype) as Queue, {
    get(_target, name) {
      // Asked for at the start, when Redis may be away.
      if (name === 'name') return system;
      const queue = jobs.bullQueue(system);
      const value = Reflect.get(queue, name) as unknown;
      return typeof value === 'function' ? value.bind(queue) : value;
    },
  });
}

/** Jobs carry ids and nothing else; should one ever carry more, it is not shown. */
function idsOf(data: unknown): object {
  const entries = Object.entries((data ?? {}) as Record<string, unknown>);
  const shown = (name: string) => /(Id|^traceparent)$/.test(name);
  return Object.fromEntries(entries.map(([name, value]) => [name, shown(name) ? value : '[hidden]']));
}
