import { CodedError } from '@backoffice/core';
import { Type, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify';
import { auditRoutes } from '../audit/routes.ts';
import { createAuthentication } from '../auth/authenticate.ts';
import { createIdentity, identityRoutes } from '../auth/identity.ts';
import { permissionsOf } from '../auth/permissions.ts';
import { shareUsers } from '../auth/shared-users.ts';
import { registerTokens } from '../auth/tokens.ts';
import { createUserRepository } from '../auth/users.ts';
import type { Platform } from '../data.ts';
import { platformMigrations } from '../mongo/platform-migrations.ts';
import { registerOperations } from '../observe/operations.ts';
import { countRequests, traceRequests } from '../observe/requests.ts';
import { guardRoute } from '../operations/gate.ts';
import { registerOpenApi } from './docs.ts';
import { type EdgeTimes, edgeTimes, registerEdge, serverOptions } from './edge.ts';
import { wrapAnswers } from './envelope.ts';
import { answerParserError, registerErrorHandling, sendError } from './error-handling.ts';
import { registerHealth } from './health.ts';
import { registerIdempotency } from './idempotency.ts';
import type { SystemModule } from './module.ts';
import { requestIdOf } from './request-id.ts';
import { registerRequestLog, requestLogging } from './request-log.ts';
import { createRouteTable } from './route-table.ts';
import { nestedNameHook } from './strictness.ts';
import { textValueHook } from './text-values.ts';

export interface SystemAppOptions {
  /** All systems that a person may be a member of; left out: this one. */
  modules?: readonly SystemModule[];
  /** bcrypt's cost; tests lower it. */
  passwordCost?: number;
  /** Milliseconds; tests shorten them. */
  times?: Partial<EdgeTimes>;
}

/**
 * One system as a Fastify instance: its routes under its prefix, sign-in, its error shape, `/health`,
 * `/ready` and (outside production) `/docs`. Not listening yet; `close()` drains it. The platform is the
 * caller's and stays open.
 */
export async function createSystemApp(
  platform: Platform,
  module: SystemModule,
  options: SystemAppOptions = {},
): Promise<FastifyInstance> {
  const { config } = platform;
  const times = edgeTimes(config, options.times);
  const withPlatform: SystemModule = { ...module, permissions: permissionsOf(module) };
  const app = Fastify({
    loggerInstance: platform.log.child({ system: module.name }),
    logController: requestLogging,
    genReqId: requestIdOf,
    requestIdHeader: false,
    // Who is being served while the process ends is served to the end, on a connection that closes after it.
    return503OnClosing: false,
    ...serverOptions(config, times),
    ajv: {
      // Fastify's own defaults read ["a"] as "a" and drop unknown properties without a word.
      customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false, keywords: ['example'] },
    },
    frameworkErrors: (error, request, reply) => {
      sendError(module, error, request as never, reply as never);
    },
    clientErrorHandler: (error, socket) => answerParserError(module, error, socket),
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as FastifyInstance;

  // Schemas document the answers, and the tests hold every answer against them. Writing through them
  // would leave out whatever is not described and evaluate every union again for every row.
  app.setSerializerCompiler(() => JSON.stringify);
  app.decorateRequest('member', null);
  countRequests(app, platform.metrics, module.name);
  traceRequests(app, platform.tracing, module);
  registerIdempotency(app, module.name, config.AUDIT_KEY);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  // On the way out: who was asked to end may have begun with the request before that.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing || platform.state.ending) reply.header('connection', 'close');
    done(null, payload);
  });
  // And may have promised before that to keep the connection: closing would wait for it until nobody used it for long.
  app.addHook('onResponse', (request, _reply, done) => {
    if (closing) request.raw.socket.destroySoon();
    done();
  });
  registerRequestLog(app);

  const routes = createRouteTable();
  app.addHook('onRoute', (route) => routes.add(route));
  registerErrorHandling(app, module, routes);
  await registerOpenApi(app, module);
  const { begin, authenticate } = createAuthentication(app, withPlatform, shareUsers(platform.reads));
  await registerEdge(app, platform, module.name, times, (request) => {
    // What is read in the middle of a restore must not be what somebody is judged by at its end.
    if (platform.maintenance.seenOn('read') === null) begin(request);
  });
  await registerTokens(app, platform, module);
  const migrations = [...platformMigrations, ...module.migrations];
  registerHealth(app, platform, migrations);

  // Else nobody who asks here would be told that some of its entries are still on their way into the chain.
  platform.audit.register(module.audited ?? []);
  const users = createUserRepository(platform.db, platform.clock);
  const { modules = [module], passwordCost } = options;
  const identity = createIdentity(app, platform, module, { users, modules, passwordCost });
  const { signIn } = identity;
  await registerOperations(app, {
    platform,
    module: withPlatform,
    users,
    signIn,
    authenticate,
    migrations,
  });
  await app.register(
    async (api) => {
      api.addHook('onRoute', (route) => {
        route.config = { ...route.config, ofSystem: true };
        completeRoute(route, withPlatform);
      });
      api.addHook('onRoute', (route) => guardRoute(route, platform.maintenance));
      // Before anybody is judged: in the middle of a restore there are no users, and a caller who is told to sign
      // in again would lose a sign-in that is good.
      api.addHook('onRequest', (_request, _reply, done) => {
        const seen = platform.maintenance.holdOn('read');
        if (seen === null) return done();
        Promise.resolve(seen).then((hold) => {
          done(hold === null ? undefined : new CodedError('MAINTENANCE', hold.reason));
        }, done);
      });
      api.addHook('onRequest', authenticate);
      await api.register(async (own) => {
        wrapAnswers(own, module.envelope);
        if (module.identityRoutes !== 'own') await own.register(identityRoutes(platform, module, identity));
        await own.register(auditRoutes(platform, module.name));
      });
      await api.register(module.routes(platform, identity) as Parameters<typeof api.register>[0]);
    },
    { prefix: module.prefix },
  );
  await app.ready();
  return app;
}

const anyError = Type.Object({}, { additionalProperties: true, description: 'What went wrong' });

/** Refuses a route that forgot to say who may call it, and adds what every route has in common. */
function completeRoute(route: RouteOptions, module: SystemModule): void {
  const name = `${[route.method].flat().join(',')} ${route.url}`;
  const { permission, public: open } = route.config ?? {};
  if (permission === undefined && open !== true) {
    throw new Error(`${name} says neither config.permission nor config.public.`);
  }
  if (permission !== undefined && open === true) throw new Error(`${name} is both public and protected.`);
  if (permission !== undefined && !Object.hasOwn(module.permissions, permission)) {
    throw new Error(`${name} names the permission "${permission}", which ${module.name} does not have.`);
  }

  const first = [nestedNameHook(route.schema), textValueHook(route.schema)].filter((hook) => hook !== null);
  route.preValidation = [...first, ...[route.preValidation ?? []].flat()];

  const error = module.errorSchema ?? anyError;
  const documented = (route.schema?.response ?? {}) as Record<string, unknown>;
  route.schema = {
    ...route.schema,
    security: open === true ? [] : [{ bearer: [] }],
    // For who reads the documentation, and for the tests that hold it against the permission table.
    ...(permission === undefined ? {} : { 'x-permission': permission }),
    response: { ...documented, '4xx': documented['4xx'] ?? error, '5xx': documented['5xx'] ?? error },
  };
}
