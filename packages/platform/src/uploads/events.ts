import { setTimeout as delay } from 'node:timers/promises';
import type { UploadDocument } from './model.ts';
import { isUnderWay } from './view.ts';

const pollMs = 300;
/** Proxies close a connection on which nothing comes. */
const silenceMs = 15_000;
/** After that the client connects again, and is asked anew who it is. */
const longestMs = 5 * 60_000;

/**
 * An upload as server-sent events: a `status` at once and whenever it changes, until it has ended. The
 * stream ends too when `isOver` says that the server is about to.
 */
export async function* uploadEvents(
  first: UploadDocument,
  read: () => Promise<UploadDocument>,
  view: (upload: UploadDocument) => object,
  isOver: () => boolean,
): AsyncGenerator<string> {
  const until = performance.now() + longestMs;
  let upload = first;
  let shown = '';
  let spoke = performance.now();
  yield 'retry: 1000\n\n';
  for (;;) {
    const data = JSON.stringify(view(upload));
    if (data !== shown) {
      yield `event: status\ndata: ${data}\n\n`;
      shown = data;
      spoke = performance.now();
    } else if (performance.now() - spoke > silenceMs) {
      yield ': still here\n\n';
      spoke = performance.now();
    }
    if (!isUnderWay(upload) || isOver() || performance.now() > until) return;
    await delay(pollMs);
    upload = await read();
  }
}
