import { CodedError } from '@backoffice/core';
import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Platform } from '../data.ts';
import { together } from '../together.ts';
import { within } from '../within.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Counts against the limit of attempts to sign in, too. */
    signIn?: boolean;
  }
}

const windowMs = 60_000;
/** Redis answers within a millisecond. Whoever asks waits no longer than this for a limit. */
const patienceMs = 250;
/** So often it is asked whether Redis is back. */
const retryMs = 1_000;
/** An operator must see these even while somebody floods the API. */
const unlimited = new Set(['/health', '/ready', '/metrics']);

/** Addresses that are known to be over their limit. */
const mostRefused = 10_000;

interface Count {
  current: number;
  /** Milliseconds until the count begins anew. */
  ttl: number;
}
type Counted = (error: Error | null, count?: Count) => void;

const count = `
local current = redis.call('INCRBY', KEYS[1], ARGV[1])
if current == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {current, redis.call('PTTL', KEYS[1])}`;

/**
 * Limits by client address, counted in Redis, so that all API processes count together. Where Redis does not
 * answer there are no limits: one warning, and no request waits for it. `meanwhile` is done with each request before
 * it waits, unless its address has been refused in the same minute: a flood costs nothing else.
 */
export async function registerRateLimits(
  app: FastifyInstance,
  platform: Pick<Platform, 'config' | 'redis' | 'log'>,
  system: string,
  meanwhile: (request: FastifyRequest) => void,
): Promise<void> {
  const { config, redis, log } = platform;
  const name = `${config.QUEUE_PREFIX}:rate:${system}:`;
  const counters = createCounters(redis, name, log);
  class Store {
    incr = counters.increment;
    child = () => this;
  }
  await app.register(rateLimit, { global: false, store: Store as never, timeWindow: windowMs });

  const limiter = (bucket: string, max: number) => {
    const keyGenerator = (request: FastifyRequest) => `${bucket}:${normalizeIP(request.ip)}`;
    return max > 0 ? app.createRateLimit({ max, keyGenerator }) : null;
  };
  const every = limiter('all', config.RATE_LIMIT_PER_MINUTE);
  const signIns = limiter('sign-in', config.RATE_LIMIT_SIGN_IN_PER_MINUTE);

  /** Until when, by `performance.now()`. */
  const refused = new Map<string, number>();
  function isRefused(request: FastifyRequest): boolean {
    if (refused.size === 0) return false;
    const address = normalizeIP(request.ip);
    if ((refused.get(address) ?? 0) > performance.now()) return true;
    refused.delete(address);
    return false;
  }

  app.addHook('onRequest', async (request, reply) => {
    const { url, config: route } = request.routeOptions;
    if (url !== undefined && unlimited.has(url)) return;
    if (!isRefused(request)) meanwhile(request);
    for (const limit of [every, route.signIn === true ? signIns : null]) {
      if (limit === null) continue;
      const found = await limit(request);
      // Nothing was counted: Redis is away.
      if (found.isAllowed || found.ttl === 0) continue;
      reply.headers({
        'x-ratelimit-limit': found.max,
        'x-ratelimit-remaining': found.remaining,
        'x-ratelimit-reset': found.ttlInSeconds,
      });
      if (!found.isExceeded) continue;
      if (refused.size >= mostRefused) refused.clear();
      if (limit === every) refused.set(normalizeIP(request.ip), performance.now() + found.ttl);
      reply.header('retry-after', found.ttlInSeconds);
      throw new CodedError('TOO_MANY_REQUESTS');
    }
  });
}

/** Who is so far below the limit need not wait for the count: nobody sends as many while it is good. */
const farBelow = 1_000;
/** For so long a count is good for that. */
const goodForMs = 20;

/** The count of an address as Redis said a moment ago, and the requests since then, of which Redis has not heard. */
interface Recent {
  current: number;
  /** When it begins anew, by `performance.now()`. */
  endsAt: number;
  unsent: number;
}

/**
 * Counts in Redis. Requests that come in at one moment share a command, each with its own place in the count; those
 * of an address that is far below its limit are counted here, and sent together.
 */
function createCounters(redis: Redis, name: string, log: Logger) {
  let away = false;
  let askedAt = 0;
  let waiting = new Map<string, Counted[]>();
  const recent = new Map<string, Recent>();

  function isOpen(): boolean {
    if (!away && redis.status !== 'reconnecting' && redis.status !== 'end') return true;
    if (!away) giveUp(new Error(`The connection is ${redis.status}.`));
    const now = performance.now();
    if (now - askedAt > retryMs) {
      askedAt = now;
      // Nobody waits for this one.
      void askAgain();
    }
    return false;
  }

  function giveUp(error: unknown): void {
    recent.clear();
    if (away) return;
    away = true;
    askedAt = performance.now();
    log.warn({ err: error }, 'Redis does not answer: there are no rate limits until it does');
  }

  async function askAgain(): Promise<void> {
    if (redis.status !== 'ready') return;
    try {
      await redis.ping();
      away = false;
      log.info('rate limits are in force again');
    } catch {
      // The next request after a second asks again.
    }
  }

  const flush = together(async () => {
    const batch = waiting;
    waiting = new Map();
    for (const [key, callers] of batch) void countAll(key, callers);
  });

  async function countAll(key: string, callers: readonly Counted[]): Promise<void> {
    const before = recent.get(key)?.unsent ?? 0;
    recent.delete(key);
    try {
      const asked = redis.eval(count, 1, name + key, before + callers.length, windowMs);
      const [current, ttlMs] = await within(asked as Promise<[number, number]>, patienceMs);
      const ttl = Math.max(ttlMs, 1);
      // Another answer may have come in the meantime, and requests been counted on it.
      const unsent = recent.get(key)?.unsent ?? 0;
      remember(key, { current, endsAt: performance.now() + ttl, unsent });
      for (const [index, done] of callers.entries()) {
        done(null, { current: current - callers.length + index + 1, ttl });
      }
    } catch (error) {
      giveUp(error);
      for (const done of callers) done(null, { current: 0, ttl: 0 });
    }
  }

  function remember(key: string, seen: Recent): void {
    recent.set(key, seen);
    setTimeout(() => {
      // Else it has been asked anew.
      if (recent.get(key) !== seen) return;
      if (seen.unsent > 0) void countAll(key, []);
      else recent.delete(key);
    }, goodForMs).unref();
  }

  return {
    increment(key: string, done: Counted, _windowMs: number, max: number): void {
      if (!isOpen()) {
        done(null, { current: 0, ttl: 0 });
        return;
      }
      const seen = recent.get(key);
      const ttl = seen === undefined ? 0 : seen.endsAt - performance.now();
      if (seen !== undefined && ttl > 0 && seen.current + seen.unsent + farBelow < max) {
        seen.unsent += 1;
        done(null, { current: seen.current + seen.unsent, ttl });
        return;
      }
      const callers = waiting.get(key);
      if (callers === undefined) waiting.set(key, [done]);
      else callers.push(done);
      void flush();
    },
  };
}
