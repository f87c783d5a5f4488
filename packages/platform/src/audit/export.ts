import type { CellValue, SheetColumn } from '@backoffice/spreadsheet';
import type { ChainEntry } from './chain.ts';

function columnsIn(zone: string): SheetColumn[] {
  return [
    { header: 'Number', width: 10 },
    { header: `Time (${zone})`, width: 24 },
    { header: 'Time (UTC)', width: 26 },
    { header: 'User', width: 24 },
    { header: 'User id', width: 26 },
    { header: 'Action', width: 24 },
    { header: 'Object', width: 14 },
    { header: 'Object id', width: 26 },
    { header: 'Before', width: 40 },
    { header: 'After', width: 40 },
    { header: 'Request', width: 22 },
    { header: 'Entry id', width: 28 },
    { header: 'Hash', width: 66 },
  ];
}

function localTimes(zone: string): (at: Date) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  return (at) => format.format(at);
}

function rowOf(entry: ChainEntry, local: (at: Date) => string): CellValue[] {
  const { _id, at, actor, action, object, before, after, requestId, entryId, hash } = entry;
  const text = (facts: unknown) => (facts === null || facts === undefined ? null : JSON.stringify(facts));
  return [
    ...[_id, local(at), at.toISOString(), actor.name, actor.userId, action, object.type, object.id],
    ...[text(before), text(after), requestId, entryId, hash],
  ];
}

/** The entries as rows, in the order in which they come; never more than one of them in memory. */
export function auditSheet(entries: AsyncIterable<ChainEntry>, zone: string) {
  const local = localTimes(zone);
  async function* rows(): AsyncGenerator<CellValue[]> {
    for await (const entry of entries) yield rowOf(entry, local);
  }
  return { name: 'Audit', columns: columnsIn(zone), rows: rows() };
}
