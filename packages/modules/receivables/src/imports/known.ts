import type { DayNumber, Paise } from '@backoffice/core';
import { type Region, regionCodes } from '../model.ts';
import type { ReceivablesRepository } from '../repository.ts';
import { type Ledger, statementsInForce } from '../rollups/ledger.ts';

/** What earlier statements know of an invoice (decisions 10 and 20). */
export interface KnownInvoice {
  date?: DayNumber;
  invoiceAmount?: Paise;
}

const keyOfInvoice = (code: string, number: string) => `${code}\n${number}`;

/**
 * What the statements in force know of the invoices of some customers: the date and the amount that the
 * newest of them (by month, then by time) gives. Only asked where a row lacks one of them.
 */
export async function listKnownInvoices(
  repository: ReceivablesRepository,
  ledger: Ledger,
  codes: readonly string[],
): Promise<(code: string, number: string) => KnownInvoice> {
  // statement → region → slots in force, with its place in time
  const inForce = new Map<string, { order: number; slots: Map<Region, readonly number[]> }>();
  for (const region of regionCodes) {
    for (const event of statementsInForce(ledger.imports, region)) {
      const order = Number(event.month.replace('-', '')) * 1e9 + event.seq;
      const known = inForce.get(event.statementId) ?? { order, slots: new Map() };
      known.slots.set(region, event.slots);
      inForce.set(event.statementId, known);
    }
  }
  const documents = await repository.listStatementsOf(codes, [...inForce.keys()]);
  documents.sort((a, b) => inForce.get(a.s)!.order - inForce.get(b.s)!.order);
  const found = new Map<string, KnownInvoice>();
  for (const document of documents) {
    const slots = inForce.get(document.s)!.slots.get(document.region) ?? [];
    for (const line of document.lines) {
      if (line.n === null || !slots.includes(line.d)) continue;
      const key = keyOfInvoice(document.code, line.n);
      const known = found.get(key) ?? {};
      // Later ones overwrite: the newest wins.
      if (line.g !== undefined && !line.c) known.date = line.g;
      known.invoiceAmount = line.i;
      found.set(key, known);
    }
  }
  return (code, number) => found.get(keyOfInvoice(code, number)) ?? {};
}
