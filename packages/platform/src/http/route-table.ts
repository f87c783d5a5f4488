import type { RouteOptions } from 'fastify';

interface Entry {
  pattern: RegExp;
  methods: Set<string>;
}

export interface RouteTable {
  add: (route: Pick<RouteOptions, 'method' | 'url'>) => void;
  /** The methods that an address takes, sorted; none when there is no such address. `*`: those of all. */
  methodsAt: (url: string) => string[];
}

/**
 * The addresses of an instance. Fastify can be asked only for patterns, not for what a concrete address
 * would have matched, which is what telling 405 from 404 needs.
 */
export function createRouteTable(): RouteTable {
  const entries = new Map<string, Entry>();

  return {
    add({ method, url }) {
      // The CORS plugin's answer to preflights matches every address and makes none of them known.
      if (url === '*') return;
      const entry = entries.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
      for (const one of [method].flat()) entry.methods.add(one);
      entries.set(url, entry);
    },
    methodsAt(url) {
      // Clients of a proxy may write the whole address.
      const path = (url.split('?', 1)[0] ?? '').replace(/^https?:\/\/[^/]*/i, '');
      const methods = new Set<string>();
      for (const entry of entries.values()) {
        if (path === '*' || entry.pattern.test(path)) {
          for (const method of [...entry.methods, 'OPTIONS']) methods.add(method);
        }
      }
      return [...methods].sort();
    },
  };
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => {
      if (part.includes('*')) return '.*';
      return part
        .split(/(:[A-Za-z_]\w*)/)
        .map((piece) => (piece.startsWith(':') ? '[^/]+' : piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
        .join('');
    })
    .join('/');
  return new RegExp(`^${source}$`);
}
