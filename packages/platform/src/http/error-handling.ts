import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError, errorCodes } from '@backoffice/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { toCodedError } from './errors.ts';
import type { SystemModule } from './module.ts';
import { newRequestId } from './request-id.ts';
import type { RouteTable } from './route-table.ts';
import { apiHeaders } from './security-headers.ts';
import { statusOfCode } from './status.ts';

const retryAfterSeconds = '5';

/** `status` differs from that of the code only where HTTP itself was broken. */
function bodyOf(
  module: SystemModule,
  error: CodedError,
  requestId: string,
  status = statusOfCode[error.code],
): object {
  const { code, message } = error;
  const facts = { code, status, message, requestId };
  return module.errorBody(error.details === undefined ? facts : { ...facts, details: error.details });
}

/** Answers with the system's error shape. Faults of ours are logged in full, and only there. */
export function sendError(
  module: SystemModule,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = toCodedError(thrown);
  const status = statusOfCode[error.code];
  // Planned work, and callers who have hung up, are no faults of ours.
  const expected = error.code === 'MAINTENANCE' || request.raw.aborted;
  if (status >= 500 && !expected) request.log.error({ err: thrown }, 'request failed');
  // Not the text that is sent: it may say again what the caller has sent.
  else request.log.debug({ code: error.code }, errorCodes[error.code]);
  if (status === 503) reply.header('retry-after', retryAfterSeconds);
  const { retryAfterSeconds: wait } = error.details ?? {};
  if (typeof wait === 'number') reply.header('retry-after', wait);
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  // The hooks that set them have not run where Fastify itself refuses the address.
  reply.headers({ ...apiHeaders, 'x-request-id': request.id, 'cache-control': 'no-store' });
  // A handler may have announced a workbook before it failed; what goes out now is JSON.
  for (const name of ['content-disposition', 'content-length', 'etag']) reply.removeHeader(name);
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(bodyOf(module, error, request.id));
}

/** Unknown address → 404; known address with another method → 405 and `Allow`. */
export function registerErrorHandling(app: FastifyInstance, module: SystemModule, routes: RouteTable): void {
  const answerUnknown = (request: FastifyRequest, reply: FastifyReply) => {
    const allowed = routes.methodsAt(request.url);
    if (allowed.length > 0 && request.method === 'OPTIONS') {
      return reply.code(204).header('allow', allowed.join(', ')).send();
    }
    // What lies under a pattern may be missing, such as a file of the documentation's pages.
    if (allowed.length === 0 || allowed.includes(request.method) || request.url === '*')
      return sendError(module, new CodedError('NOT_FOUND'), request, reply);
    reply.header('allow', allowed.join(', '));
    return sendError(module, new CodedError('METHOD_NOT_ALLOWED'), request, reply);
  };
  app.setErrorHandler((error: { code?: string }, request, reply) => {
    // A QUERY without a content type, which Fastify refuses before it finds that no route takes QUERY.
    if (error.code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE') return answerUnknown(request, reply);
    return sendError(module, error, request, reply);
  });
  app.setNotFoundHandler(answerUnknown);
  answerExpectations(app, module);
}

/** An `Expect` other than 100-continue, which Node would answer without a body. */
function answerExpectations(app: FastifyInstance, module: SystemModule): void {
  app.server.on('checkExpectation', (_request, response) => {
    const requestId = newRequestId();
    const coded = new CodedError('INVALID_REQUEST', 'No expectation but 100-continue is met.');
    const status = 417;
    const body = JSON.stringify(bodyOf(module, coded, requestId, status));
    response.writeHead(status, {
      ...apiHeaders,
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-request-id': requestId,
      connection: 'close',
    });
    response.end(body);
  });
}

/**
 * Answers what Node's HTTP parser refuses, long before there is a request: the same shape, written by
 * hand, because no reply object exists yet.
 */
export function answerParserError(module: SystemModule, error: { code?: string }, socket: Socket): void {
  // Nobody is listening any more.
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  let status = 400;
  if (error.code === 'HPE_HEADER_OVERFLOW') status = 431;
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') status = 408;
  const requestId = newRequestId();
  const coded = new CodedError('INVALID_REQUEST', 'The request is not well-formed HTTP.');
  const body = JSON.stringify(bodyOf(module, coded, requestId, status));
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
