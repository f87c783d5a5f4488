import {
  type Chain,
  type ChainEntry,
  type ChainHead,
  type Checkpoint,
  hashOf,
  isCheckpointOf,
  isHeadOf,
  noHash,
  storedHead,
} from './chain.ts';

/** What is wrong, and with which entry first. */
export interface ChainFault {
  kind:
    | 'changed'
    | 'removed'
    | 'inserted'
    | 'reordered'
    | 'cut-off'
    | 'rolled-back'
    | 'other-key'
    | 'head'
    | 'checkpoint';
  seq: number;
  sentence: string;
}

export interface ChainReport {
  /** Null: the chain is whole. */
  fault: ChainFault | null;
  /** The entries looked at: the first one and how many. */
  from: number;
  entries: number;
  /** The newest checkpoint, where entries before it were removed by retention. */
  checkpoint: Checkpoint | null;
  head: ChainHead | null;
  /** Whether the given head could be compared: not where retention has removed the entry of its number. */
  compared: 'no head given' | 'found' | 'removed by retention' | 'not found';
}

export interface VerifyOptions {
  /** A head that was exported earlier and kept elsewhere. */
  head?: ChainHead;
  /** Only up to this entry, without the end: what retention is about to remove. */
  until?: number;
  progress?: (seq: number, last: number) => void;
}

const atOnce = 500;
/** How far a misplaced entry is looked for, in both directions. */
const reach = 10_000;
const attempts = 5;

/**
 * Goes through the chain from the newest checkpoint, or its beginning, to its end and names the first entry that
 * is not what was sealed. Reads in batches: memory does not grow with the chain. Entries may be added, and
 * removed by retention, meanwhile.
 */
export async function verifyChain(
  chain: Chain,
  key: string,
  options: VerifyOptions = {},
): Promise<ChainReport> {
  for (let attempt = 1; ; attempt += 1) {
    const begun = await newestCheckpoint(chain);
    const report = await verifyOnce(chain, key, options);
    if (report.fault === null || attempt === attempts) return report;
    // Retention has cut the chain under the reader: it is read again from where it begins now.
    if ((await newestCheckpoint(chain))?._id === begun?._id) return report;
  }
}

async function newestCheckpoint({ checkpoints }: Chain): Promise<Checkpoint | null> {
  return checkpoints.findOne({}, { sort: { _id: -1 } });
}

async function verifyOnce(chain: Chain, key: string, options: VerifyOptions): Promise<ChainReport> {
  // The head first: the chain may grow behind it, but never ends before it.
  const head = await storedHead(chain);
  const { fault: broken, newest } = await verifyCheckpoints(chain, key);
  const report: ChainReport = {
    fault: null,
    from: (newest?._id ?? 0) + 1,
    entries: 0,
    checkpoint: newest,
    head,
    compared: options.head === undefined ? 'no head given' : 'not found',
  };
  const failed = (fault: ChainFault): ChainReport => ({ ...report, fault });
  if (broken !== null) return failed(broken);

  const stored = { name: 'The head of the chain', head, sealed: head !== null && isHeadOf(key, head) };
  const given = { name: 'The head given', head: options.head ?? null, sealed: true };
  if (options.head !== undefined && !isHeadOf(key, options.head)) {
    const sentence =
      'The head given has no seal of this AUDIT_KEY: it was changed, or is of another installation.';
    return failed({ kind: 'head', seq: options.head.seq, sentence });
  }
  if (options.head !== undefined && options.head.seq < report.from) {
    if (options.head.seq === 0) report.compared = 'found';
    else if (options.head.seq < report.from - 1) report.compared = 'removed by retention';
    else if (newest?.hash === options.head.hash) report.compared = 'found';
    else return failed(rolledBack(given.name, options.head.seq));
  }

  const stray = options.until === undefined ? await strayFault(chain, key, report.from) : null;
  if (stray !== null) return failed(stray);

  const last = options.until ?? head?.seq ?? 0;
  let previous: Place = { seq: report.from - 1, hash: newest?.hash ?? noHash };
  const above = {
    _id: { $gte: report.from, ...(options.until === undefined ? {} : { $lte: options.until }) },
  };
  const cursor = chain.entries.find(above).sort({ _id: 1 }).batchSize(atOnce);
  try {
    for await (const entry of cursor) {
      const fault = await entryFault(chain, key, entry, previous, report.entries === 0 && !stored.sealed);
      if (fault !== null) return failed(fault);
      previous = { seq: entry._id, hash: entry.hash };
      report.entries += 1;
      for (const { name, head: witness, sealed } of options.until === undefined ? [stored, given] : []) {
        if (witness?.seq !== entry._id || !sealed) continue;
        if (witness.hash !== entry.hash) return failed(rolledBack(name, entry._id));
        if (witness === options.head) report.compared = 'found';
      }
      options.progress?.(entry._id, Math.max(last, entry._id));
    }
  } finally {
    await cursor.close();
  }
  if (options.until !== undefined)
    return previous.seq === options.until ? report : failed(cutOff(previous.seq, options.until));
  // What the cursor above never comes to: no range of numbers has NaN in it, though it is of their type.
  const odd = await chain.entries.findOne({
    $or: [{ _id: { $not: { $type: 'number' } } }, { _id: Number.NaN }],
  } as never);
  if (odd !== null)
    return failed({
      kind: 'inserted',
      seq: previous.seq + 1,
      sentence: `There is an entry whose number is "${String(odd._id)}".`,
    });
  const end = endFault(head, stored.sealed, previous, report, options.head);
  return end === null ? report : failed(end);
}

