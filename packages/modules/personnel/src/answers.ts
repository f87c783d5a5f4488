import { errorCodes } from '@backoffice/core';
import type { Envelope, ErrorFacts } from '@backoffice/platform';
import { type TSchema, Type } from '@sinclair/typebox';

/** Every answer of this system (contract, response format). */
export interface Answer<T> {
  message: string;
  statusCode: number;
  data: T;
}

export function answer<T>(message: string, data: T, statusCode = 200): Answer<T> {
  return { message, statusCode, data };
}

/** Where the contract has no `data`. */
export function bare(message: string) {
  return { message, statusCode: 200 };
}

/** Where there is nothing to say (decision 9). */
export const nothing = {};
export const NothingSchema = Type.Object({}, { additionalProperties: false });

/** The schema of an answer. */
export function answerOf(data: TSchema) {
  return Type.Object(
    { message: Type.String(), statusCode: Type.Integer(), data },
    { additionalProperties: false },
  );
}

export const BareSchema = Type.Object(
  { message: Type.String(), statusCode: Type.Integer() },
  { additionalProperties: false },
);

/** What the platform's own routes answer, in the same shape. */
export const envelope: Envelope = {
  wrap: (data, { statusCode, message }) => answer(message, data, statusCode),
  schema: answerOf,
};

/** Codes whose text an existing front-end knows. */
const texts: Partial<Record<ErrorFacts['code'], string>> = {
  FORBIDDEN: 'Unauthorized access - Admin only',
  INVALID_CREDENTIALS: 'Invalid credentials',
  WRONG_PASSWORD: 'Old password incorrect',
};

/** The platform's names of fields that have others on this wire. */
const wireNames: Readonly<Record<string, string>> = {
  armyNumber: 'army_number',
  firstName: 'first_name',
  lastName: 'last_name',
  currentPassword: 'old_password',
  newPassword: 'new_password',
};

/** Who is to blame for a 400 that names no field. */
function wholeOf(message: string): string {
  return message.startsWith('The body') ? 'body' : 'request';
}

/** An error in the shape of this system: `errors` where the caller sent what does not fit, `msg` where the token is bad. */
export function errorBody({ code, status, message, requestId, details = {} }: ErrorFacts): object {
  // A text that says more than the usual one stays.
  const text = message === errorCodes[code] ? (texts[code] ?? message) : message;
  const { field, data, invalid_ids } = details;
  const named = typeof field === 'string' ? (wireNames[field] ?? field) : undefined;
  const name = named ?? (status === 400 ? wholeOf(text) : undefined);
  return {
    message: text,
    statusCode: status,
    data: data ?? nothing,
    code,
    requestId,
    ...(name === undefined ? {} : { errors: [{ field: name, code, message: text }] }),
    ...(invalid_ids === undefined ? {} : { invalid_ids }),
    ...(code === 'UNAUTHENTICATED' ? { msg: text } : {}),
  };
}

export const ErrorBody = Type.Object(
  {
    message: Type.String(),
    statusCode: Type.Integer(),
    data: Type.Object({}, { additionalProperties: true }),
    code: Type.String(),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), code: Type.String(), message: Type.String() })),
    ),
    invalid_ids: Type.Optional(Type.Array(Type.Unknown())),
    msg: Type.Optional(Type.String({ description: 'With 401 for a token: the message again' })),
  },
  { additionalProperties: false },
);
