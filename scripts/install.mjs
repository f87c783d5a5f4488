import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));

const pnpm = 'pnpm@12.21.0';
const stamp = join(root, 'node_modules', '.backoffice-lock');

/** One plain sentence for the user; no stack belongs to it. */
export class Complaint extends Error {}

export function assertNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Complaint(`Node 20.19 or newer is needed; this is ${process.versions.node}.`);
}

/** Gets the locked dependencies, unless those of this very lock file are already there. */
export async function install() {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  console.log('Getting the locked dependencies …');
  const began = Date.now();
  const { code, output } = await run('npx', ['--yes', pnpm, 'install', '--frozen-lockfile']);
  if (code !== 0) throw new Complaint(explain(output));
  writeFileSync(stamp, hash);
  console.log(`Dependencies are there (${Math.round((Date.now() - began) / 1000)} s).`);
}

function explain(output) {
  if (/ENOSPC|no space left/i.test(output)) return 'The disk is full: the dependencies do not fit.';
  if (/EACCES|EROFS|EPERM/.test(output)) return `The directory ${root} cannot be written.`;
  if (/ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ECONNRESET|fetch failed|META_FETCH_FAIL/.test(output)) {
    return 'The package registry cannot be reached: check the network and start again.';
  }
  if (/OUTDATED_LOCKFILE/.test(output))
    return 'pnpm-lock.yaml does not match package.json: run pnpm install.';
  return 'The dependencies could not be installed; what pnpm said is above.';
}

/** Runs a command from the root, showing its output and keeping the end of it. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, forward);
    let output = '';
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.setEncoding('utf8').on('data', (text) => {
        to.write(text);
        output = (output + text).slice(-20_000);
      });
    }
    child.once('error', () => reject(new Complaint(`${command} is missing: it comes with Node.`)));
    child.once('close', (code, signal) => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeListener(name, forward);
      // Broken off by the user: that is no fault to explain.
      if (signal) process.exit(130);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** Runs a script's main part: a known fault gives its sentence, any other its stack; both a non-zero exit. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    const known = error instanceof Complaint || error?.name === 'DevServicesError';
    console.error(known ? error.message : error);
    process.exit(1);
  }
}
