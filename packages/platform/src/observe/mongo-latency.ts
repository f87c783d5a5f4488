import type { MongoClient } from 'mongodb';
import type { Metrics } from './metrics.ts';

/** What the product sends. A name that is not here counts as "other", so that the series stay few. */
const known = new Set([
  'aggregate',
  'count',
  'createIndexes',
  'delete',
  'distinct',
  'endSessions',
  'find',
  'findAndModify',
  'getMore',
  'insert',
  'killCursors',
  'ping',
  'update',
]);
const nameOf = (command: string) => (known.has(command) ? command : 'other');

/** More than the pool has connections: what is above that was never answered and never will be. */
const mostUnderWay = 1_000;

/**
 * Times every command of the client, which has to be made with `monitorCommands`. The driver's own figure is in
 * whole milliseconds, and most commands take less than one; so the clock is read here.
 */
export function observeMongo(client: MongoClient, metrics: Metrics): void {
  const began = new Map<number, number>();
  // A series that begins with its first failure shows no increase.
  for (const command of [...known, 'other']) metrics.mongoFailures.inc({ command }, 0);

  function secondsOf(requestId: number): number {
    const start = began.get(requestId);
    began.delete(requestId);
    return start === undefined ? 0 : (performance.now() - start) / 1_000;
  }

  client.on('commandStarted', ({ requestId }) => {
    if (began.size >= mostUnderWay) began.clear();
    began.set(requestId, performance.now());
  });
  client.on('commandSucceeded', ({ requestId, commandName }) => {
    metrics.mongoSeconds.observe({ command: nameOf(commandName) }, secondsOf(requestId));
  });
  client.on('commandFailed', ({ requestId, commandName }) => {
    const command = nameOf(commandName);
    metrics.mongoSeconds.observe({ command }, secondsOf(requestId));
    metrics.mongoFailures.inc({ command });
  });
}
