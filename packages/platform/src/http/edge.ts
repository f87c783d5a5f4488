import { constants } from 'node:zlib';
import compress from '@fastify/compress';
import cors from '@fastify/cors';
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify';
import type { Config } from '../config/schema.ts';
import type { Platform } from '../data.ts';
import { registerCaching } from './caching.ts';
import { registerRateLimits } from './rate-limit.ts';
import { apiHeaders, pageHeaders, transportHeader } from './security-headers.ts';
import { registerStrictness } from './strictness.ts';

/** How long a client may take, in milliseconds. */
export interface EdgeTimes {
  /** For the headers of a request. */
  headers: number;
  /** For a whole request: 50 MB on a line of 400 kbit/s. */
  request: number;
  /** For a body that is no form; 1 MB at most. */
  body: number;
  /** Without a byte in either direction. Followers of an upload hear something every 15 s. */
  idle: number;
  /** Between two requests on one connection; longer than a proxy keeps an idle one (60 s, as a rule). */
  keepAlive: number;
  /** How often the first two are looked after. */
  check: number;
}

export const megabyte = 1024 * 1024;
const seconds = 1_000;

export function edgeTimes(config: Pick<Config, 'UPLOAD_WAIT_MS'>, own: Partial<EdgeTimes> = {}): EdgeTimes {
  return {
    headers: 20 * seconds,
    request: 20 * 60 * seconds,
    body: 30 * seconds,
    // Nothing is sent while an upload waits for its result.
    idle: Math.max(60 * seconds, (config.UPLOAD_WAIT_MS ?? 0) + 30 * seconds),
    keepAlive: 72 * seconds,
    check: 5 * seconds,
    ...own,
  };
}

/** What the server itself must know before there is an instance to register anything with. */
export function serverOptions(config: Config, times: EdgeTimes) {
  return {
    bodyLimit: megabyte,
    routerOptions: { maxParamLength: 100 },
    // Only the listed proxies are believed; what a client wrote before them is not.
    trustProxy: (config.TRUST_PROXY ?? []).length > 0 ? [...config.TRUST_PROXY] : false,
    connectionTimeout: times.idle,
    requestTimeout: times.request,
    keepAliveTimeout: times.keepAlive,
    http: {
      headersTimeout: times.headers,
      connectionsCheckingInterval: times.check,
      maxHeaderSize: 16 * 1024,
      // Refused by us, in the system's shape.
      requireHostHeader: false,
    },
  } satisfies FastifyServerOptions & { http: object };
}

/**
 * Everything that stands between the socket and a route, in this order: headers for safety, CORS (a refusal
 * must be readable for the front-end, too), what is refused whoever asks, limits by address. Who is calling
 * is judged only after all of that; `meanwhile` begins to look it up while the limits are asked for. On the way
 * out: entity tag, then compression.
 */
export async function registerEdge(
  app: FastifyInstance,
  platform: Pick<Platform, 'config' | 'redis' | 'log'>,
  system: string,
  times: EdgeTimes,
  meanwhile: (request: FastifyRequest) => void,
): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    const page = request.routeOptions.url?.startsWith('/admin/') === true;
    reply.headers(page ? pageHeaders : apiHeaders);
    if (request.protocol === 'https') reply.header('strict-transport-security', transportHeader);
    done();
  });
  registerCaching(app);
  await registerCors(app, platform.config);
  registerStrictness(app, times.body);
  await registerRateLimits(app, platform, system, meanwhile);
  await app.register(compress, {
    encodings: ['br', 'gzip'],
    globalDecompression: false,
    threshold: 1_024,
    // A dashboard takes 50 µs at once, less than handing it to another thread; a list of all customers goes there.
    syncThreshold: 32 * 1_024,
    // Measured on lists of customers: half the time of the next level, for half a percent more bytes.
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } },
    zlibOptions: { level: 4 },
  });
}

const corsForListed = {
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  exposedHeaders: [
    ...['x-request-id', 'retry-after', 'content-disposition', 'location', 'x-total-count', 'link'],
    ...['etag', 'idempotent-replayed', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
  ],
  maxAge: 600,
  strictPreflight: false,
};

/**
 * Which request headers a listed front-end sends is its own affair: they are allowed as it asks for them, and
 * without cookies none of them gives a page what its user did not give it.
 */
async function registerCors(app: FastifyInstance, config: Config): Promise<void> {
  // Without a method that it asks for, an OPTIONS is no preflight, but a question for `Allow`.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] !== undefined)
      done();
    else reply.callNotFound();
  });
  const listed = new Set(config.CORS_ORIGINS);
  await app.register(cors, {
    ...corsForListed,
    // A function that says no: with a plain list the plugin would still tell an unlisted origin the methods
    // and headers that it allows to others.
    origin: (origin, done) => done(null, origin !== undefined && listed.has(origin) ? origin : false),
  });
}
