import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systems } from '@backoffice/api';
import { loadConfig, settingsFor } from '@backoffice/platform';
import t from 'tap';
import { parse } from 'yaml';
import { root, run, scratch } from './support.ts';

// biome-ignore lint/suspicious/noExplicitAny: a file of somebody else's format
type Json = any;
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const compose: Json = parse(read('docker-compose.yml').replace(/\$\{\w+:-([^}]*)\}/g, '$1'), { merge: true });
const services = Object.entries<Json>(compose.services);
const ours = services.filter(([, { image }]) => image === 'backoffice:local');
const settings = new Map(settingsFor(systems).map(({ name, schema }) => [name, schema]));

/** Every file that belongs to the repository or would with the next commit. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));

t.test('every service has limits, few rights and a check of its health', async (t) => {
  for (const [name, service] of services) {
    const { cpus, memory, pids } = service.deploy.resources.limits;
    t.ok(Number(cpus) > 0 && /^\d+[mg]$/.test(memory) && pids > 0, `${name} has limits`);
    t.equal(service.read_only, true, `${name} can't change its own files`);
    t.same([service.cap_drop, service.cap_add], [['ALL'], undefined], name);
    t.same(service.security_opt, ['no-new-privileges:true'], name);
    t.ok(service.logging.options['max-size'], `${name}'s log has an end`);
    const once = ['migrate', 'tools'].includes(name);
    t.equal(service.restart, once ? 'no' : 'unless-stopped', name);
    if (once) t.equal(service.healthcheck.disable, true, name);
    else t.ok(service.healthcheck.test.length > 1, `${name} has a health check`);
  }
});

t.test('nothing is reachable from other machines; MongoDB and Redis only by our own services', async (t) => {
  for (const [name, { ports = [] }] of services) {
    for (const port of ports) t.match(port, /^127\.0\.0\.1:\d+:\d+$/, name);
  }
  t.equal(compose.networks.inside.internal, true);
  for (const name of ['mongo', 'redis']) {
    const { ports, networks, user } = compose.services[name];
    t.same([ports, networks], [undefined, ['inside']], name);
    t.match(user, /^[1-9]\d*:/, `${name} is not root`);
  }
});

t.test('images are pinned, and one of the current LTS of Node', async (t) => {
  const images = [
    ...services.map(([, { image }]) => image),
    /^ARG NODE_IMAGE=(.+)$/m.exec(read('Dockerfile'))![1],
  ];
  for (const image of images) t.match(image, /^[\w/.-]+:(v?\d+[\w.-]*|local)$/, image);
  t.match(images.at(-1), /^node:24-/);
});

t.test('what a service names is there: secrets, volumes, networks, services it waits for', async (t) => {
  for (const [name, service] of services) {
    for (const secret of service.secrets ?? []) t.ok(compose.secrets[secret], `${name}: ${secret}`);
    for (const network of service.networks) t.ok(network in compose.networks, `${name}: ${network}`);
    for (const volume of service.volumes ?? []) {
      const [source] = volume.split(':');
      const known = source.startsWith('./') ? existsSync(join(root, source)) : source in compose.volumes;
      t.ok(known, `${name}: ${source}`);
    }
    for (const [other, { condition }] of Object.entries<Json>(service.depends_on ?? {})) {
      const healthy = condition === 'service_healthy' && compose.services[other].healthcheck.test;
      const done = condition === 'service_completed_successfully' && compose.services[other].restart === 'no';
      t.ok(healthy || done, `${name} waits for ${other}`);
    }
  }
  const used = new Set(services.flatMap(([, { secrets = [] }]) => secrets));
  const unread = ['mongo_password', 'mongo_keyfile', 'redis_password', 'grafana_password'];
  t.same(
    Object.keys(compose.secrets).filter((each) => !used.has(each) && !unread.includes(each)),
    [],
  );
});

t.test('API and worker would start with exactly what compose gives them', async (t) => {
  const folder = scratch(t);
  mkdirSync(join(folder, 'deploy'));
  cpSync(join(root, 'deploy/make-secrets.sh'), join(folder, 'deploy/make-secrets.sh'));
  const make = () => execFileSync('sh', ['deploy/make-secrets.sh'], { cwd: folder, encoding: 'utf8' });
  t.notMatch(make(), 'kept');
  const made = Object.fromEntries(
    readdirSync(join(folder, 'deploy/secrets')).map((name) => [
      name,
      readFileSync(join(folder, 'deploy/secrets', name), 'utf8'),
    ]),
  );
  t.same(Object.keys(made).sort(), Object.keys(compose.secrets).sort());
  for (const [name, { file }] of Object.entries<Json>(compose.secrets))
    t.equal(file, `deploy/secrets/${name}`);
  t.equal(new Set(Object.values(made)).size, Object.keys(made).length, 'no two are the same');
  t.notMatch(make(), 'made', 'a second run changes nothing');
  t.equal(statSync(join(folder, 'deploy/secrets')).mode & 0o777, 0o700);

  t.equal(ours.length, 4);
  for (const [name, { environment, secrets, command }] of ours) {
    const env: Record<string, string> = {};
    for (const [key, value] of Object.entries<Json>(environment)) {
      const setting = settings.get(key.replace(/_FILE$/, ''));
      t.ok(setting, `${name}: ${key}`);
      if (setting?.secret) t.match(key, /_FILE$/, `${name}: a secret never stands in the file itself`);
      const [, secret] = /^\/run\/secrets\/(\w+)$/.exec(value ?? '') ?? [];
      if (secret !== undefined) t.ok(secrets.includes(secret), `${name}: ${secret}`);
      env[key] = secret === undefined ? String(value ?? '') : join(folder, 'deploy/secrets', secret);
    }
    const config = loadConfig(env, systems);
    t.match(config, {
      NODE_ENV: 'production',
      JWT_SECRET: made.jwt_secret,
      METRICS_TOKEN: made.metrics_token,
    });
    t.match(config.MONGODB_URI, made.mongo_password!);
    t.ok(files.includes(command[0]), `${name} runs ${command[0]}`);
  }
});

t.test('the image gets what runs, and nothing else', async (t) => {
  const copied = files.filter(isCopied);
  for (const needed of [
    ...['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'deploy/healthcheck.mjs'],
    ...['apps/api/src/main.ts', 'apps/worker/src/main.ts', 'apps/worker/src/migrate.ts'],
    ...['packages/platform/src/index.ts', 'packages/modules/receivables/src/index.ts'],
  ]) {
    t.ok(copied.includes(needed), needed);
  }
  t.same(
    copied.filter((file) =>
      /(^|\/)(test|docs|samples|secrets|bench|scripts|dev-services)\/|\.md$|\.env/.test(file),
    ),
    [],
  );
  for (const local of [
    '.local/jwt-secret',
    'deploy/secrets/jwt_secret',
    '.env',
    'apps/api/.env',
    '.git/config',
  ]) {
    t.notOk(isCopied(local), local);
  }
});

/** As Docker reads `.dockerignore`: the last pattern that fits a path, or a folder above it, decides. */
function isCopied(file: string): boolean {
  let ignored = false;
  for (const line of read('.dockerignore').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const pattern = line.replace(/^!/, '');
    const source = pattern
      .replace(/[.+^$()|[\]\\]/g, '\\$&')
      .replace(/\*\*\/|\*/g, (each) => (each === '*' ? '[^/]*' : '(?:.*/)?'));
    if (new RegExp(`^${source}(/|$)`).test(file)) ignored = !line.startsWith('!');
  }
  return !ignored;
}

