import { CodedError } from '@backoffice/core';
import { assertSameRequest, type Idempotency, isKeyTaken } from '@backoffice/platform';

/**
 * Creates something once for an `Idempotency-Key`: the same request again gets what the first one made, also where
 * both came at once. IDEMPOTENCY_KEY_REUSED for another request.
 */
export async function createOnce<T extends { idempotency?: Idempotency }>(
  idempotency: Idempotency | null,
  find: (key: string) => Promise<T | null>,
  create: () => Promise<T>,
): Promise<{ made: T; replayed: boolean }> {
  async function earlier(): Promise<T | null> {
    if (idempotency === null) return null;
    const found = await find(idempotency.key);
    if (found !== null) assertSameRequest(found.idempotency, idempotency);
    return found;
  }

  const first = await earlier();
  if (first !== null) return { made: first, replayed: true };
  try {
    return { made: await create(), replayed: false };
  } catch (error) {
    // The same request may have been faster; then it is its number, too, that is taken.
    const taken = error instanceof CodedError && error.code === 'ALREADY_EXISTS';
    const winner = taken || isKeyTaken(error) ? await earlier() : null;
    if (winner === null) throw error;
    return { made: winner, replayed: true };
  }
}
