import { CodedError } from '@backoffice/core';
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Member } from '../auth/member.ts';
import { originOf } from '../auth/own-account.ts';
import type { SignIn } from '../auth/sign-in.ts';
import type { SignInKind } from '../auth/sign-in-names.ts';
import { toCodedError } from '../http/errors.ts';
import type { SystemModule } from '../http/module.ts';
import { statusOfCode } from '../http/status.ts';
import type { BrowserSessions } from './browser-session.ts';
import { pagePolicy, pageStyle, signInPage } from './sign-in-page.ts';

export const permission = 'operations:read';
export const boardPath = '/admin/queues';
const links = [
  { text: 'Queues', href: boardPath },
  { text: 'API reference', href: '/docs' },
];

export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

export interface OperatorPages {
  module: SystemModule;
  sessions: BrowserSessions;
  /** Lets an API token with the route's permission through, else throws. */
  authenticate: (request: FastifyRequest) => Promise<void>;
}

const signInBody = (signInBy: SignInKind) =>
  Type.Object(
    {
      form: Type.String({ maxLength: 100 }),
      next: Type.String({ maxLength: 200 }),
      [signInBy]: Type.String({ minLength: 1, maxLength: 320 }),
      password: Type.String({ minLength: 1, maxLength: 1024 }),
    },
    { additionalProperties: false },
  );
const SignOutBody = Type.Object({ form: Type.String({ maxLength: 100 }) }, { additionalProperties: false });
const NextQuery = Type.Object({ next: Type.Optional(Type.String({ maxLength: 200 })) });

const mayOperate = ({ permissions }: SystemModule, { role }: Member) =>
  permissions[permission]?.includes(role) === true;

/** Only where we can go ourselves: an address from outside would send a signed-in user anywhere. */
function ownPage(next: string | undefined): string {
  return next !== undefined && /^\/(admin\/queues|docs)(\/[\w./-]*)?$/.test(next) ? next : boardPath;
}

/**
 * The hook before everything that only administrators see: by API token or by the browser's cookie. A browser
 * that is not signed in is answered with the page on which it can (401 all the same); whoever is signed in and
 * no administrator is told that there is nothing.
 */
export function createOperatorGuard({ module, sessions, authenticate }: OperatorPages): Guard {
  async function requireOperator(request: FastifyRequest): Promise<void> {
    if (request.headers.authorization !== undefined) {
      try {
        return await authenticate(request);
      } catch (error) {
        throw error instanceof CodedError && error.code === 'FORBIDDEN' ? new CodedError('NOT_FOUND') : error;
      }
    }
    const member = await sessions.memberOf(request);
    if (member === null) throw new CodedError('UNAUTHENTICATED');
    if (!mayOperate(module, member)) throw new CodedError('NOT_FOUND');
    request.member = member;
  }

  return async function guard(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    try {
      return await requireOperator(request);
    } catch (error) {
      const wantsPage = request.method === 'GET' && /\btext\/html\b/.test(request.headers.accept ?? '');
      if (!wantsPage || !(error instanceof CodedError) || error.code !== 'UNAUTHENTICATED') throw error;
      const next = ownPage(request.url.split('?', 1)[0]);
      return sendPage(reply.code(401), sessions, { module, name: null, next });
    }
  };
}

function sendPage(
  reply: FastifyReply,
  sessions: BrowserSessions,
  facts: { module: SystemModule; name: string | null; next?: string; fault?: string; typed?: string },
): FastifyReply {
  const { module, next = boardPath, ...rest } = facts;
  const { title, signInBy = 'email' } = module;
  const formToken = sessions.formToken(reply);
  const page = signInPage({ ...rest, title, signInBy, next, links, formToken });
  return reply
    .header('content-security-policy', pagePolicy)
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'same-origin')
    .header('x-frame-options', 'DENY')
    .type('text/html; charset=utf-8')
    .serializer((text: string) => text)
    .send(page);
}

/** `/admin/sign-in` and `/admin/sign-out`. */
export function signInPages(
  { module, sessions }: Omit<OperatorPages, 'authenticate'>,
  signIn: SignIn,
): FastifyPluginAsyncTypebox {
  const { signInBy = 'email' } = module;

  return async (app) => {
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 8_192 },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    // A form is answered with a page, whatever is wrong with it.
    app.setErrorHandler((thrown, request, reply) => {
      const error = toCodedError(thrown);
      const status = statusOfCode[error.code];
      if (status >= 500) request.log.error({ err: thrown }, 'request failed');
      const { retryAfterSeconds } = (error.details ?? {}) as { retryAfterSeconds?: number };
      if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
      const { [signInBy]: typed, next } = (request.body ?? {}) as Record<string, unknown>;
      return sendPage(reply.code(status), sessions, {
        module,
        name: null,
        fault: error.message,
        next: ownPage(typeof next === 'string' ? next : undefined),
        ...(typeof typed === 'string' ? { typed: typed.slice(0, 320) } : {}),
      });
    });

    app.get(
      '/admin/sign-in',
      { config: { public: true }, schema: { hide: true, querystring: NextQuery } },
      async (request, reply) => {
        const member = await sessions.memberOf(request);
        return sendPage(reply, sessions, {
          module,
          name: member?.name ?? null,
          next: ownPage(request.query.next),
        });
      },
    );

    app.get(
      '/admin/sign-in.css',
      { config: { public: true }, schema: { hide: true } },
      async (_request, reply) => {
        reply.type('text/css; charset=utf-8').header('cache-control', 'public, max-age=3600');
        return reply.serializer((text: string) => text).send(pageStyle);
      },
    );

    app.post(
      '/admin/sign-in',
      { config: { public: true, signIn: true }, schema: { hide: true, body: signInBody(signInBy) } },
      async (request, reply) => {
        const { form, next, [signInBy]: typed, password } = request.body as Record<string, string>;
        if (!sessions.isOwnForm(request, form!)) throw new CodedError('FORBIDDEN', staleForm);
        const { user, member } = await signIn.withPassword(originOf(request), typed!, password!);
        if (!mayOperate(module, member))
          throw new CodedError('FORBIDDEN', 'This page is for administrators.');
        sessions.open(reply, user, member.role);
        return reply.redirect(ownPage(next), 303);
      },
    );

    app.post(
      '/admin/sign-out',
      { config: { public: true }, schema: { hide: true, body: SignOutBody } },
      async (request, reply) => {
        if (!sessions.isOwnForm(request, request.body.form)) throw new CodedError('FORBIDDEN', staleForm);
        sessions.close(reply);
        return reply.redirect('/admin/sign-in', 303);
      },
    );
  };
}

const staleForm = 'This form was not sent from here, or is too old. Please try again.';
