import type { ErrorCode } from '@backoffice/core';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { TProperties, TSchema } from '@sinclair/typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { Migration, Platform } from '../data.ts';

/** The systems that this back office knows by name; memberships and token audiences use the same names. */
export const systemNames = ['receivables'] as const;
export type SystemName = (typeof systemNames)[number];

/** What a caller is told about an error, before a system gives it its documented shape. */
export interface ErrorFacts {
  code: ErrorCode;
  message: string;
  requestId: string;
  details?: Record<string, unknown>;
}

/**
 * What a module hands to the API: its address, its permission table, its error shape and its routes.
 * `routes` is registered under `prefix`; every route in it says `config: { permission }` or
 * `config: { public: true }`, else the boot fails.
 */
export interface SystemModule {
  name: SystemName;
  title: string;
  version: string;
  portSetting: 'RECEIVABLES_PORT';
  prefix: '/api';
  roles: readonly string[];
  /** Of them, those who administer users, read the audit and see how the system runs. */
  administrators: readonly string[];
  /** What a membership of this system consists of: the properties of `Membership`, as administrators set them. */
  membership: TProperties;
  /** Whether its users are administered by the platform's routes (`/admin/users`), or by routes of its own. */
  userAdministration?: 'platform' | 'own';
  /** permission → the roles that have it. */
  permissions: Readonly<Record<string, readonly string[]>>;
  /** Take `Authorization: <token>` too. Only where an existing front-end sends it so. */
  bearerOptional?: boolean;
  errorBody: (error: ErrorFacts) => object;
  /** The schema of `errorBody`'s result, for the OpenAPI. Left out: any object. */
  errorSchema?: TSchema;
  /** Collections of the module whose documents carry an outbox (see audit/outbox.ts). */
  audited?: readonly string[];
  routes: (platform: Platform) => FastifyPluginAsync | FastifyPluginAsyncTypebox;
  migrations: readonly Migration[];
}
