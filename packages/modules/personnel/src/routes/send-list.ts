import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** A piece of an answer, in characters. */
const piece = 64 * 1024;

/**
 * Answers `{ message, statusCode: 200, data: [...] }` while the items are read, so that a list of any length takes
 * the memory of a few. What fails before the first item is an error like any other. Later the answer has begun;
 * then the connection breaks, for what ends as it should would be taken for the whole.
 */
export async function sendList<T>(
  reply: FastifyReply,
  message: string,
  items: AsyncGenerator<T>,
  view: (item: T) => object,
): Promise<FastifyReply> {
  const first = await items.next();
  const stream = Readable.from(texts(message, first, items, view));
  // Whoever asked for the headers only, or has gone, leaves the reading open.
  stream.once('close', () => void items.return(undefined).catch(() => undefined));
  stream.on('error', (error) => {
    if (!reply.raw.destroyed) reply.log.error({ err: error }, 'the list broke off');
  });
  return reply.type('application/json; charset=utf-8').send(stream);
}

async function* texts<T>(
  message: string,
  first: IteratorResult<T>,
  items: AsyncGenerator<T>,
  view: (item: T) => object,
): AsyncGenerator<string> {
  let text = `{"message":${JSON.stringify(message)},"statusCode":200,"data":[`;
  let comma = '';
  for (let next = first; next.done !== true; next = await items.next()) {
    text += comma + JSON.stringify(view(next.value));
    comma = ',';
    if (text.length < piece) continue;
    yield text;
    text = '';
  }
  yield `${text}]}`;
}
