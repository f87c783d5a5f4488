import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { memberOf } from '../auth/authenticate.ts';
import type { Member } from '../auth/member.ts';
import type { UserDocument, UserRepository } from '../auth/users.ts';
import type { Platform } from '../data.ts';
import type { SystemModule } from '../http/module.ts';

const sessionName = 'backoffice_session';
const formName = 'backoffice_form';
const formSeconds = 3_600;

interface SessionClaims {
  sub?: string;
  tv: number;
}

export type BrowserSessions = ReturnType<typeof createBrowserSessions>;

/**
 * The sign-in of a browser to the pages for administrators: a cookie with a token of an audience of its own,
 * which no API route takes. As everywhere the user is read anew on every request, so that a disabled one is out
 * at once.
 */
export function createBrowserSessions(
  app: FastifyInstance,
  { config }: Platform,
  module: SystemModule,
  users: UserRepository,
) {
  const audience = `${module.name}:browser`;
  const formKey = createHmac('sha256', config.JWT_SECRET).update('sign-in form').digest();

  /** Over HTTPS, and in production always: browsers take a secure cookie from plain localhost too. */
  const isSecure = (request: FastifyRequest) =>
    config.NODE_ENV === 'production' || request.protocol === 'https';
  // With that prefix a browser takes it only with Secure, from this very host and for all of it.
  const nameOf = (request: FastifyRequest, name: string) => (isSecure(request) ? `__Host-${name}` : name);

  function setCookie(reply: FastifyReply, name: string, value: string, maxAge: number): void {
    const secure = isSecure(reply.request);
    const cookie = app.serializeCookie(nameOf(reply.request, name), value, {
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      secure,
      maxAge,
    });
    const before = reply.getHeader('set-cookie');
    reply.header('set-cookie', [before ?? [], cookie].flat());
  }

  function cookieOf(request: FastifyRequest, name: string): string | undefined {
    return app.parseCookie(request.headers.cookie ?? '')[nameOf(request, name)];
  }

  const sealOf = (nonce: string) => createHmac('sha256', formKey).update(nonce).digest('base64url');

  /** Null for a token that none of our keys has signed, or for another audience. */
  function claimsOf(token: string): SessionClaims | null {
    for (const key of app.tokenKeys.values()) {
      try {
        // The audience in place of the API's; all else is demanded as there.
        return app.jwt.verify<SessionClaims>(token, { key, allowedAud: audience });
      } catch {
        // Whatever is wrong with it, nobody is signed in.
      }
    }
    return null;
  }

  return {
    /** Signs the browser in for BROWSER_SESSION_MINUTES. */
    open(reply: FastifyReply, user: Pick<UserDocument, '_id' | 'tokenVersion'>, role: string): void {
      const minutes = config.BROWSER_SESSION_MINUTES;
      const token = app.jwt.sign(
        { role, tv: user.tokenVersion },
        { sub: user._id.toHexString(), aud: audience, expiresIn: `${minutes}m` },
      );
      setCookie(reply, sessionName, token, minutes * 60);
    },

    close(reply: FastifyReply): void {
      setCookie(reply, sessionName, '', 0);
    },

    /** Who is signed in, whatever their role; null for nobody. */
    async memberOf(request: FastifyRequest): Promise<Member | null> {
      const token = cookieOf(request, sessionName);
      if (!token) return null;
      const claims = claimsOf(token);
      if (typeof claims?.sub !== 'string') return null;
      const user = await users.findById(claims.sub);
      return user !== null && user.tokenVersion === claims.tv ? memberOf(user, module.name) : null;
    },

    /** What a form of ours carries along, and no other site can know: it goes with a cookie. */
    formToken(reply: FastifyReply): string {
      const known = cookieOf(reply.request, formName);
      const nonce = known && /^[\w-]{22}$/.test(known) ? known : randomBytes(16).toString('base64url');
      setCookie(reply, formName, nonce, formSeconds);
      return sealOf(nonce);
    },

    /** Whether a form was sent by a page of ours, which this browser had been given. */
    isOwnForm(request: FastifyRequest, given: string): boolean {
      const nonce = cookieOf(request, formName);
      if (nonce === undefined || !isSameOrigin(request)) return false;
      const expected = Buffer.from(sealOf(nonce));
      const actual = Buffer.from(given);
      return expected.length === actual.length && timingSafeEqual(expected, actual);
    },
  };
}

/** By what the browser says of itself; an older one says only the origin. A request that says neither is refused. */
function isSameOrigin({ headers, host }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  if (headers.origin === undefined || !URL.canParse(headers.origin)) return false;
  return new URL(headers.origin).host === host;
}
