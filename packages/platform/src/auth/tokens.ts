import { createHash } from 'node:crypto';
import fastifyJwt from '@fastify/jwt';
import type { FastifyInstance } from 'fastify';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';
import type { UserDocument } from './users.ts';

const issuer = 'backoffice';

export interface TokenClaims {
  sub: string;
  /** For display by the front-end only; what a caller may do is read from the record. */
  role: string;
  tv: number;
}

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: Omit<TokenClaims, 'sub'> & { sub?: string };
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The keys whose tokens are taken, by their `kid`; the first of them signs. */
    tokenKeys: ReadonlyMap<string, string>;
  }
}

/** Names a key without telling anything about it. */
export function keyId(secret: string): string {
  return createHash('sha256').update(`kid\n${secret}`).digest('hex').slice(0, 16);
}

/** Teaches the instance to sign and verify this system's tokens. */
export async function registerTokens(app: FastifyInstance, { config }: Platform, module: SystemModule) {
  const { name: system, tokenMinutes } = module;
  const { JWT_SECRET, JWT_SECRET_PREVIOUS, TOKEN_HOURS } = config;
  const minutes = tokenMinutes?.(config) ?? TOKEN_HOURS * 60;
  const keys = [JWT_SECRET, JWT_SECRET_PREVIOUS].filter(Boolean);
  app.decorate('tokenKeys', new Map(keys.map((key) => [keyId(key), key])));
  await app.register(fastifyJwt, {
    secret: JWT_SECRET,
    sign: {
      algorithm: 'HS256',
      kid: keyId(JWT_SECRET),
      iss: issuer,
      aud: system,
      // A text with its unit: a bare number is read as seconds here and as milliseconds by the library below.
      expiresIn: `${minutes}m`,
    },
    verify: {
      // Named one by one: what is not named here, the library does not look at.
      algorithms: ['HS256'],
      allowedIss: issuer,
      allowedAud: system,
      requiredClaims: ['exp', 'iss', 'aud', 'sub'],
    },
  });
}

export function signToken(app: FastifyInstance, user: UserDocument, role: string): string {
  return app.jwt.sign({ role, tv: user.tokenVersion }, { sub: user._id.toHexString() });
}

/** Of those who are signed in, some hundred bytes each. */
const mostVerified = 5_000;

type Verified = TokenClaims & { exp: number };

/**
 * Reads the token in `Authorization`, and remembers those that were verified, for a signature that was right stays so.
 * Whether it has expired is looked at each time; whose token it is, and whether it still counts, is read from the
 * record in any case. `form`: the whole header, with the token as its first group.
 */
export function createTokenReader(app: FastifyInstance, form: RegExp) {
  const verified = new Map<string, Verified>();

  /** The claims in a header that was verified before; null for any other. */
  function known(header = ''): TokenClaims | null {
    const claims = verified.get(header);
    if (claims === undefined) return null;
    if (claims.exp * 1_000 > Date.now()) return claims;
    verified.delete(header);
    return null;
  }

  /** The claims of a good token, else null. */
  function read(header = ''): TokenClaims | null {
    const before = known(header);
    if (before !== null) return before;
    const token = form.exec(header)?.[1];
    const claims = token === undefined ? null : (claimsOf(app, token) as Verified | null);
    if (claims === null) return null;
    if (verified.size >= mostVerified) verified.delete(verified.keys().next().value!);
    verified.set(header, claims);
    return claims;
  }

  return { known, read };
}

/**
 * The claims of a token that one of the keys has signed; null for any other, whatever is wrong with it. A token
 * that names a key must be of that key; one that names none (from before keys had names) may be of either.
 */
export function claimsOf(app: FastifyInstance, token: string): TokenClaims | null {
  const kid = kidOf(token);
  const [current] = app.tokenKeys.values();
  for (const [id, key] of app.tokenKeys) {
    if (kid !== undefined && kid !== id) continue;
    try {
      // With options of its own the library builds a verifier each time; only the passing key pays for that.
      const claims = app.jwt.verify<TokenClaims>(token, key === current ? undefined : { key });
      if (typeof claims.sub === 'string') return claims;
    } catch {
      // The answer is the same for all: null.
    }
  }
  return null;
}

/** Undefined where the header names no key. What can't be read is a name that no key has. */
function kidOf(token: string): unknown {
  try {
    const header = JSON.parse(Buffer.from(token.split('.', 1)[0]!, 'base64url').toString('utf8'));
    return (header as { kid?: unknown }).kid;
  } catch {
    return null;
  }
}
