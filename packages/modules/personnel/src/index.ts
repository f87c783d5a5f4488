import { readFileSync } from 'node:fs';
import { memberIndexes, type SystemModule, settingsOf, uploadScopeMigration } from '@backoffice/platform';
import { ErrorBody, envelope, errorBody } from './answers.ts';
import { personnelMigrations as ownMigrations } from './migrations.ts';
import { roles } from './model.ts';
import { newMembership } from './people.ts';
import { auditedCollections } from './repository.ts';
import { personnelRoutes } from './routes/routes.ts';
import { MembershipProperties } from './schemas.ts';
import { personnelSettings } from './settings.ts';

const administrators = ['admin'] as const;

/** Permission → roles. Which dbs somebody reaches is their scope, not their permission. */
export const personnelPermissions = {
  'dbs:read': roles,
  'dbs:administer': administrators,
  'records:read': roles,
  'records:write': roles,
  'records:restore': administrators,
  'analytics:read': roles,
  'imports:read': roles,
  'imports:write': roles,
} as const;

export const personnelMigrations = [
  ...ownMigrations,
  memberIndexes('20261125T1830', 'personnel'),
  uploadScopeMigration('20261125T1835_personnel_upload_scope', 'personnel', 'dbId'),
];

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Personnel records in logical databases: who is there, where, as what, and since when. */
export const personnel: SystemModule = {
  name: 'personnel',
  title: 'Personnel',
  version,
  port: 8080,
  prefix: '',
  settings: personnelSettings,
  roles,
  administrators,
  membership: MembershipProperties,
  newMembership,
  signInBy: 'armyNumber',
  identityRoutes: 'own',
  tokenMinutes: (config) => settingsOf(config, personnelSettings).ACCESS_EXPIRES,
  authorization: 'bearer-exact',
  permissions: personnelPermissions,
  errorBody,
  errorSchema: ErrorBody,
  envelope,
  routes: personnelRoutes,
  audited: auditedCollections,
  migrations: personnelMigrations,
};
