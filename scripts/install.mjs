import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));

const pnpm = 'pnpm@12.21.0';
const stamp = join(root, 'node_modules', '.backoffice-lock');
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

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
  if (isInstalled(hash)) return;
  const unlock = await lock();
  try {
    // Another start may have done it while this one waited.
    if (isInstalled(hash)) return;
    console.log('Getting the locked dependencies …');
    const began = Date.now();
    const { code, output } = await run('npx', ['--yes', pnpm, 'install', '--frozen-lockfile', ...patience]);
    if (code !== 0) throw new Complaint(explain(output));
    writeFileSync(stamp, hash);
    console.log(`Dependencies are there (${Math.round((Date.now() - began) / 1000)} s).`);
  } catch (error) {
    throw explainFault(error);
  } finally {
    unlock();
  }
}

/** Every package is asked for: with long pauses, a registry that is away would take minutes to tell. And nobody is there to answer a question. */
const patience = [
  '--config.fetch-retry-mintimeout=1000',
  '--config.fetch-retry-maxtimeout=1000',
  '--config.confirm-modules-purge=false',
];
const npmPatience = { npm_config_fetch_retry_mintimeout: '1000', npm_config_fetch_retry_maxtimeout: '5000' };

function isInstalled(hash) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
}

/** Two installations at once would get into each other's way; the second waits for the first. */
async function lock() {
  const file = join(root, '.local', 'install.lock');
  let told = false;
  for (;;) {
    try {
      mkdirSync(join(root, '.local'), { recursive: true });
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw explainFault(error);
    }
    if (isAlive(file)) {
      if (!told) console.log('Another start is getting the dependencies; waiting for it …');
      told = true;
      await delay(200);
    } else {
      rmSync(file, { force: true });
    }
  }
}

/** Longer than any installation takes: by then the number of a killed one may be another program's. */
const lockMs = 20 * 60 * 1000;

function isAlive(file) {
  try {
    if (Date.now() - statSync(file).mtimeMs > lockMs) return false;
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty: it is being written this very moment.
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function explainFault(error) {
  if (error?.code === 'ENOSPC') return new Complaint('The disk is full: the dependencies do not fit.');
  if (['EACCES', 'EROFS', 'EPERM'].includes(error?.code)) return unwritable(error.path ?? root);
  return error;
}

function unwritable(path) {
  return new Complaint(`${path} cannot be written: make it yours, or start as its owner.`);
}

function explain(output) {
  if (/ENOSPC|no space left/i.test(output)) return 'The disk is full: the dependencies do not fit.';
  const denied = /\b(?:EACCES|EROFS|EPERM)\b[^\n]*?['"](\/[^'"]+)['"]/.exec(output);
  if (denied) return unwritable(denied[1]).message;
  if (
    /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ECONNRESET|fetch failed|META_FETCH_FAIL|error sending request/i.test(
      output,
    )
  ) {
    return 'The package registry cannot be reached: check the network and start again.';
  }
  if (/OUTDATED_LOCKFILE/.test(output)) {
    return 'pnpm-lock.yaml does not match package.json: run pnpm install.';
  }
  return 'The dependencies could not be installed; what pnpm said is above.';
}

/**
 * Runs a command from the root and shows its output; keeps the end of it unless the command gets the
 * terminal itself. A signal that ends this process ends the command first; the process then ends with 130.
 */
export function run(command, args, { inherit = false, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...npmPatience, ...process.env, ...env },
      stdio: inherit ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    let brokenOff = false;
    const forward = (signal) => {
      brokenOff = true;
      child.kill(signal);
    };
    for (const signal of signals) process.on(signal, forward);
    let output = '';
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from?.setEncoding('utf8').on('data', (text) => {
        to.write(text);
        output = (output + text).slice(-20_000);
      });
    }
    child.once('error', () => reject(new Complaint(`${command} is missing.`)));
    child.once('close', (code) => {
      for (const name of signals) process.removeListener(name, forward);
      if (brokenOff) reject(new BrokenOff());
      else resolve({ code: code ?? 1, output });
    });
  });
}

/**
 * npm passes a signal on to its child only, and a hard kill to nobody. `exec` in package.json makes this
 * process that child; for the rest, one that npm has started does not outlive it.
 */
function endWithNpm() {
  if (!process.env.npm_lifecycle_event) return;
  const npm = process.ppid;
  setInterval(() => {
    if (process.ppid !== npm) process.kill(process.pid, 'SIGTERM');
  }, 500).unref();
}

/** By the user: that is no fault to explain. */
class BrokenOff extends Error {}

/** Runs a script's main part: a known fault gives its sentence, any other its stack; both a non-zero exit. */
export async function runMain(main) {
  // A terminal that was closed, or a pager that was left, must not keep anybody from tidying up.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  endWithNpm();
  try {
    await main();
  } catch (error) {
    if (error instanceof BrokenOff) process.exit(130);
    const known = error instanceof Complaint || error?.name === 'DevServicesError';
    console.error(known ? error.message : error);
    process.exit(1);
  }
}
