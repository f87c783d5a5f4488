import { AsyncLocalStorage } from 'node:async_hooks';

/** Ids, counts, names from the source. Never what a user entered, and no file's name. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A stretch of work in a trace. */
export interface Span {
  traceId: string;
  /** W3C trace context, for whoever carries the trace on. */
  traceparent: string;
  child: (name: string, facts?: SpanFacts) => Span;
  set: (facts: SpanFacts) => void;
  /** `failed`: what was thrown is not told, for a library's text may hold a value. */
  end: (failed?: boolean) => void;
}

// Knows nothing of OpenTelemetry: where nothing is traced there is never a span in it, and `inSpan` only works.
const current = new AsyncLocalStorage<Span>();

/** Does the work within the span, which stays open. */
export function runIn<T>(span: Span, work: () => T): T {
  return current.run(span, work);
}

/** Does the work as a step of the span around it; without one (tracing is off) just does it. */
export async function inSpan<T>(name: string, facts: SpanFacts, work: () => Promise<T>): Promise<T> {
  const span = current.getStore()?.child(name, facts);
  if (span === undefined) return work();
  let failed = true;
  try {
    const result = await current.run(span, work);
    failed = false;
    return result;
  } finally {
    span.end(failed);
  }
}

/** The trace context to hand on, where there is one. */
export function currentTraceparent(): string | undefined {
  return current.getStore()?.traceparent;
}