t.test('the Dockerfile takes every package, runs as nobody special, and ends on a signal', async (t) => {
  const text = read('Dockerfile');
  t.match(
    text,
    /COPY pnpm-lock\.yaml pnpm-workspace\.yaml \.\/\nRUN pnpm fetch --prod\n/,
    'kept between edits',
  );
  t.notMatch(text, /^COPY \S*(apps|packages)\//m, 'none is named');
  t.match(text, /^USER [1-9]\d*:[1-9]\d*$/m);
  t.match(text, /^HEALTHCHECK /m);
  t.match(text, /^ENTRYPOINT \["node", "--import", "tsx"\]$/m, 'Node itself gets the signal, no shell');
  t.match(text, 'pnpm install --frozen-lockfile --prod --offline');
  t.match(text, /npm install --global pnpm@12\.21\.0$/m, 'the version that the README names');
  const { dependencies } = JSON.parse(read('package.json'));
  t.ok(dependencies.tsx, 'TypeScript is run as it is, also in production');
});

t.test('every system can be reached: image, health check and compose know its port', async (t) => {
  const text = read('Dockerfile');
  const exposed = /^EXPOSE (.+)$/m.exec(text)![1]!.split(' ');
  t.match(text, `HEALTH_PORTS="${exposed.join(' ')}"`);
  t.ok(exposed.includes('9100'), 'the worker');
  const published = compose.services.api.ports.map((port: string) => port.split(':').at(-1));
  for (const { title, port } of systems) {
    t.ok(exposed.includes(String(port)), `EXPOSE: ${title}`);
    t.ok(published.includes(String(port)), `docker-compose.yml: ${title}`);
  }
});

t.test('the health check of the image asks whichever of the processes and systems runs', async (t) => {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/health' ? 200 : 404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const port = String((server.address() as AddressInfo).port);
  const check = async (env: Record<string, string>) =>
    (
      await run(t, process.execPath, ['deploy/healthcheck.mjs'], { env: { PATH: process.env.PATH, ...env } })
        .ended
    ).code;
  t.equal(await check({ HEALTH_PORTS: `1 ${port}` }), 0, 'where the image says');
  t.equal(await check({ ANY_PORT: port, HEALTH_PORTS: '1 2' }), 0, 'where a setting says');
  t.equal(await check({ OTHER_PORT: 'tcp://10.0.0.1:1', WORKER_PORT: port }), 0, 'what is no number is none');
  await new Promise((done) => server.close(done));
  t.equal(await check({ HEALTH_PORTS: port, WORKER_PORT: port }), 1);
  t.equal(await check({}), 1);
});
