import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Config } from './schema.ts';
import type { SettingSchema } from './setting.ts';
import { type SystemSettings, settingsFor, sharedSettings } from './systems.ts';

const minimumSecretBytes = 32;

/** Everything that is wrong with the settings, one sentence for each. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/**
 * The settings from the environment. An empty value counts as none. A secret may stand in a file that
 * `<NAME>_FILE` names (how Docker and Kubernetes hand them over). The port and the settings of each of `systems` are
 * read too; `portOf` and `settingsOf` give them.
 * @throws ConfigError with one sentence for every fault; the sentences never repeat a secret
 */
export function loadConfig(
  env: NodeJS.ProcessEnv = process.env,
  systems: readonly SystemSettings[] = [],
): Config {
  const settings = settingsFor(systems);
  const faults = sharedSettings(settings);
  const config: Record<string, unknown> = {};
  for (const { name, schema } of settings) {
    try {
      const given = givenFor(name, schema, env);
      config[name] = given === undefined ? defaultOf(name, schema) : read(name, schema, given);
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  if (faults.length === 0) faults.push(...faultsBetween(config as Config));
  if (faults.length > 0) throw new ConfigError(faults);
  return config as Config;
}

function givenFor(name: string, schema: SettingSchema, env: NodeJS.ProcessEnv): string | undefined {
  const given = env[name]?.trim();
  if (given) return given;
  const file = schema.secret ? env[`${name}_FILE`] : undefined;
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    throw new Error(`${name}_FILE names ${file}, which cannot be read.`);
  }
}

function defaultOf(name: string, schema: SettingSchema): unknown {
  if (schema.default === undefined) {
    throw new Error(`${name} is missing. ${schema.description}`);
  }
  return schema.default;
}

function read(name: string, schema: SettingSchema, given: string): unknown {
  if (schema.type === 'array') {
    return given
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean);
  }
  if (schema.type === 'integer') return readInteger(name, schema, given);
  const choices = schema.anyOf?.map((each) => each.const);
  if (choices !== undefined && !choices.includes(given)) {
    throw new Error(`${name} is "${given}"; it must be one of ${choices.join(', ')}.`);
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(given)) {
    throw new Error(`${name} does not have the form ${schema.pattern}.`);
  }
  return given;
}

function readInteger(name: string, { minimum = 0, maximum = 0 }: SettingSchema, given: string): number {
  const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (!(value >= minimum && value <= maximum)) {
    throw new Error(`${name} is "${given}"; it must be a whole number from ${minimum} to ${maximum}.`);
  }
  return value;
}

/** What is wrong only together, or beyond what a schema can say. */
function faultsBetween(config: Config): string[] {
  const faults: string[] = [];
  for (const name of ['JWT_SECRET', 'AUDIT_KEY'] as const) {
    if (Buffer.byteLength(config[name]) < minimumSecretBytes) {
      faults.push(`${name} is too short: it must have ${minimumSecretBytes} bytes or more.`);
    }
  }
  const previous = config.JWT_SECRET_PREVIOUS;
  if (previous !== '' && Buffer.byteLength(previous) < minimumSecretBytes) {
    faults.push(`JWT_SECRET_PREVIOUS is too short: it must have ${minimumSecretBytes} bytes or more.`);
  }
  if (previous === config.JWT_SECRET) {
    faults.push('JWT_SECRET_PREVIOUS is the same as JWT_SECRET: no key was changed.');
  }
  if (previous === config.AUDIT_KEY) {
    faults.push(
      'JWT_SECRET_PREVIOUS is the same as AUDIT_KEY: who may sign tokens could then forge the audit.',
    );
  }
  if (config.AUDIT_KEY === config.JWT_SECRET) {
    faults.push('AUDIT_KEY is the same as JWT_SECRET: who may sign tokens could then forge the audit.');
  }
  if (config.SEED === 'demo' && config.NODE_ENV === 'production') {
    faults.push('SEED=demo is refused where NODE_ENV=production.');
  }
  if (config.SEED !== 'none' && config.SEED_PASSWORD === '') {
    faults.push(`SEED_PASSWORD is missing; SEED=${config.SEED} needs it.`);
  }
  for (const origin of config.CORS_ORIGINS) {
    // Neither * nor null: both would open the API to every page there is.
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      faults.push(`CORS_ORIGINS has "${origin}", which is no origin such as https://app.example.com.`);
    }
  }
  for (const range of config.TRUST_PROXY) {
    if (!isAddressRange(range)) {
      faults.push(`TRUST_PROXY has "${range}", which is no address or range such as 10.0.0.0/8.`);
    }
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: config.TIME_ZONE });
  } catch {
    faults.push(`TIME_ZONE is "${config.TIME_ZONE}", which is no time zone.`);
  }
  return faults;
}

/** An IPv4 or IPv6 address, with the length of its prefix or without. Everything at once (`/0`) is none. */
function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(address)];
  if (bits === undefined || more.length > 0) return false;
  return prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= bits);
}
