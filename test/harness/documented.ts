import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js';

interface Operation {
  security?: unknown[];
  responses: Record<string, { content?: Record<string, { schema: AnySchema }> }>;
}

export interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

export interface DocumentedRoute {
  method: string;
  /** As documented: `/api/customers/{id}/notes`. */
  path: string;
}

/** Checks answers against the documentation that the running API gives of itself. */
export function createDocumentation(openApi: OpenApi) {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
  ajv.addFormat('date-time', (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text));
  ajv.addFormat('binary', true);
  const paths = Object.keys(openApi.paths)
    // Fixed words first: /upload/template is not an upload with the id "template".
    .sort((a, b) => a.split('{').length - b.split('{').length)
    .map((path) => ({ path, pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`) }));
  const validators = new Map<string, ValidateFunction | null>();

  function operationOf(method: string, path: string) {
    const { pathname } = new URL(path, 'http://local');
    for (const each of paths) {
      const operation = openApi.paths[each.path]![method.toLowerCase()];
      if (operation !== undefined && each.pattern.test(pathname)) return { path: each.path, operation };
    }
    return null;
  }

  function validatorOf(key: string, schema: AnySchema): ValidateFunction {
    const known = validators.get(key);
    if (known) return known;
    const made = ajv.compile(schema);
    validators.set(key, made);
    return made;
  }

  return {
    routes: Object.entries(openApi.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method): DocumentedRoute => ({ method: method.toUpperCase(), path })),
    ),

    /** What is wrong with an answer: not documented, or not as documented. Null when it is right. */
    fault(method: string, path: string, status: number, type: string, body: unknown): string | null {
      const found = operationOf(method, path);
      if (found === null) return status === 404 ? null : `${method} ${path} is not documented`;
      const { responses } = found.operation;
      const range = `${Math.floor(status / 100)}xx`;
      const response = responses[status] ?? responses[range] ?? responses[range.toUpperCase()];
      const place = `${method} ${found.path} ${status}`;
      if (response === undefined) return `${place} is not documented`;
      const media = type.split(';')[0]!.trim();
      const content = response.content?.[media];
      if (content === undefined) return `${place} answers ${media}, which is not documented`;
      if (media !== 'application/json') return null;
      const validate = validatorOf(`${place} ${media}`, content.schema);
      if (validate(body)) return null;
      return `${place}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body).slice(0, 400)}`;
    },
  };
}

export type Documentation = ReturnType<typeof createDocumentation>;
