import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Platform } from '../data.ts';
import { IdempotencyHeaders, idempotencyOf, markReplayed } from '../http/idempotency.ts';
import { expectedVersion, sendVersion } from '../http/if-match.ts';
import type { SystemModule } from '../http/module.ts';
import { momentsOf } from '../http/query-days.ts';
import type { Identity } from './identity.ts';
import { type Membership, membershipOf, requireMember } from './member.ts';
import { createSignInLog, type SignInQuery } from './sign-in-log.ts';
import type { Administrator, UserFacts } from './user-admin.ts';
import {
  Done,
  OwnSignInsQuery,
  ResetPasswordBody,
  SignIns,
  SignInsQuery,
  UserParams,
  UsersQuery,
  userSchemas,
} from './user-schemas.ts';
import { signInsView, userView } from './user-views.ts';
import { userIdOf } from './users.ts';

const config = { permission: 'users:administer' };
const tags = ['users'];
const done = { success: true } as const;
const person = new Set(['name', 'email', 'armyNumber', 'contact', 'password']);

/** `/admin/users` and `/admin/sign-ins`: the members of one system, for its administrators. */
export function userRoutes(
  platform: Platform,
  module: SystemModule,
  { users, admin }: Identity,
): FastifyPluginAsyncTypebox {
  const { name: system, signInBy = 'email' } = module;
  const { User, Users, CreateBody, AdmitBody, UpdateBody } = userSchemas(module);
  const log = createSignInLog(platform);
  const zone = platform.config.TIME_ZONE;

  const by = (request: FastifyRequest): Administrator => ({
    member: requireMember(request),
    requestId: request.id,
  });

  /** The part of a body that is the membership. */
  function membershipIn(body: object): Partial<Membership> {
    return Object.fromEntries(Object.entries(body).filter(([key]) => !person.has(key)));
  }

  /** What a body says of the person, but for the password. */
  function personIn(body: object): UserFacts {
    const { name, email, armyNumber, contact } = body as UserFacts;
    return {
      ...(name === undefined ? {} : { name: name.trim() }),
      ...(email === undefined ? {} : { email }),
      ...(armyNumber === undefined ? {} : { armyNumber: armyNumber.trim() }),
      ...(contact === undefined ? {} : { contact }),
    };
  }

  function answer(reply: FastifyReply, user: Parameters<typeof userView>[0]) {
    sendVersion(reply, user.version);
    return userView(user, module);
  }

  return async (app) => {
    app.get(
      '/admin/users',
      {
        config,
        schema: {
          tags,
          summary: 'The members of the system',
          querystring: UsersQuery,
          response: { 200: Users },
        },
      },
      async (request) => {
        const { page = 1, limit = 50, search = '', status, role } = request.query;
        const needle = search.trim().toLowerCase();
        const everybody =
          status === 'removed' ? await users.listFormer(system) : await users.listMembers(system);
        const found = everybody
          .map((user) => userView(user, module))
          .filter((user) => status === undefined || user.status === status)
          .filter((user) => role === undefined || user.role === role)
          .filter((user) => `${user.name}\n${user[signInBy] ?? ''}`.toLowerCase().includes(needle));
        return { total: found.length, page, limit, users: found.slice((page - 1) * limit, page * limit) };
      },
    );

    app.get(
      '/admin/users/:id',
      { config, schema: { tags, summary: 'One of them', params: UserParams, response: { 200: User } } },
      async (request, reply) => answer(reply, await admin.find(request.params.id)),
    );

    app.post(
      '/admin/users',
      {
        config,
        schema: {
          tags,
          summary: 'Create a user; an Idempotency-Key makes a repetition safe',
          headers: IdempotencyHeaders,
          body: CreateBody,
          response: { 201: User },
        },
      },
      async (request, reply) => {
        const { name, password, ...facts } = request.body as unknown as Record<string, string>;
        const membership = membershipOf(module, membershipIn(request.body));
        const given = { ...personIn(facts), name: name!.trim(), password: password!, membership };
        const { user, replayed } = await admin.create(by(request), given, idempotencyOf(request));
        if (replayed) markReplayed(reply);
        reply.code(201);
        return answer(reply, user);
      },
    );

    app.post(
      '/admin/users/admit',
      {
        config,
        schema: {
          tags,
          summary: 'Make somebody who uses another system a member of this one',
          body: AdmitBody,
          response: { 200: User },
        },
      },
      async (request, reply) => {
        const { [signInBy]: typed } = request.body as unknown as Record<string, string>;
        const membership = membershipOf(module, membershipIn(request.body));
        return answer(reply, await admin.admit(by(request), typed!, membership));
      },
    );

    app.patch(
      '/admin/users/:id',
      {
        config,
        schema: {
          tags,
          summary: 'Change name, e-mail, contact or membership; If-Match is heeded',
          params: UserParams,
          body: UpdateBody,
          response: { 200: User },
        },
      },
      async (request, reply) => {
        const facts = { ...personIn(request.body), membership: membershipIn(request.body) };
        const expected = expectedVersion(request);
        return answer(reply, await admin.update(by(request), request.params.id, facts, expected));
      },
    );

    for (const [verb, status] of [
      ['disable', 'disabled'],
      ['enable', 'active'],
    ] as const) {
      app.post(
        `/admin/users/:id/${verb}`,
        {
          config,
          schema: {
            tags,
            summary: verb === 'enable' ? 'Let the user sign in again' : 'Keep the user out, at once',
            params: UserParams,
            response: { 200: User },
          },
        },
        async (request, reply) => {
          const { id } = request.params;
          return answer(reply, await admin.setStatus(by(request), id, status, expectedVersion(request)));
        },
      );
    }

    app.post(
      '/admin/users/:id/reset-password',
      {
        config,
        schema: {
          tags,
          summary: 'Set another password; ends every sign-in of the user',
          params: UserParams,
          body: ResetPasswordBody,
          response: { 200: Done },
        },
      },
      async (request) => {
        await admin.resetPassword(by(request), request.params.id, request.body.password);
        return done;
      },
    );

    app.post(
      '/admin/users/:id/sign-out',
      {
        config,
        schema: {
          tags,
          summary: 'End every sign-in of the user',
          params: UserParams,
          response: { 200: Done },
        },
      },
      async (request) => {
        await admin.signOut(by(request), request.params.id);
        return done;
      },
    );

    app.delete(
      '/admin/users/:id',
      {
        config,
        schema: {
          tags,
          summary: 'Remove the user from the system; the name stays in figures and in the audit',
          params: UserParams,
          response: { 200: Done },
        },
      },
      async (request) => {
        await admin.remove(by(request), request.params.id, expectedVersion(request));
        return done;
      },
    );

    app.get(
      '/admin/users/:id/sign-ins',
      {
        config,
        schema: {
          tags,
          summary: 'Attempts to sign in as the user, newest first',
          params: UserParams,
          querystring: OwnSignInsQuery,
          response: { 200: SignIns },
        },
      },
      async (request) => {
        const { page = 1, limit = 50 } = request.query;
        const { _id: userId } = await admin.find(request.params.id);
        return signInsView(await log.list({ system, userId, page, limit }), page, limit);
      },
    );

    app.get(
      '/admin/sign-ins',
      {
        config,
        schema: {
          tags,
          summary: 'Attempts to sign in to the system, newest first',
          querystring: SignInsQuery,
          response: { 200: SignIns },
        },
      },
      async (request) => {
        const { page = 1, limit = 50, userId, outcome, ...days } = request.query;
        const query: SignInQuery = { system, page, limit, ...momentsOf(days, zone) };
        if (userId !== undefined) {
          await admin.find(userId);
          query.userId = userIdOf(userId)!;
        }
        if (outcome !== undefined) query.outcome = outcome;
        return signInsView(await log.list(query), page, limit);
      },
    );
  };
}
