import type { ErrorCode } from '@backoffice/core';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { TProperties, TSchema } from '@sinclair/typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { Identity } from '../auth/identity.ts';
import type { Membership } from '../auth/member.ts';
import type { SignInKind } from '../auth/sign-in-names.ts';
import type { Config } from '../config/schema.ts';
import type { Migration, Platform } from '../data.ts';
import type { Envelope } from './envelope.ts';

/**
 * What a system calls itself: small letters and digits, beginning with a letter. Its memberships, the audience of its
 * tokens, its queue and its settings go by it. Which systems there are, only the applications' lists say.
 */
export type SystemName = string;

/** What a caller is told about an error, before a system gives it its documented shape. */
export interface ErrorFacts {
  code: ErrorCode;
  /** The HTTP status with which it is answered. */
  status: number;
  message: string;
  requestId: string;
  /**
   * Of a request that does not fit its schema: `in` (`body`, `query`, `path`, `headers`) and `field`, the way to
   * the value with dots, through lists by their index from 0, as `items.2.name`.
   */
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
  /** Where it listens unless `<NAME>_PORT` says otherwise; 0: any free one. */
  port: number;
  /** What its paths begin with, such as `/api`; empty where they lie at the root. */
  prefix: string;
  /** Settings of its own beside its port; `settingsOf` reads them. */
  settings?: TProperties;
  roles: readonly string[];
  /** Of them, those who administer users, read the audit and see how the system runs. */
  administrators: readonly string[];
  /** What a membership of this system consists of: the properties of `Membership`, as administrators set them. */
  membership: TProperties;
  /** A membership for who is made a member at the server's terminal, where nulls for all but the role won't do. */
  newMembership?: (facts: { role: string; name: string }) => Membership;
  /** By what its users sign in; left out: by e-mail. */
  signInBy?: SignInKind;
  /**
   * Whether signing in and administering users go by the platform's routes (`/auth/*`, `/admin/users*`,
   * `/admin/sign-ins`), or by routes of the module's own, made of the `Identity` that `routes` is given.
   */
  identityRoutes?: 'platform' | 'own';
  /** The fields of whoever is signed in, as the platform's routes answer them, in that order. */
  profile?: readonly string[];
  /** How long a token is good for; left out: TOKEN_HOURS. */
  tokenMinutes?: (config: Config) => number;
  /** permission → the roles that have it. */
  permissions: Readonly<Record<string, readonly string[]>>;
  /**
   * What is taken in `Authorization`: `Bearer <token>` with the word in any letter case (left out), only exactly
   * so, or the bare token too. The last only where an existing front-end sends it so.
   */
  authorization?: 'bearer' | 'bearer-exact' | 'bearer-or-bare';
  errorBody: (error: ErrorFacts) => object;
  /** The schema of `errorBody`'s result, for the OpenAPI. Left out: any object. */
  errorSchema?: TSchema;
  /** What every good JSON answer of the platform's own routes is put into; the module's routes do so themselves. */
  envelope?: Envelope;
  /** Collections of the module whose documents carry an outbox (see audit/outbox.ts). */
  audited?: readonly string[];
  routes: (platform: Platform, identity: Identity) => FastifyPluginAsync | FastifyPluginAsyncTypebox;
  migrations: readonly Migration[];
}
