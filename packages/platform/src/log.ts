import { type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from './config/schema.ts';

/** Names under which secrets and personal data travel, in any letter case and at any depth. */
const secretName =
  /^(password|passwordhash|newpassword|currentpassword|token|accesstoken|refreshtoken|secret|jwt_secret|seed_password|authorization|proxy-authorization|cookie|set-cookie|x-api-key|apikey|email|e-?mail|contact|phone|mobile|uri|mongodb_uri|redis_url)$/i;
const hidden = '[hidden]';
const maximumDepth = 8;

/** E-mail addresses, bearer tokens and credentials of addresses inside a text. */
export function withoutSecrets(text: string): string {
  return (
    text
      .replace(/[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}/g, hidden)
      .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, `$1 ${hidden}`)
      .replace(/:\/\/[^\s/@]+@/g, `://${hidden}@`)
      // MongoDB repeats the value that was there twice.
      .replace(/dup key: \{.*?\}/g, `dup key: ${hidden}`)
  );
}

/**
 * The same value without secrets. Names are matched at any depth, which a list of paths cannot do: what is
 * logged one level deeper than somebody thought of would show.
 */
function clean(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return describeError(value, depth);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maximumDepth) return '[too deep]';
  if (Array.isArray(value)) return value.map((each) => clean(each, depth + 1));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return value;
  const prototype = Object.getPrototypeOf(value);
  // A request, a socket, a client: endless, and full of what must not be seen.
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor.name}]`;
  const copy: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(value)) {
    copy[name] = secretName.test(name) ? hidden : clean(each, depth + 1);
  }
  return copy;
}

/**
 * What is logged of an error: only what is known to be harmless. Libraries hang queries, documents and
 * whole requests on theirs.
 */
function describeError(error: Error, depth = 0): object {
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: withoutSecrets(error.message),
    stack: withoutSecrets(error.stack ?? ''),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.cause instanceof Error && depth < maximumDepth
      ? { cause: describeError(error.cause, depth + 1) }
      : {}),
  };
}

/** Structured logs, one JSON object a line; secrets and personal data never get into one. */
export function createLog(config: Pick<Config, 'LOG_LEVEL'>, destination?: DestinationStream): Logger {
  const options = {
    level: config.LOG_LEVEL,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: clean },
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (facts: object) => clean({ ...facts }) as Record<string, unknown>,
    },
    hooks: {
      // The sentence itself may be a library's text.
      logMethod(this: Logger, args: unknown[], method: (...args: never[]) => void) {
        const [facts, ...texts] = args;
        const error = facts instanceof Error ? facts : (facts as { err?: unknown } | null)?.err;
        // Without a sentence pino would take that of the error, as it is.
        if (error instanceof Error && texts.length === 0) texts.push(error.message);
        const cleaned = [facts, ...texts].map((arg) => (typeof arg === 'string' ? withoutSecrets(arg) : arg));
        method.apply(this, cleaned as never);
      },
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
