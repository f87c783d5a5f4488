import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { fileURLToPath } from 'node:url';
import {
  createMigrator,
  createPasswords,
  createPlatform,
  createUserRepository,
  loadConfig,
  platformMigrations,
  runFirstAdministratorCommand,
} from '@backoffice/platform';
import { receivables, receivablesMigrations } from '@backoffice/receivables';
import t from 'tap';
import { readNewPassword } from '../src/password-input.ts';
import { programOf, seedEnv } from './seed-support.ts';

t.setTimeout(240_000);

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = programOf('apps/worker/src/first-admin.ts');
const env = { ...process.env, ...seedEnv(t, { SEED: 'none' }) };
const platform = await createPlatform(loadConfig(env), { role: 'cli', systems: [receivables] });
const users = createUserRepository(platform.db);
const dir = mkdtempSync(join(tmpdir(), 'first-admin-'));
t.teardown(async () => {
  rmSync(dir, { recursive: true, force: true });
  await platform.db.dropDatabase();
  await platform.close();
});

const strong = 'paddle violet engine 42';
const asha = ['--system', 'receivables', '--email', ' Asha@Example.com ', '--name', 'Asha Rao'];

interface Ended {
  code: number | null;
  output: string;
}

function run(command: string, args: readonly string[], input = ''): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
    child.stdin.end(input);
  });
}
/** The command as it is started from a shell, which takes some seconds. */
const started = (args: readonly string[], input = '') => run(process.execPath, [...program, ...args], input);

/** The command in this process. */
async function firstAdmin(args: readonly string[], input = ''): Promise<Ended> {
  const said: string[] = [];
  const stdin = Readable.from([Buffer.from(input)]) as unknown as ReadStream;
  const terminal = { input: stdin, output: process.stderr };
  const readPassword = (file: string | null) => readNewPassword(file, new AbortController().signal, terminal);
  const sources = { modules: [receivables], readPassword, say: (sentence: string) => said.push(sentence) };
  const code = await runFirstAdministratorCommand(platform, args, sources).catch((error: Error) => {
    said.push(error.message);
    return 1;
  });
  return { code, output: said.join('\n') };
}
const count = () => platform.db.collection('users').countDocuments();

