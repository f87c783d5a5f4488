import type { DayNumber } from '@backoffice/core';
import type { SeedContext, SeedSession } from '@backoffice/platform';
import { followUps } from './follow-up.ts';
import type { DemoRow } from './statements.ts';

// Mutations at the same time: each is a compare-and-set of one document, so more would only wait for each other.
const atOnce = 2;

interface Customer {
  id: string;
  customerCode: string;
  remarks: string;
  notes: string;
  assignedEngineer: string;
  invoices: { invoiceNumber: string; status: string }[];
}

type Step = (context: SeedContext, api: SeedSession, rows: DemoRow[], asOf: DayNumber) => Promise<void>;

/** An engineer for each customer that has none yet. */
export const assignEngineers: Step = async (context, api, rows, asOf) => {
  const users = await api.get<{ id: string; email: string }[]>('/users');
  const idOf = new Map(users.map(({ id, email }) => [email, id]));
  const free = new Set((await listCustomers(api)).filter((one) => !one.assignedEngineer).map(codeOf));
  const calls = followUps(rows, asOf)
    .filter(({ code, engineer }) => engineer !== null && free.has(code))
    .map(({ code, engineer }) => () => {
      return api.put(`${pathOf(code)}/assign-engineer`, { engineerId: idOf.get(engineer!) });
    });
  await inParallel(context, 'engineers', calls);
};

/** Remarks and notes where there are none yet. */
export const enterFollowUps: Step = async (context, api, rows, asOf) => {
  const byCode = new Map((await listCustomers(api)).map((customer) => [customer.customerCode, customer]));
  const calls: (() => Promise<void>)[] = [];
  for (const { code, remark, notes } of followUps(rows, asOf)) {
    const customer = byCode.get(code);
    if (!customer) continue;
    if (remark !== 'none' && customer.remarks === 'none') {
      calls.push(() => api.put(`${pathOf(code)}/remark`, { newRemark: remark }));
    }
    if (notes !== '' && customer.notes === '') {
      calls.push(() => api.put(`${pathOf(code)}/notes`, { newNotes: notes }));
    }
  }
  await inParallel(context, 'follow-up', calls);
};

/** Only months with a status column tell of disputes; for the running one people say so themselves. */
export const markDisputes: Step = async (context, api, rows) => {
  const disputed = new Map(rows.filter((row) => row.number).map((row) => [row.number!, row.disputed]));
  const calls: (() => Promise<void>)[] = [];
  for (const { customerCode, invoices } of await listCustomers(api)) {
    for (const { invoiceNumber, status } of invoices) {
      const newStatus = disputed.get(invoiceNumber) ? 'dispute' : 'unpaid';
      if (status === 'paid' || status === newStatus || !disputed.has(invoiceNumber)) continue;
      const path = `${pathOf(customerCode)}/invoices/${encodeURIComponent(invoiceNumber)}/dispute`;
      calls.push(() => api.put(path, { newStatus }));
    }
  }
  await inParallel(context, 'disputes', calls);
};

function listCustomers(api: SeedSession): Promise<Customer[]> {
  return api.get<Customer[]>('/customers');
}

function codeOf({ customerCode }: Customer): string {
  return customerCode;
}

function pathOf(code: string): string {
  return `/customers/${encodeURIComponent(code)}`;
}

async function inParallel(
  { progress, signal }: SeedContext,
  step: string,
  calls: readonly (() => Promise<void>)[],
): Promise<void> {
  let begun = 0;
  let done = 0;
  const work = async () => {
    while (begun < calls.length) {
      signal.throwIfAborted();
      const call = calls[begun]!;
      begun += 1;
      await call();
      done += 1;
      progress(step, done, calls.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
