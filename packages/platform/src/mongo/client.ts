import { type Db, MongoClient } from 'mongodb';

const defaultDatabase = 'backoffice';

/**
 * A client that connects by itself on first use and again after every outage. A write is acknowledged only
 * when the journal of a majority has it: what a caller was promised survives a crash.
 *
 * `patienceMs`: how long an operation waits for a server before it fails. Short where somebody waits for
 * the answer, longer in the worker, for which a restart of MongoDB is no reason to begin again.
 */
export function createMongoClient(uri: string, patienceMs = 2_000): MongoClient {
  return new MongoClient(uri, {
    appName: 'backoffice',
    writeConcern: { w: 'majority', journal: true },
    serverSelectionTimeoutMS: patienceMs,
    connectTimeoutMS: patienceMs,
    waitQueueTimeoutMS: 5_000,
    // A server that stopped in the middle of an answer must not hold a request for ever.
    socketTimeoutMS: 120_000,
    maxPoolSize: 50,
    ignoreUndefined: true,
    // For its latency in /metrics.
    monitorCommands: true,
  });
}

/** The database that the address names. */
export function databaseOf(client: MongoClient, uri: string): Db {
  const named = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^/?]+)/.exec(uri)?.[1];
  return client.db(named === undefined ? defaultDatabase : decodeURIComponent(named));
}
