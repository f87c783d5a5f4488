import type { TSchema } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';

/** How a system wraps its answers, such as `{ statusCode, message, data }`. */
export interface Envelope {
  /** `message`: the summary of the route. */
  wrap: (data: unknown, facts: { statusCode: number; message: string }) => object;
  /** The schema of what `wrap` gives, from the schema of the data. */
  schema: (data: TSchema) => TSchema;
}

interface Documented {
  content?: Record<string, { schema: TSchema }>;
  [keyword: string]: unknown;
}

const usualMessage = 'Done';

/**
 * Puts every good JSON answer of the routes that are registered on this instance from now on into the envelope,
 * and their documentation with them. Files, streams and errors, which have their own shape, stay as they are.
 * Without an envelope nothing is done.
 */
export function wrapAnswers(app: FastifyInstance, envelope: Envelope | undefined): void {
  if (envelope === undefined) return;
  app.addHook('onRoute', (route) => {
    // That of a GET's own HEAD is the GET's, and done.
    if (route.method === 'HEAD' || route.schema?.response === undefined) return;
    const response = Object.entries(route.schema.response as Record<string, Documented>).map(
      ([status, answer]) => [status, status.startsWith('2') ? wrapSchema(answer, envelope) : answer],
    );
    route.schema = { ...route.schema, response: Object.fromEntries(response) };
  });
  app.addHook('preSerialization', async (request, reply, payload) => {
    const { statusCode } = reply;
    if (statusCode >= 400) return payload;
    const message = request.routeOptions.schema?.summary ?? usualMessage;
    return envelope.wrap(payload, { statusCode, message });
  });
}

/** Of several contents only the JSON is wrapped. */
function wrapSchema(answer: Documented, envelope: Envelope): object {
  if (answer.content === undefined) return envelope.schema(answer as unknown as TSchema);
  const json = answer.content['application/json'];
  if (json === undefined) return answer;
  const wrapped = { schema: envelope.schema(json.schema) };
  return { ...answer, content: { ...answer.content, 'application/json': wrapped } };
}