/** A terminal of its own for the command; `typed` is what is typed at each prompt. */
const inTerminal = `
import os, pty, sys
typed = sys.argv[1].split('|')
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b''
prompts = [b'Password: ', b'Once more: ']
while True:
    try:
        data = os.read(fd, 1024)
    except OSError:
        break
    if not data:
        break
    seen += data
    if prompts and typed and seen.endswith(prompts[0]):
        prompts.pop(0)
        os.write(fd, typed.pop(0).encode().decode('unicode_escape').encode())
os.write(1, seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

t.test('a database that is not up to date is refused', async (t) => {
  const { code, output } = await started([...asha, '--password-file', '-'], strong);
  t.match({ code, output }, { code: 1, output: /npm run migrate latest/ });
});

t.test('arguments that are none: the usage; a password is never taken from one, nor repeated', async (t) => {
  await createMigrator(platform.db, [...platformMigrations, ...receivablesMigrations]).latest();
  for (const wrong of [
    [],
    asha.slice(0, 4),
    [...asha, '--password', 'secret-1'],
    [...asha, '--password=secret-1'],
    [...asha, 'secret-1'],
  ]) {
    const { code, output } = await firstAdmin(wrong);
    t.equal(code, 2, wrong.join(' '));
    t.match(output, /Usage: npm run first-admin/);
    t.notMatch(output, 'secret-1');
  }
  const { code, output } = await firstAdmin(['--system', 'nowhere', ...asha.slice(2)]);
  t.match({ code, output }, { code: 1, output: /There is no system of that name; there is: receivables/ });
  t.equal(await count(), 0);
});

t.test('36. weak, long, empty and unreadable passwords are refused, and nothing is created', async (t) => {
  const cases: [string, RegExp][] = [
    ['password123', /too easy to guess/],
    ['Asha Rao 1', /too easy to guess/],
    ['short', /shorter than 10/],
    ['ü'.repeat(37), /longer than 72 bytes/],
    ['', /must hold one line/],
    ['two\nlines of it', /must hold one line/],
  ];
  for (const [given, sentence] of cases) {
    t.match(await firstAdmin([...asha, '--password-file', '-'], given), { code: 1, output: sentence });
  }
  const missing = await firstAdmin([...asha, '--password-file', join(dir, 'nothing')]);
  t.match(missing, { code: 1, output: /cannot be read/ });
  const noTerminal = await firstAdmin(asha);
  t.match(noTerminal, { code: 1, output: /There is no terminal/ });
  t.equal(await count(), 0);
});

t.test(
  'asked for at a terminal: twice, without an echo, with backspace; the terminal stays whole',
  async (t) => {
    const python = await run('python3', ['-c', '']).catch(() => null);
    if (python?.code !== 0) {
      t.pass('there is no python3 to make a terminal with');
      return;
    }
    const command = [process.execPath, ...program, ...asha];
    const typed = (...lines: string[]) => run('python3', ['-c', inTerminal, lines.join('|'), ...command]);
    t.match(await typed(`${strong}\\r`, 'another thing 7\\r'), {
      code: 1,
      output: /differ; nothing was done/,
    });
    t.match(await typed('pad\\x03'), { code: 1, output: /Broken off; nothing was done/ });
    t.equal(await count(), 0);
    const made = await typed(`${strong}X\\x7f\\r`, `wrong\\x15${strong}\\r`);
    t.match(made, { code: 0, output: /Asha Rao <asha@example.com> is Admin of Receivables/ });
    t.notMatch(made.output, 'violet');
    const user = (await users.findByEmail('asha@example.com'))!;
    t.ok(await createPasswords().matches(strong, user.passwordHash));
    t.match(user, {
      status: 'active',
      memberships: { receivables: { role: 'Admin', region: null, department: null } },
      outbox: [{ action: 'user.create', actor: { name: 'Command first-admin' }, before: null }],
    });
    t.notMatch(JSON.stringify(user.outbox), /violet|\$2b/);
    await platform.db.collection('users').deleteMany({});
  },
);

t.test('from a file; refused where there is an administrator, unless --another', async (t) => {
  const file = join(dir, 'password');
  writeFileSync(file, `${strong}\r\n`, { mode: 0o600 });
  t.equal((await started([...asha, '--password-file', file])).code, 0);
  const email = `second-${randomBytes(3).toString('hex')}@example.com`;
  const second = ['--system', 'receivables', '--email', email, '--name', 'Second', '--password-file', file];
  t.match(await firstAdmin(second), { code: 1, output: /has an active administrator \(asha@example.com\)/ });
  t.equal(await count(), 1);
  t.equal((await firstAdmin([...second, '--another'])).code, 0);
  const again = await firstAdmin([...second, '--another']);
  t.match(again, { code: 1, output: /There is a user with that e-mail already/ });
  const asha1 = (await users.findByEmail('asha@example.com'))!;
  await users.updateStatus(asha1._id, 'disabled');
  await users.updateStatus((await users.findByEmail(email))!._id, 'disabled');
  const third = second.map((each) => (each === email ? 'third@example.com' : each));
  t.equal((await firstAdmin(third)).code, 0, 'disabled ones are none');
  t.equal(await count(), 3);
});

t.test(
  '--existing: who uses another system becomes administrator with the password that they have',
  async (t) => {
    const membership = { role: 'Clerk', region: null, department: null };
    const person = await users.upsertUser({
      name: 'Elsewhere',
      email: 'elsewhere@example.com',
      contact: '',
      passwordHash: 'x',
      memberships: { orders: membership } as never,
    });
    const args = ['--system', 'receivables', '--email', person.email, '--existing', '--another'];
    for (let time = 0; time < 2; time += 1) t.equal((await firstAdmin(args)).code, 0);
    t.match(await users.findByEmail(person.email), {
      passwordHash: 'x',
      version: 2,
      memberships: { orders: membership, receivables: { role: 'Admin', region: null } },
    });
    const nobody = args.map((each) => (each === person.email ? 'nobody@example.com' : each));
    t.match(await firstAdmin(nobody), { code: 1, output: /There is no user with that e-mail/ });
  },
);
