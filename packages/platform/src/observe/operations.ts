import cookie from '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SignIn } from '../auth/sign-in.ts';
import type { UserRepository } from '../auth/users.ts';
import type { Platform } from '../data.ts';
import { registerDocsPages } from '../http/docs.ts';
import { readinessFaults } from '../http/health.ts';
import type { SystemModule } from '../http/module.ts';
import type { Migration } from '../mongo/migrations.ts';
import { createBrowserSessions } from './browser-session.ts';
import { registerMetrics } from './metrics-route.ts';
import { createOperatorGuard, signInPages } from './operator-pages.ts';
import { registerQueueBoard } from './queue-board.ts';

export interface OperationsOptions {
  platform: Platform;
  /** With the platform's permissions. */
  module: SystemModule;
  users: UserRepository;
  signIn: SignIn;
  /** Lets an API token with the route's permission through, else throws. */
  authenticate: (request: FastifyRequest) => Promise<void>;
  migrations: readonly Migration[];
}

/** What operators have on every instance: `/metrics`, `/admin/queues`, `/docs`, and signing in to them. */
export async function registerOperations(app: FastifyInstance, options: OperationsOptions): Promise<void> {
  const { platform, module, users, signIn, authenticate, migrations } = options;
  // Without its hook: the API's own routes never look at a cookie.
  await app.register(cookie, { hook: false });
  const sessions = createBrowserSessions(app, platform, module, users);
  const guard = createOperatorGuard({ module, sessions, authenticate });
  const faults = () => readinessFaults(platform, migrations);

  registerMetrics(app, platform, { migrations, faults }, guard);
  await registerDocsPages(app, platform.config.NODE_ENV === 'production' ? guard : undefined);
  await registerQueueBoard(app, platform, module, guard);
  await app.register(signInPages({ module, sessions }, signIn) as never);
}
