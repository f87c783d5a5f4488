import { type TProperties, type TSchema, Type } from '@sinclair/typebox';
import type { SystemModule } from '../http/module.ts';
import type { Member } from './member.ts';

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);

/** Each field of a membership as it is shown: there always, null where nothing is said. */
export function shownMembership(membership: TProperties): TProperties {
  return Object.fromEntries(
    Object.entries(membership).map(([key, schema]) => [key, key === 'role' ? schema : nullable(schema)]),
  );
}

const person = {
  id: Type.String(),
  name: Type.String(),
  email: nullable(Type.String()),
  armyNumber: nullable(Type.String()),
  contact: Type.String(),
};

/** Who is signed in as the front-end gets it: the person and the membership, in the order that the module says. */
export function profileOf(module: Pick<SystemModule, 'name' | 'membership' | 'profile' | 'signInBy'>) {
  const known: TProperties = { ...shownMembership(module.membership), ...person };
  const usual = ['id', 'name', module.signInBy ?? 'email', 'contact', ...Object.keys(module.membership)];
  const fields = module.profile ?? usual;
  const strange = fields.find((field) => !Object.hasOwn(known, field));
  if (strange !== undefined) {
    throw new Error(`The profile of ${module.name} names "${strange}", which is no field of its users.`);
  }
  return {
    schema: Type.Object(Object.fromEntries(fields.map((field) => [field, known[field]!]))),
    view({ userId: id, name, email, armyNumber, contact, membership }: Member): Record<string, unknown> {
      const values: Record<string, unknown> = { ...membership, id, name, email, armyNumber, contact };
      return Object.fromEntries(fields.map((field) => [field, values[field] ?? null]));
    },
  };
}
