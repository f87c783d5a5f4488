import type { FastifyReply, FastifyRequest } from 'fastify';

type TextKind = 'number' | 'boolean';
type Kinds = Readonly<Record<string, TextKind>>;

interface JsonSchema {
  type?: string;
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
}

/** Which of a schema's properties are numbers or booleans, so that their text is to be read as such. */
export function kindsOf(schema: unknown): Kinds {
  const kinds: Record<string, TextKind> = {};
  for (const [name, property] of Object.entries((schema as JsonSchema | undefined)?.properties ?? {})) {
    const types = [property, ...(property.anyOf ?? [])].map((each) => each.type);
    if (types.includes('number') || types.includes('integer')) kinds[name] = 'number';
    else if (types.includes('boolean')) kinds[name] = 'boolean';
  }
  return kinds;
}

/**
 * Reads numbers and booleans of an address, where everything is text. Done here rather than by the
 * validator's own coercion, which would also turn `["a"]` into `"a"`, `""` into 0 and `null` into text.
 * Whatever is not clearly a number or a boolean stays as it is and is refused by the schema.
 */
export function readTextValues(values: unknown, kinds: Kinds): void {
  const record = values as Record<string, unknown>;
  for (const [name, kind] of Object.entries(kinds)) {
    const text = record[name];
    if (typeof text !== 'string') continue;
    if (kind === 'number' && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) record[name] = Number(text);
    if (kind === 'boolean' && (text === 'true' || text === 'false')) record[name] = text === 'true';
  }
}

/** The hook that does it for one route, or null where the route has no such values. */
export function textValueHook(schema: { querystring?: unknown; params?: unknown } | undefined) {
  const query = kindsOf(schema?.querystring);
  const params = kindsOf(schema?.params);
  if (Object.keys(query).length + Object.keys(params).length === 0) return null;
  return function readNumbersAndBooleans(
    request: FastifyRequest,
    _reply: FastifyReply,
    done: () => void,
  ): void {
    readTextValues(request.query, query);
    readTextValues(request.params, params);
    done();
  };
}
