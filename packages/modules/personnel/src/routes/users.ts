import { CodedError } from '@backoffice/core';
import {
  type Administrator,
  expectedVersion,
  IdempotencyHeaders,
  idempotencyOf,
  markReplayed,
  type NewMember,
  requireMember,
  sendVersion,
  type UserDocument,
} from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Static } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answer, nothing } from '../answers.ts';
import { metaOf, readId, readPaging, shown } from '../asking.ts';
import { readText } from '../fields.ts';
import { fullName, type OwnMembership, readMembership } from '../people.ts';
import { dbsById, userView } from '../presentation.ts';
import { idOf } from '../repository/dbs.ts';
import {
  Created,
  CreateUserBody,
  Done,
  ResetPasswordBody,
  SearchQuery,
  UpdateUserBody,
  UserAnswer,
  UserParams,
  UsersAnswer,
  VersionHeaders,
} from '../schemas.ts';
import { assertArmyNumber, passwordFault } from './auth.ts';
import type { RouteContext } from './context.ts';

const config = { permission: 'users:administer' };
const tags = ['users'];
const mostDbs = 1_000;
const attempts = 5;

function wrong(field: string, message: string, data?: object): CodedError {
  return new CodedError('INVALID_REQUEST', message, { field, ...(data === undefined ? {} : { data }) });
}

