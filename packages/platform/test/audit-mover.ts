import { setTimeout as delay } from 'node:timers/promises';
import { MongoClient } from 'mongodb';
import { auditOf } from './audit-support.ts';

// A mover as a process of its own, so that a test can kill it: moves until it is told to end.
const [uri, database] = process.argv.slice(2) as [string, string];
const client = new MongoClient(uri);
const audit = auditOf(client.db(database));
let ending = false;
process.on('message', () => {
  ending = true;
});
process.send?.('moving');
while (!ending) {
  if ((await audit.move({ batch: 7 })) === 0) await delay(5);
}
await client.close();
process.disconnect?.();
