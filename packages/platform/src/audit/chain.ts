import type { Db } from 'mongodb';
import { sealOf } from './canonical.ts';
import type { AuditEntry } from './outbox.ts';

/** An entry in its place. `_id` is its number, from 1 and without gaps; that there is one of each decides every race. */
export interface ChainEntry extends Omit<AuditEntry, 'id'> {
  _id: number;
  /** The entry's own id, which it had in the outbox; unique, so it is in once however often it is moved. */
  entryId: string;
  /** The hash of the entry before; of the first one `noHash`. */
  prev: string;
  /** The seal over everything else in this document. */
  hash: string;
}

/** Where the chain ended at some moment. Kept elsewhere it shows later that nothing before it was changed or cut off. */
export interface ChainHead {
  seq: number;
  hash: string;
  at: Date;
  seal: string;
}

/** What retention leaves in the place of the entries that it removes. */
export interface Checkpoint {
  /** The number of the last entry removed. */
  _id: number;
  /** Of that entry. */
  hash: string;
  /** How many were removed with it. */
  count: number;
  /** The rule: entries from before this moment, which lay so many days back. */
  before: Date;
  days: number;
  at: Date;
  /** The checkpoint before, 0 for the first. */
  previous: number;
  seal: string;
}

export const noHash = '0'.repeat(64);

/** The chain does not fit its own seals. Nothing may be added to it, or the traces would be covered. */
export class AuditChainError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AuditChainError';
  }
}

export function chainOf(db: Db) {
  return {
    entries: db.collection<ChainEntry>('audit_chain'),
    heads: db.collection<ChainHead & { _id: string }>('audit_head'),
    checkpoints: db.collection<Checkpoint>('audit_checkpoints'),
  };
}

export type Chain = ReturnType<typeof chainOf>;

/** The hash that an entry must carry. Over the whole document, so that nothing can be added to it either. */
export function hashOf(key: string, entry: Omit<ChainEntry, 'hash'> & { hash?: string }): string {
  const { hash: _own, ...sealed } = entry;
  return sealOf(key, 'entry', sealed);
}

/** The entries in order behind what the chain ends with. */
export function linked(
  key: string,
  entries: readonly AuditEntry[],
  end: { seq: number; hash: string },
): ChainEntry[] {
  let { seq, hash: prev } = end;
  return entries.map(({ id, ...facts }) => {
    seq += 1;
    const entry = { _id: seq, entryId: id, ...facts, prev };
    prev = hashOf(key, entry);
    return { ...entry, hash: prev };
  });
}

export function signedHead(key: string, end: { seq: number; hash: string }, at: Date): ChainHead {
  const head = { seq: end.seq, hash: end.hash, at };
  return { ...head, seal: sealOf(key, 'head', head) };
}

export function isHeadOf(key: string, { seq, hash, at, seal }: ChainHead): boolean {
  return seal === sealOf(key, 'head', { seq, hash, at });
}

export function signedCheckpoint(key: string, facts: Omit<Checkpoint, 'seal'>): Checkpoint {
  return { ...facts, seal: sealOf(key, 'checkpoint', facts) };
}

export function isCheckpointOf(key: string, { seal, ...facts }: Checkpoint): boolean {
  return seal === sealOf(key, 'checkpoint', facts);
}

/** The last entry; the newest checkpoint where none is left; the place before the first where nothing ever was. */
export async function endOfChain({ entries, checkpoints }: Chain): Promise<{ seq: number; hash: string }> {
  const newest = { sort: { _id: -1 }, projection: { hash: 1 } } as const;
  const last = (await entries.findOne({}, newest)) ?? (await checkpoints.findOne({}, newest));
  return last === null ? { seq: 0, hash: noHash } : { seq: last._id, hash: last.hash };
}

/** The head as it is kept; null before the first entry. */
export async function storedHead({ heads }: Chain): Promise<ChainHead | null> {
  const found = await heads.findOne({ _id: 'head' });
  if (found === null) return null;
  const { _id, ...head } = found;
  return head;
}
