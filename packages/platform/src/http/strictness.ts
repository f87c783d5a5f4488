import type { IncomingMessage } from 'node:http';
import { CodedError } from '@backoffice/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Two of them would mean that a proxy and this server might each believe another one. */
const single = new Set(['host', 'authorization', 'content-type', 'content-length', 'transfer-encoding']);

/**
 * Refuses what HTTP's grammar lets through but no honest client sends, before anything is looked up.
 * INVALID_REQUEST; UNSUPPORTED_MEDIA_TYPE for a compressed body; REQUEST_TIMEOUT for a body that takes
 * longer than `bodyMs` (forms excepted: a large file on a slow line takes its time).
 */
export function registerStrictness(app: FastifyInstance, bodyMs: number): void {
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    const fault = ambiguityOf(raw);
    if (fault === null) done();
    // The parser is in the middle of it, and may find fault with it as well: then its answer is the only one.
    else setImmediate(() => done(new CodedError('INVALID_REQUEST', fault)));
  });

  app.addHook('preParsing', (request, reply, payload, done) => {
    const encoding = request.headers['content-encoding']?.trim().toLowerCase();
    if (encoding !== undefined && encoding !== '' && encoding !== 'identity') {
      // A small compressed body could become a large one.
      reply.header('accept-encoding', 'identity');
      throw new CodedError('UNSUPPORTED_MEDIA_TYPE', 'Compressed bodies are not taken here.');
    }
    if (hasBody(request) && !/^multipart\//i.test(request.headers['content-type'] ?? '')) {
      const timer = setTimeout(() => {
        reply.header('connection', 'close');
        payload.emit('error', new CodedError('REQUEST_TIMEOUT'));
      }, bodyMs);
      for (const event of ['end', 'error', 'close']) payload.once(event, () => clearTimeout(timer));
    }
    done(null, payload);
  });
}

/** What is wrong with the head of a request; null where there is one way to read it. */
function ambiguityOf({ rawHeaders, headers, httpVersion, httpVersionMajor }: IncomingMessage): string | null {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!single.has(name)) continue;
    if (seen.has(name)) return `The header ${name} is given twice.`;
    seen.add(name);
  }
  // The parser lets a text that calls itself HTTP/2.0 through.
  if (httpVersionMajor !== 1) return 'This is not HTTP/1.1.';
  if (httpVersion === '1.1' && !seen.has('host')) return 'The header host is missing.';
  const transfer = headers['transfer-encoding'];
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked') {
    return 'No transfer encoding but chunked is taken.';
  }
  return null;
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Refuses `region[]=` and `region[x]=` where `region` is known: whoever writes them means the parameter,
 * and would get the answer for everything instead. INVALID_REQUEST naming it.
 */
export function assertNoNestedNames(
  names: Iterable<string>,
  known: Readonly<Record<string, unknown>>,
  place: string,
): void {
  for (const name of names) {
    const end = name.indexOf('[');
    const field = end < 0 ? '' : name.slice(0, end);
    if (field === '' || !Object.hasOwn(known, field)) continue;
    const message = `"${field}" in the ${place} is a single value: write it without brackets.`;
    throw new CodedError('INVALID_REQUEST', message, { field, in: place });
  }
}

/** The hook that does it for the query of one route, or null where the route knows no parameters. */
export function nestedNameHook(schema: { querystring?: unknown } | undefined) {
  const { properties: known } = (schema?.querystring ?? {}) as { properties?: Record<string, unknown> };
  if (known === undefined) return null;
  return function refuseNestedNames(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
    // Most requests have no bracket at all.
    if (/\[|%5b/i.test(request.url)) {
      assertNoNestedNames(Object.keys(request.query as object), known, 'query');
    }
    done();
  };
}
