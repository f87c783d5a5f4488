import { resolve } from 'node:path';
import { DevServicesError } from '@backoffice/dev-services';

const seeds = ['demo', 'admins', 'none'] as const;
export type Seed = (typeof seeds)[number];

/** What the starter itself has to know; everything else is passed on to API and worker as it is. */
export interface StartSettings {
  host: string;
  dataDir: string;
  seed: Seed;
  nodeEnv: string;
}

/** @throws DevServicesError for a setting that cannot be, before anything slow has begun */
export function readSettings(env: NodeJS.ProcessEnv): StartSettings {
  const host = env.HOST || '127.0.0.1';
  const seed = seeds.find((name) => name === (env.SEED || 'demo'));
  if (!seed) throw new DevServicesError(`SEED is ${env.SEED}; it must be one of ${seeds.join(', ')}.`);
  const nodeEnv = env.NODE_ENV || 'development';
  if (seed === 'demo' && nodeEnv === 'production') {
    throw new DevServicesError('SEED=demo is refused where NODE_ENV=production: set SEED to admins or none.');
  }
  return { host, dataDir: resolve(env.DATA_DIR || '.local'), seed, nodeEnv };
}

/** An address to connect to; "every address" is none. */
export function addressOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
