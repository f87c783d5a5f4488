import { readFileSync } from 'node:fs';
import type { Audit } from './audit.ts';
import type { ChainHead } from './chain.ts';
import type { ChainReport } from './verify.ts';

const usage = `Usage: pnpm audit:verify [--head <file>] | pnpm run audit verify [--head <file>] | head | move | accept --reason <text>

  verify  goes through the chain and names the first entry that is not what was sealed (exit code 1)
  head    prints where the chain ends, signed: keep it elsewhere; verify --head then finds what was taken back
  move    moves what waits into the chain now, as the worker does by itself
  accept  goes on where the worker refuses to because the end of the chain is lost; the loss becomes an entry`;

/** How long it is quiet before it says how far it is. */
const quietMs = 2_000;
const sayEveryMs = 2_000;

/**
 * `verify`, `head`, `move` or `accept`. Gives the exit code: 0, 1 when something is wrong with the chain, 2 for a command
 * that there is not. Results go to `say`, progress to `note`, so that `head` can be written to a file.
 */
export async function runAuditCommand(
  audit: Audit,
  args: readonly string[],
  say: (sentence: string) => void = console.log,
  note: (sentence: string) => void = console.error,
): Promise<number> {
  const [command, flag, file, ...more] = args;
  if (command === 'head' && flag === undefined) {
    say(JSON.stringify(await audit.head()));
    return 0;
  }
  if (command === 'move' && flag === undefined) {
    say(`${entries(await audit.move())} moved into the chain.`);
    return 0;
  }
  if (command === 'accept' && flag === '--reason' && file !== undefined && more.length === 0) {
    const fault = await audit.accept(file);
    say(
      fault === null
        ? 'The chain fits its head; there is nothing to accept.'
        : `Accepted, and written down: ${fault}`,
    );
    return 0;
  }
  const given = flag === '--head' && file !== undefined && more.length === 0;
  if (command === 'verify' && (flag === undefined || given)) {
    const head = given ? readHead(file) : undefined;
    const report = await audit.verify({
      ...(head === undefined ? {} : { head }),
      progress: progressNotes(note),
    });
    for (const sentence of sentencesOf(report, head)) say(sentence);
    // An upgrade, or a worker that is not running; no fault of the chain.
    say(waitingSentence(await audit.waiting()));
    return report.fault === null ? 0 : 1;
  }
  note(usage);
  return 2;
}

function entries(count: number): string {
  return count === 1 ? '1 entry' : `${count.toLocaleString('en')} entries`;
}

function progressNotes(note: (sentence: string) => void) {
  let next = performance.now() + quietMs;
  return (seq: number, last: number) => {
    if (performance.now() < next) return;
    next = performance.now() + sayEveryMs;
    note(`… entry ${seq.toLocaleString('en')} of ${last.toLocaleString('en')}`);
  };
}

function sentencesOf(report: ChainReport, given: ChainHead | undefined): string[] {
  const { fault, checkpoint, from, compared } = report;
  const said: string[] = [];
  if (checkpoint !== null) {
    said.push(
      `Entries up to ${checkpoint._id} were removed by retention (${checkpoint.days} days) at ${checkpoint.at.toISOString()}; the seal of that is right.`,
    );
  }
  if (fault !== null) {
    said.push(`The audit chain is NOT whole. First at entry ${fault.seq} (${fault.kind}): ${fault.sentence}`);
    if (report.entries > 0)
      said.push(`Before it ${entries(report.entries)} from ${from} on are as they were sealed.`);
    return said;
  }
  if (report.entries === 0 && checkpoint === null)
    said.push('The audit chain is empty: nothing was moved into it yet.');
  else said.push(`The audit chain is whole: ${entries(report.entries)} from ${from} on.`);
  if (given !== undefined && compared === 'found')
    said.push(`It holds the head of entry ${given.seq} that was given.`);
  if (given !== undefined && compared === 'removed by retention') {
    said.push(
      `The entry of the head that was given (${given.seq}) was removed by retention; nothing could be compared.`,
    );
  }
  return said;
}

function waitingSentence(waiting: number): string {
  return waiting === 0
    ? 'Nothing waits in the outboxes.'
    : `${entries(waiting)} still in the outboxes, not in the chain yet.`;
}

/** A head as `head` prints it, or `GET /admin/audit/head` answers. */
function readHead(file: string): ChainHead {
  const refused = new Error(`${file} is no exported head of an audit chain.`);
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw error instanceof SyntaxError ? refused : new Error(`${file} cannot be read.`);
  }
  const { seq, hash, at, seal } = value ?? {};
  const texts = [hash, at, seal].every((each) => typeof each === 'string');
  if (!Number.isInteger(seq) || !texts || Number.isNaN(Date.parse(at as string))) throw refused;
  return { seq: seq as number, hash: hash as string, at: new Date(at as string), seal: seal as string };
}
