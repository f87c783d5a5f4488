import { readFileSync } from 'node:fs';
import type { SystemModule } from '@backoffice/platform';
import { receivablesMigrations } from './migrations.ts';
import { roles } from './model.ts';
import { auditedCollections } from './repository.ts';
import { receivablesRoutes } from './routes/routes.ts';
import { ErrorBody, MembershipProperties } from './schemas.ts';
import { receivablesSettings } from './settings.ts';

export { receivablesMigrations } from './migrations.ts';

const everybody = roles;
const managers = ['Admin', 'Country Manager', 'Manager'] as const;
const office = ['Admin', 'Country Manager'] as const;

/** Permission → roles (decision 27). Which regions and customers a role reaches is its scope, not its permission. */
export const receivablesPermissions = {
  'dashboard:read': everybody,
  'customers:read': everybody,
  'follow-up:write': everybody,
  'engineers:assign': managers,
  'users:read': everybody,
  'imports:read': office,
  'imports:write': office,
} as const;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The outstanding tracker: who owes how much, for how long, and what is being done about it. */
export const receivables: SystemModule = {
  name: 'receivables',
  title: 'Receivables',
  version,
  port: 5000,
  prefix: '/api',
  settings: receivablesSettings,
  roles,
  administrators: ['Admin'],
  membership: MembershipProperties,
  // In the order in which the front-end has always got them.
  profile: ['id', 'name', 'role', 'department', 'email', 'region', 'contact'],
  permissions: receivablesPermissions,
  errorBody: ({ code, message, requestId, details }) => ({ ...details, error: message, code, requestId }),
  errorSchema: ErrorBody,
  routes: receivablesRoutes,
  audited: auditedCollections,
  migrations: receivablesMigrations,
};