/** `/admin/users` and `/admin/reset-password`: the users of the system, for its administrators. */
export function userRoutes(context: RouteContext): FastifyPluginAsyncTypebox {
  const { identity, repository } = context;
  const { admin, users } = identity;

  const by = (request: FastifyRequest): Administrator => ({
    member: requireMember(request),
    requestId: request.id,
  });

  const allDbs = async () => dbsById(await repository.dbs.list(await context.wholeScope()));

  /** The live member that a path or a body names. INVALID_REQUEST, NOT_FOUND. */
  async function find(given: string, field = 'userId'): Promise<UserDocument> {
    const user = await users.findById(readId(given, 'Invalid user ID', field).toHexString());
    return assertMember(user);
  }

  function assertMember(user: UserDocument | null): UserDocument {
    if (user?.memberships.personnel === undefined) throw new CodedError('NOT_FOUND', 'User not found');
    return user;
  }

  /** Ids that are none, and ids of dbs that are not there. INVALID_REQUEST for what is no list (contract). */
  async function checkDbs(
    given: unknown,
  ): Promise<{ ids: string[]; malformed: unknown[]; unknown: string[] }> {
    const field = 'allowed_dbs';
    if (!Array.isArray(given)) throw wrong(field, 'allowed_dbs must be a list');
    if (given.length > mostDbs) throw wrong(field, `allowed_dbs holds more than ${mostDbs} ids`);
    const malformed = given.filter((each) => typeof each !== 'string' || idOf(each) === null);
    const texts = given.filter((each) => typeof each === 'string' && idOf(each) !== null) as string[];
    const ids = [...new Set(texts.map((each) => each.toLowerCase()))];
    const existing = await repository.dbs.existing(ids);
    return { ids, malformed, unknown: ids.filter((id) => !existing.has(id)) };
  }

  async function dbsOfNew(given: unknown): Promise<string[]> {
    if (given === undefined) return [];
    const { ids, malformed, unknown } = await checkDbs(given);
    if (malformed.length > 0) {
      throw wrong('allowed_dbs', 'Invalid DB ID format', { invalid: shown(malformed[0]) });
    }
    if (unknown.length > 0) {
      const data = { invalid: unknown[0] };
      throw new CodedError('NOT_FOUND', 'Database not found', { field: 'allowed_dbs', data });
    }
    return ids;
  }

  async function dbsToSet(given: unknown): Promise<string[]> {
    const { ids, malformed, unknown } = await checkDbs(given);
    const invalid = [...malformed.map(shown), ...unknown];
    if (invalid.length > 0) throw wrong('allowed_dbs', 'Invalid DB IDs in allowed_dbs', { invalid });
    return ids;
  }

  /** What a body changes of a membership; a role is never among it. INVALID_REQUEST. */
  async function changeIn(body: {
    first_name?: string;
    last_name?: string;
    allowed_dbs?: unknown;
    access_all_db?: boolean;
  }): Promise<Partial<OwnMembership>> {
    const { first_name, last_name, allowed_dbs, access_all_db } = body;
    const filled = { filled: true };
    return {
      ...(first_name === undefined ? {} : { firstName: readText('first_name', first_name, filled) }),
      ...(last_name === undefined ? {} : { lastName: readText('last_name', last_name, filled) }),
      ...(allowed_dbs === undefined ? {} : { allowedDbs: await dbsToSet(allowed_dbs) }),
      ...(access_all_db === undefined ? {} : { accessAllDb: access_all_db }),
    };
  }

  /** The platform's `name` is made of both names, so it must come from the record that is changed. */
  async function update(request: FastifyRequest, id: string, change: Partial<OwnMembership>) {
    const expected = expectedVersion(request);
    for (let attempt = 1; ; attempt += 1) {
      const seen = await find(id);
      const { firstName, lastName } = { ...readMembership(seen.memberships.personnel!), ...change };
      const named = change.firstName !== undefined || change.lastName !== undefined;
      const name = named ? { name: fullName(firstName, lastName) } : {};
      try {
        return await admin.update(by(request), id, { ...name, membership: change }, expected ?? seen.version);
      } catch (error) {
        const again = error instanceof CodedError && error.code === 'STALE' && expected === null;
        if (!again) throw error;
        if (attempt === attempts) throw new CodedError('CONFLICT');
      }
    }
  }

  /** A new user from a body; never an administrator. INVALID_REQUEST, NOT_FOUND. */
  async function newUser(body: Static<typeof CreateUserBody>): Promise<NewMember> {
    const { password, access_all_db: accessAllDb = false } = body;
    const filled = { filled: true };
    const firstName = readText('first_name', body.first_name, filled);
    const lastName = readText('last_name', body.last_name, filled);
    const armyNumber = readText('army_number', body.army_number, filled);
    const allowedDbs = await dbsOfNew(body.allowed_dbs);
    const names = { firstName, lastName };
    const membership: OwnMembership = {
      role: 'user',
      ...names,
      allowedDbs,
      accessAllDb,
      isGenerated: true,
    };
    return { name: fullName(firstName, lastName), armyNumber, password, membership };
  }

  async function sendUser(reply: FastifyReply, message: string, user: UserDocument) {
    sendVersion(reply, user.version);
    return answer(message, userView(user, await allDbs()));
  }

  return async (app) => {
    app.post(
      '/admin/users',
      {
        config,
        schema: {
          tags,
          summary: 'Create a user; an Idempotency-Key makes a repetition safe',
          headers: IdempotencyHeaders,
          body: CreateUserBody,
          response: { 201: Created },
        },
      },
      async (request, reply) => {
        const given = await newUser(request.body);
        const { user, replayed } = await admin
          .create(by(request), given, idempotencyOf(request))
          .catch(passwordFault('password'))
          .catch(inWordsOfTheContract);
        if (replayed) markReplayed(reply);
        const data = { id: user._id.toHexString() };
        return reply.code(201).send(answer('User created successfully', data, 201));
      },
    );

    app.get(
      '/admin/users',
      {
        config,
        schema: {
          tags,
          summary: 'The users; administrators are not among them',
          querystring: SearchQuery,
          response: { 200: UsersAnswer },
        },
      },
      async (request) => {
        const paging = readPaging(request.query);
        const search = {
          text: (request.query.search ?? '').trim(),
          fields: ['firstName', 'lastName', 'armyNumber'],
        };
        const page = paging.skip / paging.limit + 1;
        const { limit } = paging;
        const query = { roles: ['user'], search, order: 'created', page, limit } as const;
        const found = await users.searchMembers('personnel', query);
        const dbs = await allDbs();
        const data = found.users.map((user) => userView(user, dbs));
        return answer('Users fetched successfully', { data, meta: metaOf(found.total, paging) });
      },
    );

    app.patch(
      '/admin/users/:userId',
      {
        config,
        schema: {
          tags,
          summary: 'Change names and the dbs within reach; If-Match is heeded',
          params: UserParams,
          headers: VersionHeaders,
          body: UpdateUserBody,
          response: { 200: UserAnswer },
        },
      },
      async (request, reply) => {
        const { _id } = await find(request.params.userId);
        const user = await update(request, _id.toHexString(), await changeIn(request.body));
        return sendUser(reply, 'User updated successfully', user);
      },
    );

    app.delete(
      '/admin/users/:userId',
      {
        config,
        schema: {
          tags,
          summary: 'Remove a user; the sign-in ends and the army number is free',
          params: UserParams,
          headers: VersionHeaders,
          response: { 200: Done },
        },
      },
      async (request) => {
        const id = readId(request.params.userId, 'Invalid user ID', 'userId').toHexString();
        if (id === requireMember(request).userId) throw wrong('userId', 'Admins cannot delete themselves');
        await find(id);
        await admin.remove(by(request), id, expectedVersion(request));
        return answer('User deleted successfully', nothing);
      },
    );

    app.post(
      '/admin/reset-password',
      {
        config,
        schema: {
          tags,
          summary: 'Another password for a user, who is named by id or army number; ends every sign-in',
          body: ResetPasswordBody,
          response: { 200: Done },
        },
      },
      async (request) => {
        const { user_id, army_number, new_password } = request.body;
        const user = await named(user_id ?? undefined, army_number ?? undefined);
        await admin
          .resetPassword(by(request), user._id.toHexString(), new_password, { isGenerated: true })
          .catch(passwordFault('new_password'));
        return answer('Password reset successfully', nothing);
      },
    );
  };

  /** The user that a reset means. INVALID_REQUEST, NOT_FOUND. */
  async function named(id: string | undefined, armyNumber: string | undefined): Promise<UserDocument> {
    if (id !== undefined) return find(id, 'user_id');
    if (armyNumber === undefined) throw wrong('user_id', 'user_id or army_number is required');
    assertArmyNumber(armyNumber);
    return assertMember(await users.findByArmyNumber(armyNumber));
  }
}

/** A number that is taken is 400 here (contract). */
function inWordsOfTheContract(error: unknown): never {
  if (error instanceof CodedError && error.code === 'ARMY_NUMBER_TAKEN') {
    throw new CodedError('ALREADY_EXISTS', 'User already exists', { field: 'army_number' });
  }
  throw error;
}