/** Before the beginning there is nothing but entries that retention has not come to remove yet. */
async function strayFault({ entries }: Chain, key: string, from: number): Promise<ChainFault | null> {
  for await (const entry of entries.find({ _id: { $lt: from } }).sort({ _id: 1 })) {
    const { _id: seq } = entry;
    if (Number.isInteger(seq) && seq > 0 && from > 1 && hashOf(key, entry) === entry.hash) continue;
    return { kind: 'inserted', seq, sentence: `Entry ${seq} was inserted: the chain begins at ${from}.` };
  }
  return null;
}

interface Place {
  seq: number;
  hash: string;
}

function endFault(
  head: ChainHead | null,
  sealed: boolean,
  { seq }: Place,
  report: ChainReport,
  given: ChainHead | undefined,
): ChainFault | null {
  if (given !== undefined && given.seq > seq) return cutOff(seq, given.seq);
  if (head === null) {
    if (seq === 0 && report.checkpoint === null) return null;
    return {
      kind: 'head',
      seq,
      sentence: 'The signed head of the chain is missing; entries may have been cut off behind it.',
    };
  }
  if (!sealed)
    return {
      kind: 'head',
      seq: head.seq,
      sentence: 'The head of the chain has no seal of this AUDIT_KEY: it was changed.',
    };
  return head.seq > seq ? cutOff(seq, head.seq) : null;
}

function cutOff(seq: number, to: number): ChainFault {
  const which = to === seq + 1 ? `Entry ${to} is` : `Entries ${seq + 1} to ${to} are`;
  return { kind: 'cut-off', seq: seq + 1, sentence: `${which} missing at the end.` };
}

function rolledBack(name: string, seq: number): ChainFault {
  const sentence = `${name} knew another entry ${seq}: the chain was taken back to an earlier state and continued.`;
  return { kind: 'rolled-back', seq, sentence };
}

async function verifyCheckpoints({ checkpoints }: Chain, key: string) {
  let newest: Checkpoint | null = null;
  for await (const each of checkpoints.find().sort({ _id: 1 })) {
    const wrong = !isCheckpointOf(key, each)
      ? `The checkpoint at ${each._id} has no seal of this AUDIT_KEY: it was changed, or made by somebody else.`
      : each.previous !== (newest?._id ?? 0)
        ? `A checkpoint is missing before the one at ${each._id}.`
        : null;
    if (wrong !== null)
      return { fault: { kind: 'checkpoint', seq: each._id, sentence: wrong } as ChainFault, newest };
    newest = each;
  }
  return { fault: null, newest };
}

async function entryFault(
  chain: Chain,
  key: string,
  entry: ChainEntry,
  previous: Place,
  nothingSealed: boolean,
): Promise<ChainFault | null> {
  const seq = previous.seq + 1;
  if (!Number.isInteger(entry._id) || entry._id < seq) {
    return {
      kind: 'inserted',
      seq: entry._id,
      sentence: `Entry ${entry._id} was inserted: no entry has such a number.`,
    };
  }
  if (entry._id > seq) return missing(previous, entry._id - 1);
  if (hashOf(key, entry) === entry.hash) {
    if (entry.prev === previous.hash) return null;
    const sentence = `Entry ${seq} is sealed, but follows another entry than the one before it: one of both is of an earlier state of the chain.`;
    return { kind: 'rolled-back', seq, sentence };
  }
  const from = numberWithin(key, entry);
  if (from !== null) return misplaced(chain, key, entry, from, previous);
  const next = await chain.entries.findOne({ _id: seq + 1 });
  if (next !== null && hashOf(key, { ...next, _id: seq }) === next.hash && next.prev === previous.hash) {
    return {
      kind: 'inserted',
      seq,
      sentence: `Entry ${seq} was inserted, and those behind it were given new numbers.`,
    };
  }
  if (nothingSealed) {
    const sentence = `Neither entry ${seq} nor the head has a seal of this AUDIT_KEY: the chain was sealed with another key, or this is not the key of this installation.`;
    return { kind: 'other-key', seq, sentence };
  }
  const sentence = `Entry ${seq} is not what was sealed: it was changed, or put in by somebody who has not the key.`;
  return { kind: 'changed', seq, sentence };
}

function missing({ seq }: Place, to: number): ChainFault {
  const first = seq + 1;
  const which = to === first ? `Entry ${first} was` : `Entries ${first} to ${to} were`;
  return { kind: 'removed', seq: first, sentence: `${which} removed.` };
}

/** The number under which an entry was sealed, where it is not far. */
function numberWithin(key: string, entry: ChainEntry): number | null {
  for (let away = 1; away <= reach; away += 1) {
    for (const seq of [entry._id + away, entry._id - away]) {
      if (seq > 0 && hashOf(key, { ...entry, _id: seq }) === entry.hash) return seq;
    }
  }
  return null;
}

/** Either entries changed places, or one was taken out and the others moved up. */
async function misplaced(
  chain: Chain,
  key: string,
  entry: ChainEntry,
  from: number,
  previous: Place,
): Promise<ChainFault> {
  const { _id: seq } = entry;
  const near = chain.entries.find({ _id: { $gt: seq, $lte: seq + reach }, prev: previous.hash });
  for await (const other of near) {
    if (hashOf(key, { ...other, _id: seq }) !== other.hash) continue;
    const sentence = `Entries were reordered: number ${seq} is what was sealed as number ${from}, and number ${other._id} belongs here.`;
    return { kind: 'reordered', seq, sentence };
  }
  return {
    kind: 'removed',
    seq,
    sentence: `Entry ${seq} was removed, and those behind it were given new numbers.`,
  };
}
