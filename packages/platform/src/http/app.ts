import type { FastifyInstance } from 'fastify';
import type { Platform } from '../data.ts';
import type { SystemModule } from './module.ts';

export interface SystemAppOptions {
  /** bcrypt's cost; tests lower it. */
  passwordCost?: number;
}

export type CreateSystemApp = (
  platform: Platform,
  module: SystemModule,
  options?: SystemAppOptions,
) => Promise<FastifyInstance>;
