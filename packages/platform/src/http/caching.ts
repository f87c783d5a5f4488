import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/**
 * What may keep an answer, and for whom: nobody but the caller's own browser, which asks each time whether
 * it is still right. Answers to a GET get an entity tag; who has them already is told so with a 304.
 */
export function registerCaching(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    // Whose answer it is depends on these; a cache that did keep it must not give it to somebody else.
    reply.header('vary', 'Authorization, Origin, Accept-Encoding');
    done();
  });

  // Fastify would measure and drop the body of a HEAD before it is compressed, so that the length would not be
  // that of the GET. Left alone it goes the whole way, and Node does not send it.
  app.addHook('onRoute', (route) => {
    if (route.method !== 'HEAD') return;
    route.onSend = [route.onSend ?? []].flat().filter((hook) => hook.name !== 'headRouteOnSendHandler');
  });

  app.addHook('onSend', (request, reply, payload, done) => {
    const reading = request.method === 'GET' || request.method === 'HEAD';
    const good = reply.statusCode === 200;
    if (!reply.hasHeader('cache-control')) {
      reply.header('cache-control', reading && good ? 'private, no-cache' : 'no-store');
    }
    if (!reading || !good) return done(null, payload);
    if (payload instanceof Readable)
      done(null, request.method === 'HEAD' ? emptyInsteadOf(payload) : payload);
    else done(null, withEntityTag(request, reply, payload));
  });
}

/** Nobody reads the body of a HEAD. The work behind it must not go on for nobody. */
function emptyInsteadOf(payload: Readable): Readable {
  payload.on('error', () => undefined);
  payload.destroy();
  return Readable.from([]);
}

function withEntityTag(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload;
  if (String(reply.getHeader('cache-control')).includes('no-store')) return payload;
  const own = reply.getHeader('etag');
  const tag = typeof own === 'string' ? own : contentTag(payload);
  if (own === undefined) reply.header('etag', tag);
  if (!isKnown(tag, request.headers['if-none-match'])) return payload;
  reply.code(304).removeHeader('content-type').removeHeader('content-length');
  return null;
}

/**
 * Weak, because the same tag stands for the answer as it is and for its compressed forms, whose bytes
 * differ.
 */
export function contentTag(payload: string | Buffer): string {
  return `W/"${hash('sha1', payload, 'base64').slice(0, 27)}"`;
}

/** Whether `If-None-Match` names the tag (RFC 9110, 13.1.2: weak comparison). */
export function isKnown(tag: string, header: string | undefined): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  const bare = tag.replace(/^W\//, '');
  return header.split(',').some((each) => each.trim().replace(/^W\//, '') === bare);
}
