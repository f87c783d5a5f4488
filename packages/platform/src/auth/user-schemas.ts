import { type TProperties, Type } from '@sinclair/typebox';
import type { SystemModule } from '../http/module.ts';
import { shownMembership } from './profile.ts';
import { signInOutcomes } from './sign-in-log.ts';

const closed = <T extends TProperties>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

/** Characters that nobody sees or that turn the text around them, and halves of characters. */
const unseen =
  '\\u0000-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ud800-\\udfff';
const name = Type.String({ minLength: 1, maxLength: 200, pattern: `^(?=.*\\S)[^${unseen}]+$` });
const email = Type.String({
  minLength: 3,
  maxLength: 320,
  pattern: `^\\s*[^\\s@${unseen}]+@[^\\s@${unseen}]*[^\\s@.${unseen}]\\s*$`,
  description: 'Signs in with it; letter case and spaces around it make no difference',
});
const armyNumber = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: `^(?=.*\\S)[^${unseen}]+$`,
  description: 'Signs in with it; letter case and spaces make no difference',
});
const contact = Type.String({ maxLength: 200, pattern: `^[^${unseen}]*$` });
/** Longer than a password may be, so that the answer can say what is wrong. */
export const PasswordText = Type.String({ minLength: 1, maxLength: 1024 });
const when = Type.String({ format: 'date-time' });
const page = Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 }));
const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 500 }));

export const Done = closed({ success: Type.Literal(true) });
export const UserParams = Type.Object({ id: Type.String({ maxLength: 100 }) });
export const ResetPasswordBody = closed({ password: PasswordText });
export const ChangePasswordBody = closed({ currentPassword: PasswordText, newPassword: PasswordText });
export const ChangedPassword = closed({
  success: Type.Literal(true),
  token: Type.String({ description: 'In the place of the token that this has ended' }),
});

export const UsersQuery = Type.Object({
  search: Type.Optional(Type.String({ maxLength: 200, description: 'Part of the name or of the e-mail' })),
  status: Type.Optional(
    Type.Union([Type.Literal('active'), Type.Literal('disabled'), Type.Literal('removed')], {
      description: 'Left out: all but those removed',
    }),
  ),
  role: Type.Optional(Type.String({ maxLength: 100 })),
  page,
  limit,
});

export const SignInsQuery = Type.Object({
  userId: Type.Optional(Type.String({ maxLength: 100 })),
  outcome: Type.Optional(Type.Union(signInOutcomes.map((outcome) => Type.Literal(outcome)))),
  from: Type.Optional(
    Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\d$', description: 'Day in the business time zone' }),
  ),
  to: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\d$', description: 'That day included' })),
  page,
  limit,
});
export const OwnSignInsQuery = Type.Object({ page, limit });

export const SignIns = closed({
  total: Type.Integer(),
  page: Type.Integer(),
  limit: Type.Integer(),
  signIns: Type.Array(
    closed({
      at: when,
      userId: nullable(Type.String({ description: 'null: nobody has what was typed' })),
      outcome: Type.Union(signInOutcomes.map((outcome) => Type.Literal(outcome))),
      address: Type.String(),
      userAgent: Type.String(),
    }),
  ),
});

/** The schemas that depend on what a membership of the system is. */
export function userSchemas({
  membership,
  signInBy = 'email',
}: Pick<SystemModule, 'membership' | 'signInBy'>) {
  const optional = Object.fromEntries(
    Object.entries(membership).map(([key, schema]) => [key, Type.Optional(schema)]),
  );
  const byNumber = signInBy === 'armyNumber';
  const numberShown: TProperties = byNumber ? { armyNumber: nullable(Type.String()) } : {};
  const names: TProperties = byNumber ? { armyNumber, email: Type.Optional(email) } : { email };
  const User = closed({
    id: Type.String(),
    name: Type.String(),
    ...numberShown,
    email: nullable(Type.String()),
    contact: Type.String(),
    status: Type.Union([Type.Literal('active'), Type.Literal('disabled'), Type.Literal('removed')]),
    ...shownMembership(membership),
    otherSystems: Type.Boolean({ description: 'Whether the person is a member of another system, too' }),
    createdAt: when,
    lastLoginAt: nullable(when),
    version: Type.Integer({ description: 'For If-Match: "v<version>"' }),
  });
  return {
    User,
    Users: closed({
      total: Type.Integer(),
      page: Type.Integer(),
      limit: Type.Integer(),
      users: Type.Array(User),
    }),
    CreateBody: closed({
      name,
      ...names,
      contact: Type.Optional(contact),
      password: PasswordText,
      ...membership,
    }),
    AdmitBody: closed({ ...(byNumber ? { armyNumber } : { email }), ...membership }),
    UpdateBody: closed({
      name: Type.Optional(name),
      ...(byNumber ? { armyNumber: Type.Optional(armyNumber) } : {}),
      email: Type.Optional(email),
      contact: Type.Optional(contact),
      ...optional,
    }),
  };
}
