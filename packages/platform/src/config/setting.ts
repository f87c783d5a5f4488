import { Type } from '@sinclair/typebox';

// How a setting is described: the line that explains it, its default, and what it may be.

export const text = (description: string, fallback: string) =>
  Type.String({ description, default: fallback });

/** Several values, separated by commas. */
export const list = (description: string, fallback: string[]) =>
  Type.Array(Type.String({ minLength: 1 }), { description, default: fallback });

export const integer = (description: string, fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ description, default: fallback, minimum, maximum });

export const choice = <const T extends readonly string[]>(description: string, of: T, fallback: T[number]) =>
  Type.Union(
    of.map((each) => Type.Literal(each as T[number])),
    { description, default: fallback },
  );

/** What is read of a setting's schema besides its type. */
export interface SettingSchema {
  type?: string;
  anyOf?: { const: string }[];
  description: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  secret?: boolean;
}
