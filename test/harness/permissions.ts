import type { Test } from 'tap';

interface Route {
  method: string;
  path: string;
}

/** Who may call a route, by `METHOD /path`: roles, or everybody without a token. */
export type RouteTable = Readonly<Record<string, readonly string[] | 'everybody'>>;

const nameOf = ({ method, path }: Route) => `${method} ${path}`;

/** The documentation names the permission of every route, and the table of permissions gives it to those roles. */
export function assertPermissions(
  t: Test,
  routes: readonly Route[],
  // biome-ignore lint/suspicious/noExplicitAny: the documentation, of which only the permissions matter here
  openApi: any,
  permissions: Readonly<Record<string, readonly string[]>>,
  may: RouteTable,
): void {
  t.same(routes.map(nameOf).sort(), Object.keys(may).sort(), 'every route is in the list of this test');
  for (const route of routes) {
    const operation = openApi.paths[route.path]![route.method.toLowerCase()];
    const allowed = may[nameOf(route)];
    const permission = operation['x-permission'];
    if (allowed === 'everybody') t.same([permission, operation.security], [undefined, []], nameOf(route));
    else t.same([...(permissions[permission] ?? [])].sort(), [...(allowed ?? [])].sort(), nameOf(route));
  }
}
