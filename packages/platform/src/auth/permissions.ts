import type { SystemModule } from '../http/module.ts';

/** A module's own permissions and those of the platform's routes: permission → the roles that have it. */
export function permissionsOf(module: SystemModule): Readonly<Record<string, readonly string[]>> {
  const { roles, administrators } = module;
  return {
    ...module.permissions,
    // One's own profile, password and sign-ins.
    'auth:own': roles,
    'users:administer': administrators,
    'audit:read': administrators,
    'operations:read': administrators,
  };
}
