import type { Config } from '../../config/schema.ts';
import { type Check, type Finding, fault, note, ok, serious } from './finding.ts';

const check = 'settings';

/** Settings that let the system start, and should not be so where people depend on it. */
export const checkSettings: Check = ({ platform: { config } }) => {
  const production = config.NODE_ENV === 'production';
  const found = [
    ...secretFindings(config, production),
    ...edgeFindings(config, production),
    ...otherFindings(config, production),
  ];
  if (!production) {
    const says = `NODE_ENV is ${config.NODE_ENV}: /docs is open to everybody, demo data are allowed.`;
    found.unshift(note(check, says, 'Set NODE_ENV=production where people depend on the system.'));
  }
  return found.length > 0 ? found : [ok(check, 'as they should be in production')];
};

/** Bits that somebody would have to guess, by how the characters are spread; generous to short alphabets. */
export function guessedBits(secret: string): number {
  const counts = new Map<string, number>();
  for (const char of secret) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / secret.length);
  return bits;
}

const enoughBits = 100;
const looksMadeUp = /secret|password|change.?me|example|default|1234|qwerty|abcdef/i;

function secretFindings(config: Config, production: boolean): Finding[] {
  const found: Finding[] = [];
  for (const name of ['JWT_SECRET', 'AUDIT_KEY', 'METRICS_TOKEN'] as const) {
    const secret = config[name];
    if (secret === '') continue;
    if (guessedBits(secret) >= enoughBits && !looksMadeUp.test(secret)) continue;
    const says = `${name} looks as if a person had made it up.`;
    found.push(serious(production, check, says, 'Take one from `openssl rand -base64 48`.'));
  }
  if (config.METRICS_TOKEN === '') {
    const says =
      'METRICS_TOKEN is empty: only signed-in administrators read /metrics, so Prometheus does not.';
    found.push(note(check, says, 'Set it here and in Prometheus, or watch the system in another way.'));
  }
  if (config.JWT_SECRET_PREVIOUS !== '') {
    const says = `JWT_SECRET_PREVIOUS is set: tokens of the earlier key are still taken.`;
    found.push(note(check, says, `Take it away ${config.TOKEN_HOURS} hours after the change of keys.`));
  }
  return found;
}

/** Of a network of proxies; half of the internet is not one. */
const widest = 8;

function edgeFindings(config: Config, production: boolean): Finding[] {
  const found: Finding[] = [];
  const { HOST, CORS_ORIGINS, TRUST_PROXY } = config;
  const local = CORS_ORIGINS.filter((origin) => /\/\/(localhost|127\.|\[::1\])/.test(origin));
  if (production && local.length > 0) {
    const says = `CORS_ORIGINS lets pages of a developer's machine call (${local.join(', ')}).`;
    found.push(fault(check, says, 'Name the addresses of the front-ends.'));
  }
  const plain = CORS_ORIGINS.filter((origin) => origin.startsWith('http://') && !local.includes(origin));
  if (production && plain.length > 0) {
    const says = `CORS_ORIGINS names pages without TLS (${plain.join(', ')}).`;
    found.push(note(check, says, 'Serve the front-ends over https.'));
  }
  const everybody = TRUST_PROXY.filter((each) => Number(each.split('/')[1] ?? 128) < widest);
  if (everybody.length > 0) {
    const says = `TRUST_PROXY believes anybody (${everybody.join(', ')}): whoever calls chooses the address that limits go by.`;
    found.push(fault(check, says, 'Name the addresses of your own proxies only.'));
  }
  if (production && TRUST_PROXY.length === 0) {
    const says = 'TRUST_PROXY is empty: behind a proxy all callers look like one, and share its limits.';
    found.push(note(check, says, 'Name the address of the proxy that does TLS.'));
  }
  if (production && HOST === '127.0.0.1') {
    const says = 'HOST is 127.0.0.1: only this machine reaches the API.';
    found.push(note(check, says, 'Right behind a proxy on this machine; else set HOST=0.0.0.0.'));
  }
  for (const name of ['RATE_LIMIT_PER_MINUTE', 'RATE_LIMIT_SIGN_IN_PER_MINUTE'] as const) {
    if (config[name] !== 0) continue;
    found.push(serious(production, check, `${name} is 0: nobody is slowed down.`, 'Set a limit.'));
  }
  return found;
}

function otherFindings(config: Config, production: boolean): Finding[] {
  const found: Finding[] = [];
  if (production && config.DRAIN_MS === 0) {
    const says =
      'DRAIN_MS is 0: while an API is replaced, a balancer still sends it requests, which are lost.';
    found.push(
      note(check, says, 'Behind a balancer: a bit more than the time between two of its looks at /ready.'),
    );
  }
  if (production && config.SEED !== 'none') {
    const says = `SEED is ${config.SEED}, which only the first start needs.`;
    found.push(note(check, says, 'Take SEED and SEED_PASSWORD out of the environment.'));
  }
  if (['silent', 'fatal', 'error'].includes(config.LOG_LEVEL)) {
    const says = `LOG_LEVEL is ${config.LOG_LEVEL}: what went wrong before a fault is in no log.`;
    found.push(note(check, says, 'Set LOG_LEVEL=info.'));
  }
  for (const name of ['MONGODB_URI', 'REDIS_URL'] as const) {
    const { hostname, password } = new URL(
      config[name].replace(/^mongodb(\+srv)?:/, 'http:').replace(/,[^/]*/, ''),
    );
    if (!production || password !== '' || /^(localhost|127\.|\[::1\])/.test(hostname)) continue;
    const says = `${name} has no password: whoever reaches ${hostname} reads and writes everything.`;
    found.push(fault(check, says, 'Set up users there, and put the password into the address.'));
  }
  return found;
}
