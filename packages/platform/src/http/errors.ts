import { CodedError, type ErrorCode, errorCodes } from '@backoffice/core';
import type { FastifyError, FastifySchemaValidationError } from 'fastify';
import {
  MongoNetworkError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from 'mongodb';

/** Errors of the libraries that mean something the caller can mend, by the libraries' own codes. */
const codeOfLibraryError: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'INVALID_REQUEST',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'INVALID_REQUEST',
  FST_ERR_CTP_INVALID_JSON_BODY: 'INVALID_REQUEST',
  FST_ERR_BAD_URL: 'INVALID_REQUEST',
  FST_ERR_MAX_PARAM_LENGTH: 'INVALID_REQUEST',
  FST_ERR_NOT_FOUND: 'NOT_FOUND',
  FST_REQ_FILE_TOO_LARGE: 'UPLOAD_TOO_LARGE',
  FST_PARTS_LIMIT: 'UPLOAD_MALFORMED',
  FST_FILES_LIMIT: 'UPLOAD_MALFORMED',
  FST_FIELDS_LIMIT: 'UPLOAD_MALFORMED',
  FST_PROTO_VIOLATION: 'UPLOAD_MALFORMED',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'UPLOAD_MALFORMED',
  FST_INVALID_JSON_FIELD_ERROR: 'UPLOAD_MALFORMED',
  FST_MP_PREMATURE_CLOSE: 'UPLOAD_MALFORMED',
};

/** For errors of plugins that have no code of their own above. A path that leads out of its folder leads nowhere. */
const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'NOT_FOUND',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'BODY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'TOO_MANY_REQUESTS',
};

/** busboy throws plain errors for a broken form; their text is all there is to know them by. */
const brokenForm =
  /^(Unexpected end of (form|file|multipart data)|Part terminated early|Malformed part header|Multipart: Boundary not found)/;

/** What a library throws when it cannot reach its server; Node's socket errors and ioredis' own. */
const unreachableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
]);
const unreachableRedis = /^(Connection is closed|Stream isn't writeable|Command timed out)/;

/**
 * Whether MongoDB or Redis could not be reached. Worth a repeat later, unlike a fault of ours.
 */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error instanceof MongoNetworkError ||
    error instanceof MongoServerSelectionError ||
    error instanceof MongoNotConnectedError ||
    error instanceof MongoTopologyClosedError ||
    error instanceof MongoOperationTimeoutError ||
    error.name === 'MongoWaitQueueTimeoutError' ||
    error.name === 'MaxRetriesPerRequestError' ||
    unreachableRedis.test(error.message) ||
    unreachableCodes.has((error as NodeJS.ErrnoException).code ?? '')
  );
}

/**
 * Any thrown value as a coded error that a caller may see. What is not known becomes INTERNAL with a
 * plain text: a library's text may hold a query, a key or a host.
 */
export function toCodedError(thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  const error = thrown as Partial<FastifyError>;
  if (Array.isArray(error?.validation)) return fromValidation(error.validation, error.validationContext);
  const code = codeOfLibraryError[error?.code ?? ''];
  if (code === 'INVALID_REQUEST' && error.code?.includes('JSON')) {
    return new CodedError(code, 'The body is not valid JSON.');
  }
  if (code !== undefined) return new CodedError(code);
  if (thrown instanceof Error && brokenForm.test(thrown.message)) return new CodedError('UPLOAD_MALFORMED');
  if (isUnreachable(thrown)) return new CodedError('NOT_READY');
  // JSON.parse inside Fastify rejects `__proto__` with a plain SyntaxError that carries only a status.
  if (thrown instanceof SyntaxError && error.statusCode === 400) {
    return new CodedError('INVALID_REQUEST', 'The body is not valid JSON.');
  }
  // Plugins say by the status whose fault it is; their texts stay with us.
  const { statusCode = 500 } = error ?? {};
  if (statusCode >= 400 && statusCode < 500) {
    return new CodedError(codeOfStatus[statusCode] ?? 'INVALID_REQUEST');
  }
  return new CodedError('INTERNAL', errorCodes.INTERNAL);
}

const places: Readonly<Record<string, string>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'headers',
};

/** Names the first field that does not fit. The value itself is not repeated: it may be a password. */
function fromValidation(problems: FastifySchemaValidationError[], context = 'body'): CodedError {
  const problem = problems[0];
  const place = places[context] ?? context;
  if (problem === undefined) return new CodedError('INVALID_REQUEST');
  const { missingProperty, additionalProperty, propertyName } = problem.params as Record<string, unknown>;
  const path = problem.instancePath.split('/').filter(Boolean);
  for (const name of [missingProperty, additionalProperty, propertyName]) {
    if (typeof name === 'string') path.push(name.slice(0, 100));
  }
  const field = path.join('.');
  if (field === '')
    return new CodedError('INVALID_REQUEST', `The ${place} ${problem.message ?? 'is wrong'}.`);
  let fault = problem.message ?? 'is wrong';
  if (typeof missingProperty === 'string') fault = 'is missing';
  if (typeof additionalProperty === 'string') fault = 'is not known here';
  if (problem.keyword === 'const') fault = `is not one of ${allowedAt(problem.instancePath, problems)}`;
  return new CodedError('INVALID_REQUEST', `"${field}" in the ${place} ${fault}.`, { field, in: place });
}

/** Of a union of constants each one is a problem of its own; the reader wants to see what may stand there. */
function allowedAt(path: string, problems: FastifySchemaValidationError[]): string {
  return problems
    .filter(({ keyword, instancePath }) => keyword === 'const' && instancePath === path)
    .map(({ params }) => String(params.allowedValue))
    .join(', ');
}
