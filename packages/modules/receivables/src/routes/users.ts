import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { readFilter } from '../asking.ts';
import { readMembership } from '../people.ts';
import { Users, UsersQuery } from '../schemas.ts';
import type { RouteContext } from './context.ts';

/** The team: every active member of the system, without anything secret. */
export function userRoutes({ users }: RouteContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/users',
      {
        config: { permission: 'users:read' },
        schema: {
          tags: ['users'],
          summary: 'The team; `role=Engineer&region=pune` gives the engineers of a region',
          querystring: UsersQuery,
          response: { 200: Users },
        },
      },
      async (request) => {
        const { region: wanted } = readFilter(
          request.query.region === undefined ? {} : { region: request.query.region },
        );
        const members = await users.listMembers(
          'receivables',
          request.query.role ? [request.query.role] : undefined,
        );
        return members
          .filter((user) => user.status === 'active')
          .map((user) => {
            const { role, region, department } = readMembership(user.memberships.receivables!);
            const { name, email, contact } = user;
            return { id: user._id.toHexString(), name, email, role, region, department, contact };
          })
          .filter((user) => wanted === null || user.region === wanted);
      },
    );
  };
}
