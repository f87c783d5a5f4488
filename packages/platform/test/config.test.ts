import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { envExample } from '../src/config/env-example.ts';
import { ConfigError, loadConfig } from '../src/config/load.ts';
import * as setting from '../src/config/setting.ts';
import { portOf, type SystemSettings, settingsOf } from '../src/config/systems.ts';

const secret = 'x'.repeat(32);
const key = 'y'.repeat(32);

function faultsOf(env: NodeJS.ProcessEnv, systems: readonly SystemSettings[] = []): readonly string[] {
  try {
    loadConfig(env, systems);
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

t.test(
  '32. a missing or short JWT_SECRET stops the boot with one sentence; there is no default',
  async (t) => {
    t.throws(() => loadConfig({}), ConfigError);
    t.match(faultsOf({}), [/^JWT_SECRET is missing\./]);
    t.match(faultsOf({ JWT_SECRET: ' ' }), [/^JWT_SECRET is missing\./], 'blank counts as none');
    t.match(faultsOf({ JWT_SECRET: 'x'.repeat(31), AUDIT_KEY: key }), [/^JWT_SECRET is too short/]);
    t.match(faultsOf({ JWT_SECRET: secret }), [/^AUDIT_KEY is missing\./]);
    t.match(faultsOf({ JWT_SECRET: secret, AUDIT_KEY: secret }), [/^AUDIT_KEY is the same as JWT_SECRET/]);
    t.same(faultsOf({ JWT_SECRET: secret, AUDIT_KEY: key }), []);
    const rotating = (JWT_SECRET_PREVIOUS: string) =>
      faultsOf({ JWT_SECRET: secret, AUDIT_KEY: key, JWT_SECRET_PREVIOUS });
    t.same(rotating('z'.repeat(32)), []);
    t.match(rotating('z'.repeat(31)), [/^JWT_SECRET_PREVIOUS is too short/]);
    t.match(rotating(secret), [/^JWT_SECRET_PREVIOUS is the same as JWT_SECRET/]);
    t.match(rotating(key), [/^JWT_SECRET_PREVIOUS is the same as AUDIT_KEY/]);
    t.same(faultsOf({ JWT_SECRET: 'é'.repeat(16), AUDIT_KEY: key }), [], 'bytes are counted, not letters');
    t.notMatch(faultsOf({ JWT_SECRET: 'canary' }).join(), /canary/);
  },
);

t.test('every fault is named, one sentence each', async (t) => {
  const faults = faultsOf({
    NODE_ENV: 'live',
    MONGODB_URI: 'http://user:canary@host',
    UPLOAD_WAIT_MS: '-1',
    QUEUE_PREFIX: 'a:b',
  });
  t.match(faults, [
    /^NODE_ENV is "live"; it must be one of development, test, production\.$/,
    /^MONGODB_URI does not have the form/,
    /^QUEUE_PREFIX does not have the form/,
    /^JWT_SECRET is missing/,
    /^AUDIT_KEY is missing/,
    /^UPLOAD_WAIT_MS is "-1"/,
  ]);
  t.notMatch(faults.join(), /canary/);
  t.match(faultsOf({ JWT_SECRET: secret, AUDIT_KEY: key, TIME_ZONE: 'Asia/Poona' }), [/TIME_ZONE/]);
  t.match(faultsOf({ JWT_SECRET: secret, AUDIT_KEY: key, SEED: 'admins' }), [/SEED_PASSWORD is missing/]);
  for (const origin of [
    '*',
    'null',
    'https://app.example.com/',
    'app.example.com',
    'HTTPS://app.example.com',
  ]) {
    t.match(faultsOf({ ...keys, CORS_ORIGINS: origin }), [/^CORS_ORIGINS has/], origin);
  }
  t.same(faultsOf({ ...keys, CORS_ORIGINS: 'https://app.example.com, http://localhost:9002' }), []);
  for (const range of [
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/33',
    '10.0.0',
    'proxy.example.com',
    '10.0.0.0/8/8',
    'loopback',
  ]) {
    t.match(faultsOf({ ...keys, TRUST_PROXY: range }), [/^TRUST_PROXY has/], range);
  }
  t.same(faultsOf({ ...keys, TRUST_PROXY: '10.0.0.0/8, 192.0.2.7, fd00::/8, ::1' }), []);
  const production = { JWT_SECRET: secret, AUDIT_KEY: key, NODE_ENV: 'production', SEED_PASSWORD: 'p' };
  t.match(faultsOf({ ...production, SEED: 'demo' }), [/demo is refused/]);
  t.same(faultsOf({ ...production, SEED: 'admins' }), []);
});

t.test('defaults, lists, numbers, and secrets from files', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'config-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'jwt');
  await writeFile(file, `${secret}\n`);
  const config = loadConfig({
    JWT_SECRET_FILE: file,
    AUDIT_KEY: key,
    CORS_ORIGINS: 'http://a, http://b,',
    TOKEN_HOURS: '2',
  });
  t.match(config, {
    JWT_SECRET: secret,
    CORS_ORIGINS: ['http://a', 'http://b'],
    TOKEN_HOURS: 2,
    TIME_ZONE: 'Asia/Kolkata',
    SYSTEMS: [],
    SEED: 'none',
  });
  t.match(faultsOf({ JWT_SECRET_FILE: join(folder, 'none'), AUDIT_KEY: key }), [
    /JWT_SECRET_FILE names .* cannot be read/,
  ]);
  t.match(
    faultsOf({ HOST_FILE: file, JWT_SECRET: secret, AUDIT_KEY: key }),
    [],
    'only secrets come from files',
  );
});

const orders = {
  name: 'orders',
  title: 'Orders',
  port: 3000,
  settings: { ORDERS_CURRENCY: setting.choice('What amounts are in.', ['INR', 'EUR'], 'INR') },
};
const keys = { JWT_SECRET: secret, AUDIT_KEY: key };

t.test('every system brings its port and its own settings along', async (t) => {
  const config = loadConfig({ ...keys, ORDERS_CURRENCY: 'EUR' }, [orders]);
  t.equal(portOf(config, orders), 3000);
  t.same(settingsOf(config, orders.settings), { ORDERS_CURRENCY: 'EUR' });
  t.equal(portOf(loadConfig({ ...keys, ORDERS_PORT: '0' }, [orders]), orders), 0);
  t.match(faultsOf({ ...keys, ORDERS_PORT: '70000', ORDERS_CURRENCY: 'ORE' }, [orders]), [
    /^ORDERS_PORT is "70000"; it must be a whole number from 0 to 65535\.$/,
    /^ORDERS_CURRENCY is "ORE"; it must be one of INR, EUR\.$/,
  ]);
  t.throws(() => portOf(loadConfig(keys), orders), /^ORDERS_PORT was not loaded/);
  t.throws(() => settingsOf(loadConfig(keys), orders.settings), /^ORDERS_CURRENCY was not loaded/);
});

t.test('two who name the same setting stop the boot', async (t) => {
  const bookings = { ...orders, name: 'bookings' };
  t.same(faultsOf(keys, [orders, bookings]), ['ORDERS_CURRENCY is a setting of orders and of bookings.']);
  const greedy = { ...orders, settings: { TIME_ZONE: setting.text('Where.', 'Asia/Kolkata') } };
  t.same(faultsOf(keys, [greedy]), ['TIME_ZONE is a setting of platform and of orders.']);
  t.same(faultsOf(keys, [{ ...orders, name: 'worker' }]), [
    'WORKER_PORT is a setting of platform and of worker.',
  ]);
});

t.test(
  'the example of the environment holds every setting, and boots once the secrets are filled in',
  async (t) => {
    const lines = envExample([orders])
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line));
    t.ok(lines.includes('ORDERS_PORT=3000') && lines.includes('ORDERS_CURRENCY=INR'));
    const env = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    t.same(loadConfig({ ...env, ...keys }, [orders]), loadConfig(keys, [orders]));
  },
);
