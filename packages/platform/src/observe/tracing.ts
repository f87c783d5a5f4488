import type { Config } from '../config/schema.ts';
import type { Span, SpanFacts } from './span.ts';

export interface SpanOptions {
  kind: 'server' | 'consumer';
  /** Where the trace was begun: the caller's `traceparent`, or that of a job. Anything else begins a new one. */
  parent?: string | undefined;
  facts?: SpanFacts;
}

export interface Tracing {
  start: (name: string, options: SpanOptions) => Span;
  /** Sends what is left, for two seconds at the most. */
  close: () => Promise<void>;
}

/**
 * Sends traces to OTEL_EXPORTER_OTLP_ENDPOINT; null without one, and then nothing of OpenTelemetry is loaded.
 */
export async function createTracing(config: Config, service: 'api' | 'worker'): Promise<Tracing | null> {
  if (config.OTEL_EXPORTER_OTLP_ENDPOINT === '') return null;
  const { createOtlpTracing } = await import('./otlp.ts');
  return createOtlpTracing(config, service);
}
