import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { Identity } from '../src/auth/identity.ts';
import { requireMember } from '../src/auth/member.ts';
import type { UserDocument } from '../src/auth/users.ts';
import type { Platform } from '../src/data.ts';
import type { Envelope } from '../src/http/envelope.ts';
import type { SystemModule } from '../src/http/module.ts';
import { dedupeKeyOf } from '../src/uploads/model.ts';
import { acceptForms } from '../src/uploads/receive.ts';
import { sendAccepted, uploadRoutes } from '../src/uploads/routes.ts';
import { acceptedView } from '../src/uploads/view.ts';
import { kindName } from './test-kind.ts';

/** `{ message, statusCode, data }`, as some front-ends want every answer. */
export const envelope: Envelope = {
  wrap: (data, { statusCode, message }) => ({ message, statusCode, data }),
  schema: (data) => Type.Object({ message: Type.String(), statusCode: Type.Integer(), data }),
};

const Text = Type.String({ minLength: 1, maxLength: 200 });
const Rooms = Type.Array(Text);
const Credentials = Type.Object({ number: Text, password: Text });
const Passwords = Type.Object({ old: Text, next: Text });
const NewKeeper = Type.Object({ number: Text, first: Text, last: Text, password: Text, rooms: Rooms });
const KeeperChanges = Type.Object({ first: Type.Optional(Text), rooms: Type.Optional(Rooms) });
const NewPassword = Type.Object({ number: Text, password: Text });

function keeperView({ _id, name, armyNumber, memberships }: UserDocument) {
  return { id: _id.toHexString(), name, number: armyNumber, ...memberships.stores };
}

const routes =
  (
    platform: Platform,
    { users, admin, signIn, signToken, own, originOf }: Identity,
  ): FastifyPluginAsyncTypebox =>
  async (app) => {
    const chief = { permission: 'keepers:administer' };
    const anyone = { permission: 'rooms:read' };
    const by = (request: Parameters<typeof requireMember>[0]) => ({
      member: requireMember(request),
      requestId: request.id,
    });

    app.post('/auth/login', { config: { public: true }, schema: { body: Credentials } }, async (request) => {
      const { number, password } = request.body;
      const { user, member } = await signIn.withPassword(originOf(request), number, password);
      return { token: signToken(user, member.role), rooms: member.membership.rooms };
    });
    app.post('/auth/change-password', { config: anyone, schema: { body: Passwords } }, async (request) => {
      const { old: currentPassword, next: newPassword } = request.body;
      const membership = { isGenerated: false };
      return keeperView(await own.changePassword(request, { currentPassword, newPassword, membership }));
    });
    app.get('/me', { config: anyone }, async (request) => request.member);
    app.post('/goods', { config: anyone, schema: { body: Type.Array(NewKeeper) } }, async () => ({}));
    app.post('/admin/users', { config: chief, schema: { body: NewKeeper } }, async (request, reply) => {
      const { number: armyNumber, first: firstName, last: lastName, password, rooms } = request.body;
      const membership = { role: 'keeper', firstName, lastName, rooms, isGenerated: true };
      const given = { name: `${firstName} ${lastName}`, armyNumber, password, membership };
      const { user } = await admin.create(by(request), given, null);
      return reply.code(201).send(keeperView(user));
    });
    app.get('/admin/users', { config: chief }, async (request) => {
      const { search: text = '', page = '1' } = request.query as Record<string, string>;
      const fields = ['firstName', 'lastName', 'armyNumber'];
      const query = { roles: ['keeper'], search: { text, fields }, order: 'created', limit: 2 } as const;
      const { total, users: found } = await users.searchMembers('stores', { ...query, page: Number(page) });
      return { total, found: found.map(keeperView) };
    });
    app.patch('/admin/users/:id', { config: chief, schema: { body: KeeperChanges } }, async (request) => {
      const { id } = request.params as { id: string };
      const { first, rooms } = request.body;
      const { memberships, name } = await admin.find(id);
      const membership = { ...(first === undefined ? {} : { firstName: first }), ...(rooms && { rooms }) };
      const facts = first === undefined ? {} : { name: `${first} ${memberships.stores?.lastName ?? name}` };
      return keeperView(await admin.update(by(request), id, { ...facts, membership }, null));
    });
    app.delete('/admin/users/:id', { config: chief }, async (request) => {
      const { id } = request.params as { id: string };
      await admin.remove(by(request), id, null);
      return {};
    });
    app.post('/admin/reset-password', { config: chief, schema: { body: NewPassword } }, async (request) => {
      const { number, password } = request.body;
      const id = (await users.findByArmyNumber(number))?._id.toHexString() ?? '';
      return keeperView(await admin.resetPassword(by(request), id, password, { isGenerated: true }));
    });

    await app.register(
      async (goods) => {
        await acceptForms(goods);
        goods.post('/upload', { config: chief }, async (request, reply) => {
          const received = await platform.uploads.receive(request);
          const params = { roomId: received.fields.room ?? '', how: 'plain', rows: 1 };
          const { upload } = await platform.uploads.submit({
            ...{ kind: kindName, system: 'stores', received, params, dryRun: false, onError: 'reject_rows' },
            dedupeKey: dedupeKeyOf(kindName, received.sha256, params),
            by: requireMember(request),
            requestId: request.id,
          });
          return sendAccepted(reply, acceptedView(upload, goods.prefix));
        });
        await goods.register(
          uploadRoutes(platform, {
            system: 'stores',
            permissions: { read: 'rooms:read', undo: 'rooms:read' },
            template: () => ({ fileName: 'template.xlsx', sheets: [] }),
            envelope,
            scope: ({ role, membership }) =>
              role === 'chief' ? null : { param: 'roomId', values: membership.rooms as string[] },
          }),
        );
      },
      { prefix: '/goods' },
    );
  };

/** A system of another shape: routes at the root, sign-in by army number, its own routes for it, an envelope. */
export const stores: SystemModule = {
  name: 'stores',
  title: 'Stores',
  version: '1.0.0',
  port: 0,
  prefix: '',
  roles: ['chief', 'keeper'],
  administrators: ['chief'],
  membership: {
    role: Type.Union([Type.Literal('chief'), Type.Literal('keeper')]),
    firstName: Type.String(),
    lastName: Type.String(),
    rooms: Rooms,
    isGenerated: Type.Boolean(),
  },
  newMembership: ({ role, name }) => ({ role, firstName: name, lastName: '', rooms: [], isGenerated: false }),
  signInBy: 'armyNumber',
  identityRoutes: 'own',
  authorization: 'bearer-exact',
  tokenMinutes: () => 60,
  envelope,
  permissions: { 'keepers:administer': ['chief'], 'rooms:read': ['chief', 'keeper'] },
  errorBody: ({ code, status, message, details }) => ({
    message,
    statusCode: status,
    code,
    ...details,
    data: {},
  }),
  routes: (platform, identity) => routes(platform, identity) as never,
  migrations: [],
};
