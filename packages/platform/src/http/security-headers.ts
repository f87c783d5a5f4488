import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

type Headers = Readonly<Record<string, string>>;

const self = ["'self'"];
const none = ["'none'"];

/** Data, never a page: nothing in it may be loaded, run or framed. */
const apiPolicy = { defaultSrc: none, frameAncestors: none, baseUri: none, formAction: none };
/** The pages for administrators: everything from here, no script inside a page. */
const pagePolicy = {
  defaultSrc: self,
  // The board of the queues sets the width of its bars this way.
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'", 'data:'],
  objectSrc: none,
  frameAncestors: none,
  baseUri: self,
  formAction: self,
};

/** What goes with every answer, refusals of the parser and of the router included. */
export const apiHeaders = headersOf(apiPolicy);
export const pageHeaders = headersOf(pagePolicy);

/** Half a year. Only sent where the request came over TLS: over plain HTTP browsers ignore it, rightly. */
export const transportHeader = 'max-age=15552000';

/**
 * The headers that helmet would set. They are the same for every request, and asking helmet each time would
 * cost more than the rest of a small answer.
 */
function headersOf(directives: Record<string, string[]>): Headers {
  const headers: Record<string, string> = {};
  const answer = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => undefined,
  };
  const decide = helmet({
    contentSecurityPolicy: { useDefaults: false, directives },
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' },
    // For browsers and plugins that are gone, or of no use for data.
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
  decide({} as IncomingMessage, answer as unknown as ServerResponse, (error?: unknown) => {
    if (error) throw error;
  });
  return headers;
}
