import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@backoffice/core';
import { type CustomerDocument, type ReceivablesRepository, versionOf } from './repository.ts';

// A mark or an assignment is committed with the ledger, a remark or a note in the customer's own document, and the
// version that `If-Match` speaks of is in the latter. So that of two changes based on one version one is refused
// whichever document they are written to:
//
// 1. A change by the ledger that expects a version reserves the customer, in one write on that version.
// 2. Before each try it reads the ledger and then looks whether it still has the reservation. Then the ledger moves.
// 3. Copying its event into the customer raises the version and ends the reservation.
//
// Who finds a reservation waits for its end. One whose owner has died is broken in this order: it is forbidden, the
// ledger is moved by nothing, it is taken away. After the first its owner starts no new try; after the second a
// try that is under way finds another ledger. A change that expects nothing needs no reservation.

/** Longer than any change tries. */
const reservedMs = 30_000;
const pollMs = 25;
const patienceMs = 45_000;

export interface ReservationContext {
  repository: ReceivablesRepository;
}

/** STALE unless the customer has that version and is reserved for this very change. */
export function refuseStale(stored: CustomerDocument | null, expected: number, by: string): void {
  const reserved = stored?.reserved;
  const ours = reserved?.by === by && reserved.broken === undefined;
  if (stored === null || !ours || versionOf(stored) !== expected) throw new CodedError('STALE');
}

/** Reserves the customer at that version. STALE when it has another. */
export async function reserve(
  context: ReservationContext,
  code: string,
  expected: number,
  by: string,
): Promise<void> {
  const { repository } = context;
  for (;;) {
    await settle(context, code);
    const stored = await repository.findCustomer(code);
    if (stored === null || versionOf(stored) !== expected) throw new CodedError('STALE');
    if (await repository.reserveCustomer(stored, by, reservedMs)) return;
  }
}

/**
 * Waits until nothing is on its way for the customer: what the ledger has committed is copied, and no change has
 * it reserved. NOT_READY when that takes too long.
 */
export async function settle({ repository }: ReservationContext, code: string): Promise<void> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const ledger = await repository.findLedger();
    if (ledger.tail.some((event) => event.code === code)) await repository.flushTail(ledger);
    const reserved = (await repository.findCustomer(code))?.reserved;
    if (reserved === undefined) return;
    if (await repository.breakReservation(code, reserved.by)) {
      await moveByNothing(repository);
      await repository.releaseCustomer(code, reserved.by);
      continue;
    }
    if (performance.now() > end) throw new CodedError('NOT_READY');
    await delay(pollMs * (0.5 + Math.random()));
  }
}

/** A ledger that somebody has read before is not the current one any more. */
async function moveByNothing(repository: ReceivablesRepository): Promise<void> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const ledger = await repository.findLedger();
    await repository.flushTail(ledger);
    const { imports, heads, markMonths } = ledger;
    if (await repository.updateLedger(ledger, { imports, heads, markMonths, tail: [] }, 'nothing')) return;
    // An import holds it; then nothing else moves it either, but that ends.
    if (performance.now() > end) throw new CodedError('NOT_READY');
    await delay(pollMs);
  }
}

/** Writes to many customers, again for those that were reserved when it came to them. */
export async function pastReservations(
  context: ReservationContext,
  write: () => Promise<string[]>,
): Promise<void> {
  for (let left = await write(); left.length > 0; left = await write()) {
    for (const code of left) await settle(context, code);
  }
}
