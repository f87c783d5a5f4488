import { type Static, Type } from '@sinclair/typebox';
import { choice, integer, list, text } from './setting.ts';

/**
 * Every setting of the platform, once: its type, its default and the line that explains it. The type `Config`, the
 * reading of the environment and `.env.example` all come from here, and from what each system adds (systems.ts).
 */
export const ConfigSchema = Type.Object({
  NODE_ENV: choice(
    'production refuses demo data and hides /docs.',
    ['development', 'test', 'production'],
    'development',
  ),
  HOST: text('The address that the API listens on.', '127.0.0.1'),
  WORKER_PORT: integer(
    'The port on which the worker answers /health, /ready and /metrics (0: any free one).',
    9100,
    0,
    65_535,
  ),
  SYSTEMS: list('The systems that the API serves, separated by commas; empty: all that are built.', []),
  MONGODB_URI: Type.String({
    description: 'Where MongoDB is, with the name of the database.',
    default: 'mongodb://127.0.0.1:27017/backoffice',
    pattern: '^mongodb(\\+srv)?://',
    secret: true,
  }),
  REDIS_URL: Type.String({
    description: 'Where Redis or Valkey is; its maxmemory-policy must be noeviction.',
    default: 'redis://127.0.0.1:6379',
    pattern: '^rediss?://',
    secret: true,
  }),
  QUEUE_PREFIX: Type.String({
    description: 'What the names of this installation’s queues in Redis begin with.',
    default: 'backoffice',
    pattern: '^[A-Za-z0-9_-]+$',
  }),
  JWT_SECRET: Type.String({
    description:
      'Signs the tokens; 32 bytes or more, for example from `openssl rand -base64 48`. No default.',
    secret: true,
  }),
  AUDIT_KEY: Type.String({
    description:
      'Seals the chain of audit entries; 32 bytes or more, another than JWT_SECRET, and never lost. No default.',
    secret: true,
  }),
  JWT_SECRET_PREVIOUS: Type.String({
    description:
      'While keys are changed: the other key (the one before, or the one to come), whose tokens are taken but not made.',
    default: '',
    secret: true,
  }),
  SIGN_IN_RETENTION_DAYS: integer('How many days the log of sign-ins is kept.', 180, 1, 3_650),
  TOKEN_HOURS: integer('How many hours a sign-in lasts.', 8, 1, 720),
  CORS_ORIGINS: list('The origins of the front-ends, separated by commas.', ['http://localhost:9002']),
  TRUST_PROXY: list(
    'Addresses and CIDR ranges of the reverse proxies whose X-Forwarded-For and -Proto are believed; empty: none.',
    [],
  ),
  RATE_LIMIT_PER_MINUTE: integer(
    'How many requests a minute one client address may send; 0: any number.',
    6_000,
    0,
    10_000_000,
  ),
  RATE_LIMIT_SIGN_IN_PER_MINUTE: integer(
    'How many attempts to sign in a minute one client address may make; 0: any number.',
    300,
    0,
    10_000_000,
  ),
  DATA_DIR: text('Where uploaded files are kept.', '.local'),
  UPLOAD_WAIT_MS: integer(
    'How many milliseconds an upload waits for its result before it answers 202.',
    10_000,
    0,
    60_000,
  ),
  WORKER_NICE: integer(
    'How far the worker steps back where there are too few cores for all (nice, 0: not at all): people who wait for an answer go first.',
    10,
    0,
    19,
  ),
  WORKER_CONCURRENCY: integer('How many jobs of a system one worker runs side by side.', 2, 1, 64),
  JOB_LEASE_MS: integer(
    'After how many milliseconds without a sign of life a job is taken over by another worker.',
    15_000,
    500,
    600_000,
  ),
  DRAIN_MS: integer(
    'How many milliseconds an API that was asked to end goes on serving, while /ready says no.',
    0,
    0,
    120_000,
  ),
  BACKUP_DIR: text('Where `pnpm backup` writes; empty: the folder backups in DATA_DIR.', ''),
  UPLOAD_RETENTION_DAYS: integer(
    'After how many days the file and the row errors of an upload that is not in force are removed; 0: never.',
    0,
    0,
    36_500,
  ),
  AUDIT_RETENTION_DAYS: integer(
    'After how many days audit entries are removed for a signed checkpoint; 0: never. Indian company law wants books kept for eight financial years.',
    0,
    0,
    36_500,
  ),
  JOB_RETENTION_DAYS: integer('How many days failed jobs stay to be looked at.', 30, 1, 3_650),
  SWEEP_EVERY_MS: integer(
    'Every how many milliseconds unfinished work that has lost its job is enqueued again.',
    10_000,
    200,
    600_000,
  ),
  SEED: choice(
    'demo: users of every role and sample data; admins: the first administrators; none.',
    ['none', 'admins', 'demo'],
    'none',
  ),
  SEED_PASSWORD: Type.String({
    description: 'The password of every seeded user; needed when SEED is not none.',
    default: '',
    secret: true,
  }),
  METRICS_TOKEN: Type.String({
    description: 'Whoever sends it as a bearer token reads /metrics; empty: administrators only.',
    default: '',
    secret: true,
  }),
  BROWSER_SESSION_MINUTES: integer(
    'How many minutes an administrator stays signed in to /admin/queues and /docs in a browser.',
    30,
    1,
    720,
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.String({
    description: 'Where traces are sent (OTLP over HTTP), for example http://127.0.0.1:4318; empty: nowhere.',
    default: '',
    pattern: '^https?://',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: Type.String({
    description: 'What is sent along with traces, as name=value,name=value.',
    default: '',
    secret: true,
  }),
  TRACE_PERCENT: integer('Of how many requests in a hundred a trace is made.', 100, 0, 100),
  LOG_LEVEL: choice(
    'How much is logged.',
    ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'],
    'info',
  ),
  TIME_ZONE: text('Decides which day, month and financial year a moment falls in.', 'Asia/Kolkata'),
});

export type Config = Static<typeof ConfigSchema>;
